"""Gaussian blurs of elements on grids of any dimension, axis by axis."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["blur", "soften"]


def blur(x: Tensor, sigma: float, *, fill: float = -1.0, dims: int = 2) -> Tensor:
    """Return elements blurred by a normalised Gaussian of 5 taps; unchanged below ``sigma = 1e-5``.

    Args:
        x: elements ``(*batch, *grid)``.
        sigma: in points of the grid.
        fill: what lies outside.
        dims: how many of the last axes are the grid; 0: nothing is blurred.

    Example:
        >>> x = torch.full((1, 1, 5, 5), -1.0)
        >>> x[0, 0, 0, 0] = 1.0
        >>> blur(x, 3.0)[0, 0, 0, :3].mul(1e4).round().div(1e4)
        tensor([-0.9009, -0.9063, -0.9207])
    """
    if sigma <= 1e-5:
        return x
    steps = torch.arange(-2, 3, dtype=x.dtype, device=x.device)
    bell = torch.softmax(-steps.square() / (2 * sigma**2), 0)
    return _along_axes(x - fill, [_band(bell, size) for size in x.shape[x.dim() - dims :]]) + fill


def _band(bell: Tensor, size: int) -> Tensor:
    """Return the matrix that convolves ``size`` pixels with ``bell``: faster than small kernels."""
    index = torch.arange(size, device=bell.device)
    away = (index[:, None] - index) + len(bell) // 2
    inside = (away >= 0) & (away < len(bell))
    return torch.where(inside, bell[away.clamp(0, len(bell) - 1)], 0.0)


def soften(x: Tensor, variance: Tensor, *, fill: float = -1.0, dims: int = 2) -> Tensor:
    """Return elements ``(B, C, *grid)`` blurred by Gaussians of ``variance: (B)`` square points.

    Args:
        x: elements.
        variance: of each.
        fill: what lies outside.
        dims: how many of the last axes are the grid; 0: nothing is blurred.

    Example:
        >>> x = torch.full((1, 1, 9, 9), -1.0)
        >>> x[0, 0, 4, 4] = 1.0
        >>> bell = soften(x, torch.tensor([1.5]))[0, 0, 4] + 1
        >>> away = torch.arange(-4.0, 5.0).square()
        >>> round(float((bell * away).sum() / bell.sum()), 2)
        1.5
    """
    shape = (len(x), *[1] * max(0, x.dim() - 3))
    bells = [_bells(size, variance.to(x.dtype)) for size in x.shape[x.dim() - dims :]]
    return _along_axes(x - fill, [one.reshape(*shape, *one.shape[-2:]) for one in bells]) + fill


def _along_axes(x: Tensor, matrices: list[Tensor]) -> Tensor:
    """Multiply the last axes by symmetric matrices, one for each axis."""
    for axis, matrix in zip(range(-len(matrices), 0), matrices, strict=True):
        x = x @ matrix if axis == -1 else (matrix @ x.movedim(axis, -2)).movedim(-2, axis)
    return x


def _bells(size: int, variance: Tensor) -> Tensor:
    """Return symmetric matrices ``(B, size, size)`` that blur lines with nothing around."""
    position = torch.arange(size, dtype=variance.dtype, device=variance.device)
    square = (position[:, None] - position).square()
    bells = torch.exp(-square / (2 * variance[:, None, None]))
    line = torch.arange(-size, size + 1, dtype=variance.dtype, device=variance.device)
    total = torch.exp(-line.square() / (2 * variance[:, None])).sum(-1)
    return bells / total[:, None, None]
