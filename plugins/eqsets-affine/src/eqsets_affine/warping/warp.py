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

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from eqsets_affine.warping.sampling import pieces, pixels, read, read_nearest, spread_back

__all__ = ["nearest", "warp"]


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
    """Warp with derivatives; torch.compile accepts no function with forward derivatives."""
    function = _Warp if torch.compiler.is_compiling() else _ForwardWarp
    result: tuple[Tensor, Tensor | None, Tensor | None] = function.apply(*args)  # type: ignore[no-untyped-call]
    return result


def nearest(x: Tensor, maps: Tensor, fill: float) -> Tensor:
    """Return the nearest pixels of ``x: (N, C, H, W)``; see :func:`warp`.

    A position half way between two pixels takes the one nearer to the middle of the image.
    """
    size = (x.shape[-2], x.shape[-1])
    return torch.cat([read_nearest(*some, size, fill) for some in pieces(size, x, maps.detach())])


class _Warp(torch.autograd.Function):
    @staticmethod
    def forward(
        c: Tensor, maps: Tensor, size: tuple[int, int], order: int, fill: float, slopes: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        parts = [read(*some, size, order, fill, slopes) for some in pieces(size, c, maps)]
        y, across, down = zip(*parts, strict=True)
        return torch.cat(y), _joined(across), _joined(down)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        c, maps, ctx.size, ctx.order, ctx.fill, slopes = inputs
        ctx.shape = c.shape
        rest: tuple[Any, ...] = output[1:] if slopes else ()
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
            to_maps = along @ pixels(ctx.size, maps).mT
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
            across, down = _apply(c, maps, *args, ctx.fill, True)[1:]
            if across is None or down is None:
                raise AssertionError("slopes were asked for")
            along = (maps_along.to(maps.dtype) @ pixels(ctx.size, maps)).unsqueeze(-2)
            moved = (across * along[:, 0] + down * along[:, 1]).unflatten(-1, ctx.size)
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
        some = pieces(size, above, maps)
        return torch.cat([spread_back(*one, shape, size, order) for one in some])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        raise RuntimeError(
            "a warp is differentiated a third time by the numbers that it reads, expected two "
            "times at most. Detach the images before, or differentiate by the transformation."
        )

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


def _joined(parts: tuple[Tensor | None, ...]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None
