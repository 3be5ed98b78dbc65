"""Read a few images at moved positions, with derivatives by these positions; no autograd here."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from eqsets_affine.warping.taps import spread, sums

__all__ = ["overlap", "pieces", "pixels", "read", "read_nearest", "spread_back"]

# At a time, on a CPU: 128 kB of float32 for each number of a pixel, and less than what torch shares
# out to threads, which cost more than they gain here (on a busy machine a hundred times as much).
_AT_ONCE = 2**15 - 1


def pieces(size: tuple[int, int], x: Tensor, maps: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return a few images at a time on a CPU, else all."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return [(x, maps)]
    numbers = x.shape[1] * size[0] * size[1]
    step = max(1, _AT_ONCE * max(1, torch.get_num_threads() // 4) // numbers)
    return list(zip(x.split(step), maps.split(step), strict=True))


def read_nearest(x: Tensor, maps: Tensor, size: tuple[int, int], fill: float) -> Tensor:
    """Return the nearest pixels of ``x: (N, C, H, W)``."""
    height, width = size
    u, v = _sources(maps, size)
    column, row = _round(u, width), _round(v, height)
    known = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    values = x.flatten(-2).gather(-1, index[:, None].expand(*x.shape[:2], -1))
    return torch.where(known[:, None], values, fill).reshape(x.shape)


def overlap(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return which part of each output pixel lies in the frame at its source, ``(N, 1, H, W)``."""
    u, v = _sources(maps, size)
    outside = [_outside(one, side) for one, side in zip((v, u), size, strict=True)]
    inside: Tensor = (1 - outside[0]).clamp(min=0) * (1 - outside[1]).clamp(min=0)
    return inside.reshape(-1, 1, *size)


def _outside(position: Tensor, size: int) -> Tensor:
    middle = (size - 1) / 2
    return ((position - middle).abs() - middle).clamp(min=0)


def _round(position: Tensor, size: int) -> Tensor:
    above = position > (size - 1) / 2
    return torch.where(above, (position - 0.5).ceil(), (position + 0.5).floor()).long()


def pixels(size: tuple[int, int], like: Tensor) -> Tensor:
    """Return (column, row, 1) of each pixel, counted from the middle, ``(3, H * W)``."""
    height, width = size
    column = torch.arange(width, dtype=like.dtype, device=like.device) - (width - 1) / 2
    row = torch.arange(height, dtype=like.dtype, device=like.device) - (height - 1) / 2
    columns, rows = column.repeat(height), row.repeat_interleave(width, output_size=width * height)
    return torch.stack([columns, rows, torch.ones_like(rows)])


def _sources(maps: Tensor, size: tuple[int, int]) -> list[Tensor]:
    """Return columns and rows of the sources, each ``(N, H * W)``; whole numbers stay whole."""
    column, row, _ = pixels(size, maps).unbind(0)
    positions = []
    for one in maps.unbind(-2):
        a, b, start = one.split(1, -1)
        positions.append(torch.addcmul(torch.addcmul(start, a, column), b, row))
    return positions


class _Axis(NamedTuple):
    """Positions along one axis, clamped to the frame; what is inside, and derivatives of both."""

    held: Tensor
    inside: Tensor
    held_slope: Tensor
    inside_slope: Tensor


def _axis(position: Tensor, size: int, *, slopes: bool) -> _Axis:
    held = position.clamp(0, size - 1)
    inside = (1 - (position - held).abs_()).clamp_(min=0)
    if not slopes:
        return _Axis(held, inside, inside, inside)
    after_first, after_last = position.sign(), (position - (size - 1)).sign_()
    held_slope = (after_first - after_last).mul_(0.5)
    inside_slope = (after_first + after_last).mul_(-0.5).mul_(inside > 0)
    return _Axis(held, inside, held_slope, inside_slope)


def read(
    c: Tensor, maps: Tensor, size: tuple[int, int], order: int, fill: float, slopes: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return images, and the derivatives of each pixel by its column and row at the source."""
    if order == 1 and not slopes:
        return _linear(c, maps, size, fill), None, None
    u, v = _sources(maps, size)
    x, y = _axis(u, size[1], slopes=slopes), _axis(v, size[0], slopes=slopes)
    read = sums(c, x.held, y.held, order, slopes=slopes)
    inside = (x.inside * y.inside)[:, None]
    across = down = None
    if read.across is not None and read.down is not None:
        above = read.value - fill
        fade = (x.inside_slope * y.inside, y.inside_slope * x.inside)
        across = (read.across * (inside * x.held_slope[:, None])).addcmul_(above, fade[0][:, None])
        down = (read.down * (inside * y.held_slope[:, None])).addcmul_(above, fade[1][:, None])
    moved = torch.addcmul((1 - inside) * fill, inside, read.value)
    return moved.unflatten(-1, size), across, down


def _linear(c: Tensor, maps: Tensor, size: tuple[int, int], fill: float) -> Tensor:
    """Return images at order 1: in a frame of ``fill``, a pixel wide, blending is interpolation."""
    height, width = size
    u, v = _sources(maps, size)
    column, row = u.clamp_(-1, width).floor(), v.clamp_(-1, height).floor()
    t, s = u.sub_(column)[:, None], v.sub_(row)[:, None]
    # a row and a column more than needed, so that those on the far side have a next one, too
    flat = F.pad(c[..., :height, :width], (1, 2, 1, 2), value=fill).flatten(-2)
    below = width + 3
    room = flat.shape[-1] - below - 1
    # an index computed from NaN would be out of range, an error that a device does not recover from
    first = row.mul_(below).add_(column).add_(below + 1).long().clamp_(0, room - 1)
    index = first[:, None].expand(*c.shape[:2], -1)
    above, right, under, last = (
        flat.narrow(-1, step, room).gather(-1, index) for step in (0, 1, below, below + 1)
    )
    lines = torch.lerp(above, right, t), torch.lerp(under, last, t)
    y: Tensor = torch.lerp(*lines, s).unflatten(-1, size)
    return y


def spread_back(
    above: Tensor, maps: Tensor, shape: tuple[int, ...], size: tuple[int, int], order: int
) -> Tensor:
    """Return what flows back from ``above`` to images of ``shape`` that were read."""
    u, v = _sources(maps, size)
    x, y = _axis(u, size[1], slopes=False), _axis(v, size[0], slopes=False)
    weighted = above.flatten(-2) * (x.inside * y.inside)[:, None]
    return spread(weighted, (len(above), *shape), x.held, y.held, order)
