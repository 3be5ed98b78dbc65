r"""Marginal distributions of one component: densities from draws, their entropy and their modes."""

from __future__ import annotations

from math import log, pi

import torch
from torch import Tensor

__all__ = ["below_uniform", "density_on_circle", "histogram", "modes", "total_variation"]


def density_on_circle(draws: Tensor, *, period: float = 2 * pi, bins: int = 72) -> Tensor:
    """Return densities ``(B, bins)`` of draws ``(n, B)``, smoothed a little.

    Draws are counted in equal bins from ``-period / 2``, and the counts are smoothed around the
    circle by a normal distribution of 1.5 bins: 7.5 degrees of 72 bins.
    """
    place = ((draws / period + 0.5).remainder(1.0) * bins).long().clamp(max=bins - 1)
    counts = torch.zeros(draws.shape[1], bins).scatter_add(1, place.T, torch.ones_like(draws).T)
    steps = torch.arange(bins)
    away = torch.minimum(steps, bins - steps).float()
    bell = torch.softmax(-0.5 * (away / 1.5).square(), 0)
    around = (steps[:, None] - steps) % bins
    return counts @ bell[around] / len(draws) * (bins / period)


def below_uniform(density: Tensor, *, period: float = 2 * pi) -> Tensor:
    """Return how many nats the entropies of densities ``(B, bins)`` are below that of a circle."""
    part = density * (period / density.shape[-1])
    return log(density.shape[-1]) + torch.special.xlogy(part, part).sum(-1)


def modes(density: Tensor, *, least: float = 0.3) -> list[int]:
    """Return the bins of the modes of one density ``(bins,)`` on a circle, highest first.

    A mode counts if it rises by ``least`` of the highest density above the pass to a higher one;
    the highest one, above the lowest place. So a flat density has none.

    Example:
        >>> angle = torch.arange(72) * (2 * torch.pi / 72)
        >>> modes(torch.exp(3 * torch.cos(2 * angle)))
        [0, 36]
        >>> modes(1 + 0.1 * torch.cos(angle))
        []
    """
    height = density.tolist()
    count, top = len(height), max(height)
    peak: dict[int, int] = {}  # bin -> the peak of the hill that it is on, as seen from above
    found: list[int] = []

    def hill(place: int) -> int | None:
        while place in peak and peak[place] != place:
            place = peak[place]
        return place if place in peak else None

    for place in sorted(range(count), key=lambda one: -height[one]):
        beside = {hill((place + step) % count) for step in (-1, 1)} - {None}
        ranked = sorted((one for one in beside if one is not None), key=lambda one: -height[one])
        peak[place] = ranked[0] if ranked else place
        for lower in ranked[1:]:  # here is the pass between two hills
            if height[lower] - height[place] >= least * top:
                found.append(lower)
            peak[lower] = ranked[0]
    highest = height.index(top)
    if top - min(height) >= least * top:
        found.append(highest)
    return sorted(found, key=lambda one: -height[one])


def histogram(draws: Tensor, low: float, high: float, bins: int = 20) -> Tensor:
    """Return the parts of draws ``(n,)`` in equal bins; what lies outside goes to the end bins."""
    place = ((draws - low) / (high - low) * bins).floor().long().clamp(0, bins - 1)
    return torch.bincount(place, minlength=bins).float() / len(draws)


def total_variation(one: Tensor, other: Tensor) -> float:
    """Return half the sum of the differences of two distributions on the same bins."""
    return float((one - other).abs().sum() / 2)
