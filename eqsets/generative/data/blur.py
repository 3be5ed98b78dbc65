"""Gaussian blurs of images."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["blur", "soften"]


def blur(x: Tensor, sigma: float, *, fill: float = -1.0) -> Tensor:
    """Return images blurred by a normalised 5 x 5 Gaussian; as they are below ``sigma = 1e-5``.

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
    down, right = (_band(bell, size) for size in x.shape[-2:])
    return down @ (x - fill) @ right + fill


def _band(bell: Tensor, size: int) -> Tensor:
    """Return the matrix that convolves ``size`` pixels with ``bell``: faster than small kernels."""
    index = torch.arange(size, device=bell.device)
    away = (index[:, None] - index) + len(bell) // 2
    inside = (away >= 0) & (away < len(bell))
    return torch.where(inside, bell[away.clamp(0, len(bell) - 1)], 0.0)


def soften(x: Tensor, variance: Tensor, *, fill: float = -1.0) -> Tensor:
    """Return images ``(B, C, H, W)`` blurred by Gaussians of ``variance: (B)`` square pixels.

    Example:
        >>> x = torch.full((1, 1, 9, 9), -1.0)
        >>> x[0, 0, 4, 4] = 1.0
        >>> bell = soften(x, torch.tensor([1.5]))[0, 0, 4] + 1
        >>> away = torch.arange(-4.0, 5.0).square()
        >>> round(float((bell * away).sum() / bell.sum()), 2)
        1.5
    """
    height, width = x.shape[-2:]
    down = _bells(height, variance.to(x.dtype))
    across = _bells(width, variance.to(x.dtype))
    return down @ (x - fill) @ across + fill


def _bells(size: int, variance: Tensor) -> Tensor:
    """Return symmetric matrices ``(B, 1, size, size)`` that blur lines with nothing around."""
    position = torch.arange(size, dtype=variance.dtype, device=variance.device)
    square = (position[:, None] - position).square()
    bells = torch.exp(-square / (2 * variance[:, None, None, None]))
    line = torch.arange(-size, size + 1, dtype=variance.dtype, device=variance.device)
    total = torch.exp(-line.square() / (2 * variance[:, None])).sum(-1)
    return bells / total[:, None, None, None]
