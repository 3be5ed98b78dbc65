r"""Read images at moved places: nearest, linear, cubic spline; once, in batches, differentiably.

Requirements that shaped this module:

- both borders of an axis behave alike, and an error of rounding is an error of rounding: a place
  ``1e-7`` outside of the frame has lost ``1e-7`` of its content, at every order but 0;
- what comes from outside is measured: an output pixel is a unit square at its source, and its
  *validity* is the part of that square that overlaps the frame. Where it is less than 1, the
  content at the border is blended with ``fill``, in the same way for linear and for cubic;
- speed on a CPU: a cubic spline has non-negative weights, so its 16 taps are 4 linear reads between
  neighbouring coefficients, and linear reads are what ``grid_sample`` does in vector instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from eqsets_affine.spline import SplineFilter

__all__ = ["overlap", "warp"]


def warp(
    x: Tensor, u: Tensor, v: Tensor, *, order: int, fill: float, coefficients: SplineFilter
) -> Tensor:
    """Return ``x: (*batch, C, H, W)`` read at columns ``u`` and rows ``v: (*batch, H, W)``.

    Args:
        x: images; batches broadcast.
        u: columns, counted in pixels from 0 at the centre of the leftmost pixel.
        v: rows, likewise.
        order: 0, 1 or 3.
        fill: what lies outside.
        coefficients: makes spline coefficients.
    """
    if order == 0:
        return _nearest(x, u, v, fill)
    if order == 1:
        seen = _read(x - fill, u, v, "zeros")
        return seen + fill
    height, width = x.shape[-2:]
    seen = _cubic(coefficients(x), u.clamp(0, width - 1), v.clamp(0, height - 1))
    inside = overlap(u, v, (height, width))[..., None, :, :]
    return fill + inside * (seen - fill)


def overlap(u: Tensor, v: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the part of the unit square at ``(u, v)`` that lies in the frame, ``(*, H, W)``."""
    height, width = size
    return _inside(u, width) * _inside(v, height)


def _inside(place: Tensor, size: int) -> Tensor:
    middle = (size - 1) / 2
    return (middle + 1 - (place - middle).abs()).clamp(0, 1)


def _read(x: Tensor, u: Tensor, v: Tensor, padding: str) -> Tensor:
    """Read linearly between pixels."""
    height, width = x.shape[-2:]
    grid = torch.stack([(2 * u + 1) / width - 1, (2 * v + 1) / height - 1], -1)
    batch = torch.broadcast_shapes(x.shape[:-3], grid.shape[:-3])
    rows, columns = grid.shape[-3:-1]
    flat = x.expand(*batch, *x.shape[-3:]).reshape(-1, *x.shape[-3:])
    grid = grid.expand(*batch, rows, columns, 2).reshape(-1, rows, columns, 2)
    seen: Tensor = F.grid_sample(flat, grid, padding_mode=padding, align_corners=False)
    shaped: Tensor = seen.reshape(*batch, x.shape[-3], rows, columns)
    return shaped


def _cubic(c: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Evaluate the spline with coefficients ``c``, one more at each side than there are pixels."""
    (left, right, left_weight), (top, bottom, top_weight) = _pairs(u), _pairs(v)
    height = u.shape[-2]
    columns = torch.cat([left, right, left, right], -2)
    rows = torch.cat([top, top, bottom, bottom], -2)
    a, b, e, f = _read(c, columns, rows, "border").split(height, -2)
    left_weight, top_weight = left_weight[..., None, :, :], top_weight[..., None, :, :]
    upper, lower = b + left_weight * (a - b), f + left_weight * (e - f)
    return lower + top_weight * (upper - lower)


def _pairs(place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return where to read linearly between the first two and the last two of four taps.

    Places count from the first coefficient, which lies one left of the first pixel; and the weight
    of the first read (the other has the rest).
    """
    cell = place.detach().floor()
    t = place - cell
    rest = 1 - t
    far_left, far_right = rest * rest * rest / 6, t * t * t / 6
    near_right = 2 / 3 - rest * rest * (1 + t) / 2
    right = near_right + far_right
    left = 1 - right
    return cell + 1 - far_left / left, cell + 2 + far_right / right, left


def _nearest(x: Tensor, u: Tensor, v: Tensor, fill: float) -> Tensor:
    """Take the nearest pixel; a place half way between two takes the one nearer to the middle."""
    height, width = x.shape[-2:]
    column, row = _round(u, width), _round(v, height)
    known = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    batch = torch.broadcast_shapes(x.shape[:-3], index.shape[:-2])
    pixels = x.expand(*batch, *x.shape[-3:]).flatten(-2)
    index = index.flatten(-2)[..., None, :].expand(*batch, x.shape[-3], -1)
    seen = pixels.gather(-1, index).reshape(*batch, x.shape[-3], *u.shape[-2:])
    return torch.where(known[..., None, :, :], seen, fill)


def _round(place: Tensor, size: int) -> Tensor:
    offset = place.detach() - (size - 1) / 2
    toward_middle = torch.where(offset > 0, (place - 0.5).ceil(), (place + 0.5).floor())
    return toward_middle.long()
