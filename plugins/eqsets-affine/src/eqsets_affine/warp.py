r"""Read images at moved positions: nearest, linear, cubic spline; in batches, differentiably.

Requirements that shaped this module:

- all four borders are treated the same, and an error of rounding stays one: a position ``1e-7``
  outside of the frame has lost ``1e-7`` of its content, at every order but 0;
- what comes from outside is measured: an output pixel is a unit square at its source, and its
  *validity* is the part of that square that overlaps the frame. Where it is less than 1, the
  content at the border is blended with ``fill``, in the same way for linear and for cubic;
- where a derivative jumps at the border it is the mean of both sides;
- speed: derivatives with respect to the positions are summed along with the values, so that going
  backward to the six numbers of a map is one product; without them, linear has a shorter way;
  and on a CPU a few images are done at a time, so that their numbers stay in the cache;
- ``torch.func``: ``vmap`` adds its axis to the batch, here and on the way back.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from eqsets_affine.taps import spread, sums

__all__ = ["nearest", "overlap", "warp"]

# At a time, on a CPU: 128 kB of float32 for each number of a pixel, and less than what torch shares
# out to threads, which cost more than they gain here (on a busy machine a hundred times as much).
_PIXELS = 2**15 - 1


def warp(c: Tensor, maps: Tensor, size: tuple[int, int], order: int, fill: float) -> Tensor:
    """Return images ``(N, C, H, W)``, interpolated from ``c: (N, C, *)``.

    Args:
        c: the images at order 1 (at least two rows and columns), spline coefficients at order 3.
        maps: ``(N, 2, 3)``: from (column, row, 1) of the output, counted from its middle, to column
            and row of the input, counted from its first pixel.
        size: height and width of the images.
        order: 1 or 3.
        fill: what lies outside.
    """
    y: Tensor
    y, *_ = _apply(c, maps, size, order, fill, maps.requires_grad)
    return y


def _apply(*args: Any) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Warp with derivatives; torch.compile traces no function with forward derivatives."""
    function = _Warp if torch.compiler.is_compiling() else _ForwardWarp
    result: tuple[Tensor, Tensor | None, Tensor | None] = function.apply(*args)  # type: ignore[no-untyped-call]
    return result


def nearest(x: Tensor, maps: Tensor, fill: float) -> Tensor:
    """Return the nearest pixels of ``x: (N, C, H, W)``; see :func:`warp`.

    A position half way between two pixels takes the one nearer to the middle of the image.
    """
    size = (x.shape[-2], x.shape[-1])
    return torch.cat([_nearest(*some, size, fill) for some in _pieces(size, x, maps.detach())])


def _nearest(x: Tensor, maps: Tensor, size: tuple[int, int], fill: float) -> Tensor:
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
    outside = [_outside(one, pixels) for one, pixels in zip((v, u), size, strict=True)]
    inside: Tensor = (1 - outside[0]).clamp(min=0) * (1 - outside[1]).clamp(min=0)
    return inside.reshape(-1, 1, *size)


def _outside(position: Tensor, size: int) -> Tensor:
    middle = (size - 1) / 2
    return ((position - middle).abs() - middle).clamp(min=0)


def _round(position: Tensor, size: int) -> Tensor:
    above = position > (size - 1) / 2
    return torch.where(above, (position - 0.5).ceil(), (position + 0.5).floor()).long()


def _pixels(size: tuple[int, int], like: Tensor) -> Tensor:
    """Return (column, row, 1) of each pixel, counted from the middle, ``(3, H * W)``."""
    height, width = size
    column = torch.arange(width, dtype=like.dtype, device=like.device) - (width - 1) / 2
    row = torch.arange(height, dtype=like.dtype, device=like.device) - (height - 1) / 2
    columns, rows = column.repeat(height), row.repeat_interleave(width, output_size=width * height)
    return torch.stack([columns, rows, torch.ones_like(rows)])


def _sources(maps: Tensor, size: tuple[int, int]) -> list[Tensor]:
    """Return columns and rows of the sources, each ``(N, H * W)``; whole numbers stay whole."""
    column, row, _ = _pixels(size, maps).unbind(0)
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


class _Warp(torch.autograd.Function):
    @staticmethod
    def forward(
        c: Tensor, maps: Tensor, size: tuple[int, int], order: int, fill: float, slopes: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        parts = [_piece(*some, size, order, fill, slopes) for some in _pieces(size, c, maps)]
        y, across, down = zip(*parts, strict=True)
        return torch.cat(y), _joined(across), _joined(down)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        c, maps, ctx.size, ctx.order, ctx.fill, slopes = inputs
        ctx.shape = c.shape
        rest = output[1:] if slopes else ()
        ctx.mark_non_differentiable(*rest)
        ctx.save_for_backward(maps, *rest)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor, *_: Tensor | None) -> tuple[Tensor | None, ...]:
        maps, *slopes = ctx.saved_tensors
        back = to_maps = None
        if ctx.needs_input_grad[0]:
            back = _Spread.apply(above, maps, ctx.shape[1:], ctx.size, ctx.order)  # type: ignore[no-untyped-call]
        if slopes:
            flat = above.flatten(-2)
            along = torch.stack([(flat * slope).sum(1) for slope in slopes], 1)
            to_maps = along @ _pixels(ctx.size, maps).mT
        return back, to_maps, None, None, None, None

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        c: Tensor,
        maps: Tensor,
        *rest: Any,
    ) -> tuple[tuple[Tensor | None, ...], tuple[int | None, ...]]:
        folded = [_folded(*one, info.batch_size) for one in ((c, in_dims[0]), (maps, in_dims[1]))]
        return _unfolded(_apply(*folded, *rest), info.batch_size)


class _ForwardWarp(_Warp):
    """The same, with forward derivatives."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        _Warp.setup_context(ctx, inputs, output)
        ctx.save_for_forward(*inputs[:2])

    @staticmethod
    def jvp(
        ctx: Any, c_along: Tensor | None, maps_along: Tensor | None, *_: None
    ) -> tuple[Tensor, None, None]:
        c, maps = ctx.saved_tensors
        args = (ctx.size, ctx.order)
        total = None if c_along is None else warp(c_along, maps, *args, 0.0)
        if maps_along is not None:
            _, across, down = _apply(c, maps, *args, ctx.fill, True)
            if across is None or down is None:
                raise AssertionError("slopes were asked for")
            along = (
                (maps_along.to(maps.dtype) @ _pixels(ctx.size, maps))
                .unsqueeze(-2)
                .unflatten(-1, ctx.size)
            )
            moved = across.unflatten(-1, ctx.size) * along[:, 0]
            moved = moved + down.unflatten(-1, ctx.size) * along[:, 1]
            total = moved if total is None else total + moved
        if total is None:
            raise AssertionError("forward derivatives are asked for where an input has one")
        return total, None, None


class _Spread(torch.autograd.Function):
    """What flows back to the numbers that were read: the adjoint of a warp."""

    @staticmethod
    def forward(
        above: Tensor, maps: Tensor, shape: tuple[int, ...], size: tuple[int, int], order: int
    ) -> Tensor:
        pieces = _pieces(size, above, maps)
        return torch.cat([_back(*some, shape, size, order) for some in pieces])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        raise NotImplementedError("second derivatives of warps by the numbers that are read")

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], above: Tensor, maps: Tensor, *rest: Any
    ) -> tuple[Tensor, int]:
        pairs = ((above, in_dims[0]), (maps, in_dims[1]))
        result = _Spread.apply(*(_folded(*one, info.batch_size) for one in pairs), *rest)  # type: ignore[no-untyped-call]
        return result.unflatten(0, (info.batch_size, -1)), 0


def _folded(x: Tensor, dim: int | None, count: int) -> Tensor:
    """Return ``x`` with the axis of vmap in its batch, ``(count * N, ...)``."""
    x = x.expand(count, *x.shape) if dim is None else x.movedim(dim, 0)
    return x.flatten(0, 1)


def _unfolded(
    results: tuple[Tensor | None, ...], count: int
) -> tuple[tuple[Tensor | None, ...], tuple[int | None, ...]]:
    parts = tuple(None if one is None else one.unflatten(0, (count, -1)) for one in results)
    return parts, tuple(None if one is None else 0 for one in parts)


def _pieces(size: tuple[int, int], x: Tensor, maps: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return a few images at a time on a CPU, else all."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return [(x, maps)]
    pixels = x.shape[1] * size[0] * size[1]
    step = max(1, _PIXELS * max(1, torch.get_num_threads() // 4) // pixels)
    return list(zip(x.split(step), maps.split(step), strict=True))


def _joined(parts: tuple[Tensor | None, ...]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None


def _piece(
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
    # an index made of NaN would be out of range, an error that a device does not recover from
    first = row.mul_(below).add_(column).add_(below + 1).long().clamp_(0, room - 1)
    index = first[:, None].expand(*c.shape[:2], -1)
    above, right, under, last = (
        flat.narrow(-1, step, room).gather(-1, index) for step in (0, 1, below, below + 1)
    )
    lines = torch.lerp(above, right, t), torch.lerp(under, last, t)
    y: Tensor = torch.lerp(*lines, s).unflatten(-1, size)
    return y


def _back(
    above: Tensor, maps: Tensor, shape: tuple[int, ...], size: tuple[int, int], order: int
) -> Tensor:
    u, v = _sources(maps, size)
    x, y = _axis(u, size[1], slopes=False), _axis(v, size[0], slopes=False)
    weighted = above.flatten(-2) * (x.inside * y.inside)[:, None]
    return spread(weighted, (len(above), *shape), x.held, y.held, order)
