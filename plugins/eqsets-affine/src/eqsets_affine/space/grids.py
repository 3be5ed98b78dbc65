"""Interpolation on regular grids of 1 or 3 dimensions, at the positions of an affine map."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["coverage", "half_lengths", "interpolate", "sources"]


def half_lengths(size: Sequence[int]) -> float:
    """Return how many points 1 is: half the longest axis, from the first point to the last."""
    return max((max(size) - 1) / 2, 0.5)


def sources(g: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return where each point of the output comes from, ``(*batch, P, d)``, in points.

    Args:
        g: forward matrices ``(*batch, d + 1, d + 1)`` on positions, of which 1 is half the longest
            axis. The first coordinate is the last axis of the grid.
        size: of the grid.
    """
    back: Tensor = torch.linalg.inv(g)
    axes = [torch.arange(n, dtype=g.dtype, device=g.device) - (n - 1) / 2 for n in size]
    away = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1).reshape(-1, len(size))
    half = half_lengths(size)
    moved: Tensor = away @ back[..., :-1, :-1].mT + half * back[..., None, :-1, -1]
    middle = g.new_tensor([(n - 1) / 2 for n in reversed(size)])
    return moved + middle


def coverage(at: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return which part of each position is in the grid, ``(*batch, P)``, by linear weights."""
    ends = at.new_tensor([float(n) for n in reversed(size)])
    part: Tensor = torch.minimum(at + 1, ends - at).clamp(0, 1).prod(-1)
    return part


def interpolate(x: Tensor, at: Tensor, order: int) -> Tensor:
    """Return values ``(B, C, P)`` of ``x: (B, C, *grid)`` at positions ``at: (B, P, d)``.

    Positions outside of the grid have the value of the nearest point of its border.
    """
    size = tuple(x.shape[2:])
    ends = at.new_tensor([float(n - 1) for n in reversed(size)])
    at = torch.minimum(at.clamp_min(0), ends)
    if order == 1 and len(size) == 3 and min(size) > 1:
        grid = 2 * at / ends - 1
        moved = F.grid_sample(x, grid[:, :, None, None], align_corners=True, padding_mode="border")
        return moved[..., 0, 0]
    if order == 3:
        for axis, n in enumerate(size):
            x = (_filter(n, x) @ x.movedim(2 + axis, -2)).movedim(-2, 2 + axis)
    return _gathered(x, at, order)


def _gathered(x: Tensor, at: Tensor, order: int) -> Tensor:
    size = tuple(x.shape[2:])
    flat, total = x.flatten(2), torch.zeros((), dtype=x.dtype, device=x.device)
    low = at.floor() if order else at.round()
    part = at - low
    steps = {0: (0,), 1: (0, 1), 3: (-1, 0, 1, 2)}[order]
    for offsets in product(steps, repeat=len(size)):
        weight, index = torch.ones_like(part[..., 0]), torch.zeros_like(low[..., 0])
        for axis, offset in enumerate(offsets):  # of the grid; coordinates are reversed
            n, column = size[axis], len(size) - 1 - axis
            weight = weight * _weight(part[..., column], offset, order)
            index = index * n + _mirrored(low[..., column] + offset, n)
        picked = flat.gather(2, index.long()[:, None].expand(-1, flat.shape[1], -1))
        total = total + weight[:, None] * picked
    return total


def _weight(t: Tensor, offset: int, order: int) -> Tensor:
    """Return the weight of the point ``offset`` away, a part ``t`` behind point 0."""
    if order == 0:
        return torch.ones_like(t)
    if order == 1:
        return t if offset else 1 - t
    return {
        -1: (1 - t) ** 3 / 6,
        0: (4 - 6 * t * t + 3 * t**3) / 6,
        1: (1 + 3 * t + 3 * t * t - 3 * t**3) / 6,
        2: t**3 / 6,
    }[offset]


def _mirrored(index: Tensor, n: int) -> Tensor:
    """Return an index within the grid, reflected about the first and the last point."""
    inside: Tensor = ((n - 1) - ((n - 1) - index.abs()).abs()).clamp(0, n - 1)
    return inside


def _filter(n: int, like: Tensor) -> Tensor:
    """Return the matrix from values to coefficients of cubic splines, mirrored at the ends."""
    if n == 1:
        return torch.ones(1, 1, dtype=like.dtype, device=like.device)
    basis = torch.zeros(n, n, dtype=torch.float64)
    row = torch.arange(n)
    for offset, weight in ((-1, 1 / 6), (0, 4 / 6), (1, 1 / 6)):
        column = (row + offset).abs()
        column = (n - 1) - ((n - 1) - column).abs()
        basis.index_put_((row, column), basis.new_tensor(weight), accumulate=True)
    inverse: Tensor = torch.linalg.inv(basis)
    return inverse.to(like)
