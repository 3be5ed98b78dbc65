"""Small images of elements, as tensors: what a report shows of signals, clouds and vectors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["bars", "curves", "projections", "scatter"]

_REACH = 3.0  # in units of the data


def curves(x: Tensor, height: int = 48, width: int = 72) -> Tensor:
    """Return one image ``(1, height, width)`` of signals ``(C, T)``, all channels in it.

    Up is positive, and the image reaches from -3 to 3 units.
    """
    line = F.interpolate(x[None].float(), width, mode="linear", align_corners=True)[0]
    level = (_REACH - line.clamp(-_REACH, _REACH)) * ((height - 1) / (2 * _REACH))
    after = torch.cat([level[:, 1:], level[:, -1:]], 1)
    row = torch.arange(height, device=x.device)[:, None]
    low, high = torch.minimum(level, after)[:, None], torch.maximum(level, after)[:, None]
    away = torch.maximum(low - row, row - high).clamp_min(0)
    return 2 * (1 - away).clamp_min(0).amax(0)[None] - 1


def scatter(x: Tensor, size: int = 56) -> Tensor:
    """Return one image ``(1, size, size)`` of points ``(P, 2 or 3)``; nearer points are brighter.

    Points of space are projected along their last axis. The image reaches 2.5 units.
    """
    steps = torch.linspace(2.5, -2.5, size, device=x.device, dtype=x.dtype)
    spot = 5.0 / size
    across = (-((x[:, :1] + steps) / spot).square()).exp()
    down = (-((x[:, 1:2] - steps) / spot).square()).exp()
    light = torch.ones_like(x[:, 0])
    if x.shape[1] == 3:
        light = 0.65 + 0.35 * (x[:, 2] / 2).clamp(-1, 1)
    dots = light[:, None, None] * down[:, :, None] * across[:, None, :]
    return 2 * dots.amax(0)[None].clamp(max=1.0) - 1


def projections(x: Tensor) -> Tensor:
    """Return the largest values of a volume ``(C, D, H, W)`` along each axis, side by side."""
    volume = x.amax(0).clamp(-1, 1)
    views = [volume.amax(axis) for axis in range(3)]
    height = max(view.shape[0] for view in views)
    padded = [F.pad(one, (0, 1, 0, height - one.shape[0]), value=0.0) for one in views]
    return 2 * torch.cat(padded, 1)[None].clamp(0, 1) - 1


def bars(x: Tensor, height: int = 40, width: int = 4) -> Tensor:
    """Return one image of numbers ``(d,)``: bars up and down, from -3 to 3 units."""
    x = x[:64].float().clamp(-_REACH, _REACH)
    level = torch.linspace(_REACH, -_REACH, height, device=x.device)[:, None]
    filled = ((level >= 0) & (level <= x)) | ((level <= 0) & (level >= x))
    wide = filled.to(x.dtype).repeat_interleave(width, 1)
    wide[:, width - 1 :: width] = 0.0
    return 2 * wide[None] - 1
