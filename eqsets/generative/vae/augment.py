"""What training images of a VAE go through: resampling by a symmetry model, or the usual jitter."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import torch
from torch import Tensor

from eqsets.generative.model import SymmetryModel
from eqsets.registry import transformation

__all__ = ["Augmentation", "resampled", "standard"]

Augmentation = Callable[[Tensor, torch.Generator], Tensor]
"""From images ``(B, C, H, W)`` and a source of randomness to as many images."""


def resampled(model: SymmetryModel) -> Augmentation:
    """Return the augmentation of AugVAE: what images show, in other poses that occur.

    The model is in evaluation mode (no dropout), and no gradient goes into it.
    """

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        model.eval()
        images: Tensor = model.resample(x, generator=generator)[0]
        return images.clamp(-1, 1)

    return augment


def standard(
    *, degrees: float = 15.0, scale: float = 0.1, pixels: int = 2, order: int = 1
) -> Augmentation:
    """Return the usual augmentation of digits: turned, stretched along each axis, shifted.

    Args:
        degrees: largest angle.
        scale: largest relative change of each axis.
        pixels: largest shift, by whole pixels either way.
        order: of the interpolation.
    """
    family = transformation("affine")

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        def uniform(limit: float) -> Tensor:
            return (2 * torch.rand(len(x), generator=generator) - 1) * limit

        def shift(side: int) -> Tensor:
            whole = torch.randint(-pixels, pixels + 1, (len(x),), generator=generator)
            return 2 * whole / max(1, side - 1)

        angle, none = uniform(degrees * pi / 180), torch.zeros(len(x))
        sides = [(1 + uniform(scale)).log() for _ in range(2)]
        moved = torch.stack([shift(x.shape[-1]), shift(x.shape[-2])], -1)
        linear = torch.stack([none, none, angle, none, none, none], -1)
        stretch = torch.stack([none, none, none, *sides, none], -1)
        place = torch.cat([moved, torch.zeros(len(x), 4)], -1)
        group = family.group
        g = group.compose(family.element(linear), family.element(stretch))
        g = group.compose(family.element(place), g)
        return family.act(g.to(x), x, order=order)

    return augment
