"""Features on a grid: how a shift moves them, on grids of any resolution."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from eqsets import ElementSymmetry, FeatureType, FeatureTypeError, ShapeError, element_group
from eqsets_translations.shifts import Shifts

__all__ = ["GridFeatures"]

AXES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


@dataclass(frozen=True)
class GridFeatures(FeatureType):
    r"""Channels on a grid ``(C, *grid)`` that a shift moves.

    .. math:: (g \cdot x)_p = x_{p - g / \mathrm{step}}

    The shift goes around the border. On a circular grid that is the symmetry; on one padded with
    zeros it is a shift only for content that keeps away from the border, and :meth:`sample` draws
    such content.

    Arguments:
        count: number of channels.
        step: pixels of the finest grid from one point of this one to the next, along each axis:
            what was pooled by 2 has ``(2, 2)`` and moves by ``g / 2``.
        padding_mode: ``"zeros"`` or ``"circular"``.
        group: the shifts that are claimed; does not count for equality.
        grid: sizes that :meth:`sample` draws, counted on the finest grid, or ``None`` for small
            ones; does not count for equality.

    Example:
        >>> image = GridFeatures(1, (1, 1), "circular", Shifts((1, 1)))
        >>> image.transform(torch.tensor([0, 1]), torch.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[3., 1., 2.]]])
    """

    count: int
    step: tuple[int, ...]
    padding_mode: str
    group: Shifts = field(compare=False)
    grid: tuple[int, ...] | None = field(default=None, compare=False)
    pointwise = True

    @property
    def dims(self) -> int:
        """Number of axes of the grid."""
        return len(self.step)

    @property
    def channel_axis(self) -> int:  # type: ignore[override]
        return -self.dims - 1

    @property
    def channels(self) -> int:
        return self.count

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (self.count, *AXES[self.dims])

    def with_channels(self, channels: int) -> GridFeatures:
        return replace(self, count=channels)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        """Return ``x: (*batch, C, *grid)`` shifted by ``g: (*batch, dims)``.

        Raises:
            ShapeError: ``g`` is no whole-number vector, or no multiple of the step of this grid.
        """
        shift = self._pixels(g.to(x.device))
        for axis, size in enumerate(x.shape[-self.dims :]):
            source = torch.arange(size, device=x.device) - shift[..., axis, None]
            batch = source.shape[:-1]
            tail = [size if other == axis else 1 for other in range(self.dims)]
            source = (source % size).reshape(*batch, 1, *tail)
            # take_along_dim broadcasts sizes, not numbers of axes: give both the longer batch
            rank = max(source.dim(), x.dim())
            source = source.reshape(*[1] * (rank - source.dim()), *source.shape)
            x = x.reshape(*[1] * (rank - x.dim()), *x.shape)
            x = torch.take_along_dim(x, source, dim=axis - self.dims)
        return x

    def _pixels(self, g: Tensor) -> Tensor:
        self.group.check(g)
        step = torch.tensor(self.step, device=g.device)
        if g.is_floating_point() or (g % step).any():
            raise ShapeError(
                f"{self} got a shift {g.reshape(-1, self.dims)[0].tolist()}, ... of {g.dtype}, "
                f"expected whole numbers, multiples of {list(self.step)}: its points are that far "
                f"apart. Declare the shifts that the whole model commutes with: "
                f"element_group('translations', stride={max(self.step)})."
            )
        return g // step

    def interior(self, x: Tensor) -> Tensor:
        """Return ``x`` without a quarter of its points at each border, unless the grid is circular.

        Shifts and layers reach that far in together before the border is felt.
        """
        if self.padding_mode == "circular":
            return x
        for axis in range(-self.dims, 0):
            size = x.shape[axis]
            x = x.narrow(axis, size // 4, size - 2 * (size // 4))
        return x

    def with_margin(self, x: Tensor) -> Tensor:
        """Return ``x`` in the middle of a larger grid of zeros, unless its size is fixed.

        The margin is half of the grid, and at least twelve strides: sampled shifts are up to three,
        and the interior leaves a quarter of the larger grid at each side for layers to reach.
        """
        if self.padding_mode == "circular" or self.grid is not None:
            return x
        pads: list[int] = []
        for size, step, stride in zip(
            reversed(x.shape[-self.dims :]),
            reversed(self.step),
            reversed(self.group.stride),
            strict=True,
        ):
            unit = max(stride // step, 1)  # whole strides: what is pooled keeps its phase
            pads += 2 * [unit * max(-(-size // (2 * unit)), 12)]
        return torch.nn.functional.pad(x, pads)

    def with_sizes(self, *sizes: int) -> GridFeatures:
        if len(sizes) != self.dims:
            raise FeatureTypeError(
                f"{self} got the sizes {sizes} for samples, expected {self.dims} of them."
            )
        finest = tuple(size * step for size, step in zip(sizes, self.step, strict=True))
        return replace(self, grid=finest)

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Return normal noise: on the whole of a circular grid, else only in the very middle."""
        sizes = [size // step for size, step in zip(self._finest(), self.step, strict=True)]
        device = None if generator is None else generator.device
        x = torch.randn(*batch, self.count, *sizes, generator=generator, dtype=dtype, device=device)
        if self.padding_mode == "circular":
            return x
        for axis, size in enumerate(sizes):
            position = torch.arange(size, device=device)
            inside = (position >= 5 * size // 12) & (position < size - 5 * size // 12)
            x = x * inside.reshape(-1, *[1] * (self.dims - 1 - axis)).to(x.dtype)
        return x

    def _finest(self) -> tuple[int, ...]:
        if self.grid is not None:
            return self.grid
        # sizes that differ, so that axes cannot be mixed up unseen
        side = 8 if self.padding_mode == "circular" else (48, 36, 20)[self.dims - 1]
        stride = self.group.stride
        return tuple((side + axis) * stride[axis] for axis in range(self.dims))

    @property
    def owner(self) -> ElementSymmetry:
        options = {"padding_mode": self.padding_mode, "stride": self.group.stride}
        return element_group("translations", dims=self.dims, grid=self.grid, **options)

    def __str__(self) -> str:
        step = self.step if len(set(self.step)) > 1 else self.step[:1]
        return f"{self.count}" + ("" if set(step) == {1} else " /" + ",".join(map(str, step)))
