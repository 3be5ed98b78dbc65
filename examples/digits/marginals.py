r"""Marginal distributions of one component: densities from draws, their entropy and modes."""

from __future__ import annotations

from math import log, pi

import torch
from torch import Tensor

__all__ = ["below_uniform", "density_on_circle", "histogram", "modes", "total_variation"]


def density_on_circle(draws: Tensor, *, period: float = 2 * pi, bins: int = 72) -> Tensor:
    """Return densities ``(B, bins)`` of draws ``(n, B)``, smoothed.

    Draws are counted in equal bins from ``-period / 2``, and the counts are smoothed on the circle
    by a normal distribution of 1.5 bins: 7.5 degrees of 72 bins.
    """
    index = ((draws / period + 0.5).remainder(1.0) * bins).long().clamp(max=bins - 1)
    counts = torch.zeros(draws.shape[1], bins).scatter_add(1, index.T, torch.ones_like(draws).T)
    steps = torch.arange(bins)
    away = torch.minimum(steps, bins - steps).float()
    bell = torch.softmax(-0.5 * (away / 1.5).square(), 0)
    around = (steps[:, None] - steps) % bins
    return counts @ bell[around] / len(draws) * (bins / period)


def below_uniform(density: Tensor, *, period: float = 2 * pi) -> Tensor:
    """Return the entropy of the uniform density minus that of densities ``(B, bins)``, in nats."""
    part = density * (period / density.shape[-1])
    return log(density.shape[-1]) + torch.special.xlogy(part, part).sum(-1)


def modes(density: Tensor, *, least: float = 0.3) -> list[int]:
    """Return the bins of the modes of one density ``(bins,)`` on a circle, highest first.

    A mode counts if its prominence is at least ``least`` of the highest density; the prominence of
    the highest mode is its height above the minimum. So a flat density has none.

    Example:
        >>> angle = torch.arange(72) * (2 * torch.pi / 72)
        >>> modes(torch.exp(3 * torch.cos(2 * angle)))
        [0, 36]
        >>> modes(1 + 0.1 * torch.cos(angle))
        []
    """
    height = density.tolist()
    count, top = len(height), max(height)
    peak: dict[int, int] = {}  # bin -> the peak of its connected component above the current level
    result: list[int] = []

    def component(index: int) -> int | None:
        while index in peak and peak[index] != index:
            index = peak[index]
        return index if index in peak else None

    for index in sorted(range(count), key=lambda one: -height[one]):
        adjacent = {component((index + step) % count) for step in (-1, 1)} - {None}
        ranked = sorted((one for one in adjacent if one is not None), key=lambda one: -height[one])
        peak[index] = ranked[0] if ranked else index
        for lower in ranked[1:]:  # two components meet: the saddle between two modes
            if height[lower] - height[index] >= least * top:
                result.append(lower)
            peak[lower] = ranked[0]
    highest = height.index(top)
    if top - min(height) >= least * top:
        result.append(highest)
    return sorted(result, key=lambda one: -height[one])


def histogram(draws: Tensor, low: float, high: float, bins: int = 20) -> Tensor:
    """Return the fractions of draws ``(n,)`` in equal bins; the end bins include outliers."""
    index = ((draws - low) / (high - low) * bins).floor().long().clamp(0, bins - 1)
    return torch.bincount(index, minlength=bins).float() / len(draws)


def total_variation(one: Tensor, other: Tensor) -> float:
    """Return half the sum of the differences of two distributions on the same bins."""
    return float((one - other).abs().sum() / 2)
