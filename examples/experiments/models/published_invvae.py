r"""The published InvVAE, and the terms of its bound.

.. math:: \log p(\hat x) + \log p(\eta \mid \hat x)

bounded for *prototypes*: no dequantization, and a noise level for each pixel, at least 0.01. The
entropy of the narrow proposal of :math:`\eta` would add a constant; it is omitted.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn

from eqsets.generative import SymmetryModel
from eqsets.generative.vae import VAE
from eqsets.generative.vae.plain import log_normal

__all__ = ["PrototypeVAE", "Shares", "nats_of_prototypes"]

_MIN_LOG_NOISE = log(0.01)
_NOISE_RATE = 5.0  # learning rate of the noise, relative to the weights, for short fits


class PrototypeVAE(VAE):
    """A VAE with a learned noise level for each pixel, at least 0.01, initially 1."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__(image_shape)
        self.log_noise = nn.Parameter(torch.zeros(image_shape))

    def log_scales(self) -> Tensor:
        """Return the logarithm of the noise of each pixel."""
        return (_NOISE_RATE * self.log_noise).clamp_min(_MIN_LOG_NOISE)

    def by_pixel(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return the log density of each pixel."""
        return log_normal(x, mean, self.log_scales())

    def log_noisy(self, x: Tensor, mean: Tensor) -> Tensor:
        return self.by_pixel(x, mean).flatten(-3).sum(-1)


class Shares(NamedTuple):
    """The terms of the bound, in nats, averaged over test images.

    Attributes:
        bound: of ``log p(prototype)``, importance weighted.
        pose: ``log p(eta | prototype)``.
        floor: of pixels whose noise is at most 0.0101: the reconstruction of K = 1.
        others: of all other pixels.
        pixels: number of pixels at the minimum noise.
        hit: share of test images that are not background at such a pixel.
    """

    bound: float
    pose: float
    floor: float
    others: float
    pixels: int
    hit: float


@torch.no_grad()
def nats_of_prototypes(vae: PrototypeVAE, model: SymmetryModel, x: Tensor, draws: int) -> Shares:
    """Return the terms of the published bound of images ``x``."""
    prototypes = model.prototype(x).clamp(-1, 1)
    bound = vae.bound(prototypes, draws, level=0.0).iwlb.mean()
    z, _ = vae.encode(prototypes, 1, torch.Generator().manual_seed(0))
    nats = vae.by_pixel(prototypes, vae.decoder(z[0])).flatten(1)
    low = vae.log_scales().flatten() < _MIN_LOG_NOISE + 0.01
    foreground = (prototypes.flatten(1)[:, low] > -0.9).any(1)
    pose, floor = model.log_prob(x).mean(), nats[:, low].sum(1).mean()
    return Shares(
        bound=float(bound),
        pose=float(pose),
        floor=float(floor),
        others=float(nats[:, ~low].sum(1).mean()),
        pixels=int(low.sum()),
        hit=float(foreground.float().mean()),
    )
