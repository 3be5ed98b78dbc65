"""Densities of images on top of a symmetry model: VAE, AugVAE, InvVAE, and one bound for all."""

from eqsets.generative.vae.augment import Resampling, resampled, standard
from eqsets.generative.vae.bounds import Bound, importance_bound
from eqsets.generative.vae.invariant import InvariantVAE
from eqsets.generative.vae.plain import VAE

__all__ = [
    "VAE",
    "Bound",
    "InvariantVAE",
    "Resampling",
    "importance_bound",
    "resampled",
    "standard",
]
