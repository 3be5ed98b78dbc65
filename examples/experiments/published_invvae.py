r"""The InvVAE as it was published, to see what its nats are made of.

.. math:: \log p(\hat x) + \log p(\eta \mid \hat x)

bounded for *prototypes*: no byte noise, and a noise of its own for each pixel, at least 0.01. The
entropy of the narrow proposal of :math:`\eta` would add a constant; it is left out.
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

_FLOOR = log(0.01)
_FAST = 5.0  # how much faster noise learns than weights: short fits reach the floor, too


class PrototypeVAE(VAE):
    """A VAE with a learned noise for each pixel, at least 0.01, 1 at the beginning."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__(image_shape)
        self.log_noise = nn.Parameter(torch.zeros(image_shape))

    def log_scales(self) -> Tensor:
        """Return the logarithm of the noise of each pixel."""
        return (_FAST * self.log_noise).clamp_min(_FLOOR)

    def by_pixel(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return the log density of each pixel."""
        return log_normal(x, mean, self.log_scales())

    def log_noisy(self, x: Tensor, mean: Tensor) -> Tensor:
        return self.by_pixel(x, mean).flatten(-3).sum(-1)


class Shares(NamedTuple):
    """What the bound is made of, in nats, averaged over test images.

    Attributes:
        bound: of ``log p(prototype)``, importance weighted.
        pose: ``log p(eta | prototype)``.
        floor: from pixels whose noise is at most 0.0101: the reconstruction of K = 1.
        others: from all other pixels.
        pixels: how many are at the floor.
        hit: share of test images with more than 0.1 where a pixel is at the floor.
    """

    bound: float
    pose: float
    floor: float
    others: float
    pixels: int
    hit: float


@torch.no_grad()
def nats_of_prototypes(vae: PrototypeVAE, model: SymmetryModel, x: Tensor, draws: int) -> Shares:
    """Return what the published bound of images ``x`` is made of."""
    made = model.prototype(x).clamp(-1, 1)
    bound = vae.bound(made, draws, level=0.0).iwlb.mean()
    z, _ = vae.encode(made, 1, torch.Generator().manual_seed(0))
    nats = vae.by_pixel(made, vae.decoder(z[0])).flatten(1)
    low = vae.log_scales().flatten() < _FLOOR + 0.01
    ink = (made.flatten(1)[:, low] > -0.9).any(1)
    pose, floor = model.log_prob(x).mean(), nats[:, low].sum(1).mean()
    return Shares(
        bound=float(bound),
        pose=float(pose),
        floor=float(floor),
        others=float(nats[:, ~low].sum(1).mean()),
        pixels=int(low.sum()),
        hit=float(ink.float().mean()),
    )
