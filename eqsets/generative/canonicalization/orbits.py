"""How good prototypes are: what is left of the variance of an image over its orbit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.generative.canonicalization.inference import Inference
from eqsets.generative.canonicalization.views import random_view

__all__ = ["OrbitVariance", "orbit_variance"]


@dataclass(frozen=True, eq=False)
class OrbitVariance:
    """Variances over random members of the orbits, per pixel, averaged over images.

    Attributes:
        share: that of the prototypes divided by that of the images.
        raw: that of the images.
        energy: mean square of the prototypes above the background, divided by that of the images:
            near 1, or ``share`` is small because prototypes are small or faint.
        per_image: the share of each image, ``(B)``, relative to the mean raw variance.
    """

    share: float
    raw: float
    energy: float
    per_image: Tensor


@torch.no_grad()
def orbit_variance(
    inference: Inference,
    images: Tensor,
    *,
    views: int = 8,
    bounds: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> OrbitVariance:
    """Transform images at random, take prototypes, and compare variances over the orbit.

    Prototypes come from the transformed pixels, as a user's would: interpolated twice, so that a
    perfect inference does not reach 0.

    Args:
        inference: of the prototypes.
        images: elements of the domain, ``(B, *element)``.
        views: members of each orbit.
        bounds: ``(k, 2)``, from where; default: those of the family.
        generator: source of randomness.
    """
    drawn = [
        random_view(inference, images, bounds=bounds, generator=generator) for _ in range(views)
    ]
    before = torch.stack([view.images for view in drawn])
    after = torch.stack([view.prototypes(inference.family) for view in drawn])
    axes, background = tuple(range(1, images.dim())), inference.family.domain.background
    spread = before.var(0).mean(axes).mean().clamp_min(1e-12)
    shares = after.var(0).mean(axes) / spread
    raw = (before - background).square().mean().clamp_min(1e-12)
    energy = (after - background).square().mean() / raw
    return OrbitVariance(float(shares.mean()), float(spread), float(energy), shares)
