"""Coarser and finer grids: pooling and up-sampling that keep track of the resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor, nn

from eqsets import FeatureTypeError, ShapeError
from eqsets.errors import choices
from eqsets_translations.features import GridFeatures

__all__ = ["GridPool", "GridUpsample"]

_POOLS: dict[str, dict[int, Callable[..., Tensor]]] = {
    "max": {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d},
    "mean": {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d},
}
_FILTERS = {
    "nearest": {1: "nearest", 2: "nearest", 3: "nearest"},
    "linear": {1: "linear", 2: "bilinear", 3: "trilinear"},
}


class GridPool(nn.Module):
    """Replace blocks of points by their maximum or mean; commutes with shifts by whole blocks.

    Arguments:
        in_type: type of the input.
        out_type: type of the output, ``size`` times as coarse.
        kind: ``"max"`` or ``"mean"``.
        size: points of a block along each axis.

    Raises:
        FeatureTypeError: the kind is unknown.
    """

    def __init__(
        self, in_type: GridFeatures, out_type: GridFeatures, kind: str, size: tuple[int, ...]
    ) -> None:
        super().__init__()
        if kind not in _POOLS:
            raise FeatureTypeError(f"unknown pooling {kind!r}: {choices(kind, _POOLS)}")
        self.in_type, self.out_type = in_type, out_type
        self.kind, self.size = kind, size

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C, *grid)`` to the grid divided by ``size``.

        Raises:
            ShapeError: a circular grid is no multiple of the block, or a grid is smaller than one.
        """
        self.in_type.check(x, ("E",), "GridPool")
        grid = x.shape[2:]
        circular = self.in_type.padding_mode == "circular"
        for points, block in zip(grid, self.size, strict=True):
            if points < block or (circular and points % block):
                raise ShapeError(
                    f"pooling by {self.size} met a {self.in_type.padding_mode} grid of "
                    f"{tuple(grid)}, expected multiples of the block. Crop the grid or pool less."
                )
        return _POOLS[self.kind][self.in_type.dims](x, self.size)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, kind={self.kind!r}"


class GridUpsample(nn.Module):
    """Make the grid finer by repeating points or by linear interpolation.

    Arguments:
        in_type: type of the input.
        factor: how much finer, along each axis; must divide the step of the input.
        kind: ``"nearest"`` or ``"linear"``.

    Raises:
        FeatureTypeError: the kind is unknown, or the output would be finer than one pixel.
    """

    def __init__(self, in_type: GridFeatures, factor: tuple[int, ...], kind: str) -> None:
        super().__init__()
        if kind not in _FILTERS:
            raise FeatureTypeError(f"unknown up-sampling {kind!r}: {choices(kind, _FILTERS)}")
        pairs = list(zip(in_type.step, factor, strict=True))
        if any(step % times for step, times in pairs):
            raise FeatureTypeError(
                f"got factor={factor} for features {in_type} of step {in_type.step}, expected "
                "divisors of the step: no grid is finer than one pixel. Count pixels on the finest "
                f"grid of the model: declare the input as '{in_type.count} /{max(factor)}'."
            )
        self.in_type = in_type
        self.out_type = replace(in_type, step=tuple(step // times for step, times in pairs))
        self.factor, self.kind = factor, kind

    def forward(self, x: Tensor, size: Sequence[int] | None = None) -> Tensor:
        """Map ``x: (E, C, *grid)`` to the grid times ``factor``.

        Arguments:
            x: features.
            size: of the output, up to ``factor - 1`` points more along each axis, which are zero:
                what was pooled may have had a remainder. Not on circular grids.

        Raises:
            ShapeError: the size is another one.
        """
        self.in_type.check(x, ("E",), "GridUpsample")
        return self._to_size(self._finer(x), size)

    def _finer(self, x: Tensor) -> Tensor:
        mode = _FILTERS[self.kind][self.in_type.dims]
        scale = [float(times) for times in self.factor]
        if self.kind == "nearest":
            return F.interpolate(x, scale_factor=scale, mode=mode)
        if self.in_type.padding_mode == "circular":
            x = F.pad(x, [1] * (2 * self.in_type.dims), mode="circular")
        y = F.interpolate(x, scale_factor=scale, mode=mode, align_corners=False)
        if self.in_type.padding_mode == "circular":
            for axis, times in enumerate(self.factor, start=2):
                y = y.narrow(axis, times, y.shape[axis] - 2 * times)
        return y

    def _to_size(self, y: Tensor, size: Sequence[int] | None) -> Tensor:
        if size is None or tuple(size) == tuple(y.shape[2:]):
            return y
        more = [want - have for want, have in zip(size, y.shape[2:], strict=True)]
        circular = self.in_type.padding_mode == "circular"
        if circular or any(not 0 <= n < f for n, f in zip(more, self.factor, strict=True)):
            raise ShapeError(
                f"up-sampling by {self.factor} got size={tuple(size)} for a grid of "
                f"{tuple(y.shape[2:])} points, expected that"
                + ("" if circular else " or a remainder of the factor more")
                + ". Use grids that are multiples of the total stride."
            )
        return F.pad(y, [points for n in reversed(more) for points in (0, n)])

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, kind={self.kind!r}"
