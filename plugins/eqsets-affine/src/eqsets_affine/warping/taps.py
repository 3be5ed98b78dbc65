r"""Weighted sums of four or sixteen neighbours, and their derivatives.

.. math:: y(u, v) = \sum_j w_j(v) \sum_i w_i(u) \, c_{\lfloor v \rfloor + j, \lfloor u \rfloor + i}

with 2 x 2 taps (linear) or 4 x 4 (cubic B-spline). Values and derivatives need the same numbers, so
both are summed while these are at hand.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Sums", "spread", "sums"]


class Sums(NamedTuple):
    """Sums ``(N, C, P)`` at ``P`` positions; their derivatives along both axes, if requested."""

    value: Tensor
    across: Tensor | None
    down: Tensor | None


def sums(c: Tensor, u: Tensor, v: Tensor, order: int, *, slopes: bool) -> Sums:
    """Read ``c: (N, C, *)`` at columns ``u`` and rows ``v: (N, P)``.

    Args:
        c: numbers between which to interpolate.
        u: columns of the first of two taps, or the second of four less one, inside of ``c``.
        v: rows, likewise.
        order: 1 or 3.
        slopes: whether derivatives are requested.
    """
    first, t, s = _first_taps(c.shape, u, v, order)
    index = first[:, None].expand(*c.shape[:2], -1)
    across, down = _weights(t, order), _weights(s, order)
    turns = (_slopes(t, order), _slopes(s, order)) if slopes else None
    width, flat = c.shape[-1], c.flatten(-2)
    room = flat.shape[-1] - order * (width + 1)
    y = y_u = y_v = None
    for j, weight in enumerate(down):
        row = row_u = None
        for i, share in enumerate(across):
            taps = flat.narrow(-1, j * width + i, room).gather(-1, index)
            row = _add(row, share, taps)
            if turns is not None:
                row_u = _add(row_u, turns[0][i], taps)
        y = _add(y, weight, row)
        if turns is not None:
            y_u, y_v = _add(y_u, weight, row_u), _add(y_v, turns[1][j], row)
    if y is None:
        raise AssertionError("there are at least two taps")
    return Sums(y, y_u, y_v)


def spread(above: Tensor, shape: tuple[int, ...], u: Tensor, v: Tensor, order: int) -> Tensor:
    """Return the adjoint of :func:`sums`: ``above: (N, C, P)`` back to numbers of ``shape``."""
    first, t, s = _first_taps(shape, u, v, order)
    index = first[:, None].expand_as(above)
    across, down = _weights(t, order), _weights(s, order)
    width = shape[-1]
    back = above.new_zeros(*shape[:2], shape[-2] * width)
    room = back.shape[-1] - order * (width + 1)
    for j, weight in enumerate(down):
        row = weight * above
        for i, share in enumerate(across):
            back.narrow(-1, j * width + i, room).scatter_add_(-1, index, share * row)
    return back.reshape(shape)


def _add(total: Tensor | None, weight: Tensor, value: Tensor | None) -> Tensor | None:
    if value is None or total is None:
        return None if value is None else weight * value
    return total.addcmul_(weight, value)


def _first_taps(
    shape: tuple[int, ...], u: Tensor, v: Tensor, order: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the index of the first tap, and how far behind it to read: ``0 <= t, s <= 1``."""
    height, width = shape[-2:]
    column, row = (
        position.floor().clamp_(0, size - 1 - order) for position, size in ((u, width), (v, height))
    )
    t, s = u - column, v - row
    last = (height - 1 - order) * width + width - 1 - order
    # an index computed from NaN would be out of range, an error that a device does not recover from
    first = row.mul_(width).add_(column).long().clamp_(0, last)
    return first, t[:, None], s[:, None]


def _weights(t: Tensor, order: int) -> tuple[Tensor, ...]:
    rest = 1 - t
    if order == 1:
        return rest, t
    tt = t * t
    first, last = rest * rest * rest / 6, tt * t / 6
    second = 2 / 3 - tt * (1 - t / 2)
    return first, second, 1 - first - second - last, last


def _slopes(t: Tensor, order: int) -> tuple[Tensor, ...]:
    if order == 1:
        return -torch.ones_like(t), torch.ones_like(t)
    rest = 1 - t
    first, last = rest * rest / -2, t * t / 2
    second = t * (1.5 * t - 2)
    return first, second, -(first + second + last), last
