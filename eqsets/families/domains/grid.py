"""Elements on regular grids of one, two or three dimensions: the base of signals, images, volumes.

An element is ``(C, *grid)``. Positions along each axis reach from -1, the centre of the first
point, to 1, the centre of the last; so the unit of lengths is half an element ("half frames").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError, ShapeError
from eqsets.families.domains.domain import Domain
from eqsets.families.domains.encoders import ConvEncoder, DenseEncoder

__all__ = ["Grid"]


@dataclass(frozen=True)
class Grid(Domain):
    """Channels on a regular grid, ``(*batch, C, *grid)``; a base class.

    Arguments:
        channels: how many an element must have; ``None``: any number.
    """

    channels: int | None = None

    def check(self, x: Tensor, owner: object = "") -> None:
        who = f"{owner} got" if str(owner) else "got"
        names = ", ".join([str(self.channels or "C"), *self.layout[1:]])
        if x.dim() < self.axes or 0 in x.shape[x.dim() - self.axes :]:
            raise ShapeError(
                f"{who} {self.noun} of shape {tuple(x.shape)}, expected (*batch, {names}), no "
                f"axis of it empty. {self._hint_rank}"
            )
        if self.channels is not None and x.shape[-self.axes] != self.channels:
            raise ShapeError(
                f"{who} {self.noun} with {x.shape[-self.axes]} channels, shape {tuple(x.shape)}, "
                f"expected (*batch, {names}). {self._hint_channels(x.shape[-self.axes])}"
            )
        if not x.is_floating_point():
            raise ShapeError(
                f"{who} {self.noun} of {x.dtype}, expected floating point numbers. "
                f"{self._hint_dtype}"
            )

    def size_of(self, x: Tensor) -> tuple[int, ...]:
        return tuple(x.shape[-self.spatial :])

    def mask_shape(self, size: tuple[int, ...]) -> tuple[int, ...]:
        return (1, *size)

    def content(self, x: Tensor) -> Tensor:
        return (x - self.background).abs().amax(-self.axes, keepdim=True)

    def asymmetry(self, x: Tensor) -> Tensor:
        """Return the content weighted by a ramp: on images :math:`x + y / 2 + x y / 4`."""
        positions = self.positions(self.size_of(x), like=x).unbind(-1)
        ramp = torch.stack([p / 2**k for k, p in enumerate(positions)]).sum(0)
        for first, second in combinations(positions, 2):
            ramp = ramp + first * second / 4
        return self.content(x).flatten(x.dim() - self.axes) @ ramp

    def encoder(
        self, shape: Sequence[int], out: int, *, dense: bool = False, dropout: float = 0.0
    ) -> nn.Module:
        return (DenseEncoder if dense else ConvEncoder)(shape, out, dropout=dropout)

    def meet(self, other: Domain) -> Grid:
        """Return the narrower domain; a subclass is narrower, as are fixed channels."""
        if not (isinstance(other, Grid) and _comparable(self, other)):
            return super().meet(other)
        narrow, wide = (self, other) if isinstance(self, type(other)) else (other, self)
        if None not in (narrow.channels, wide.channels) and narrow.channels != wide.channels:
            raise OptionError(
                f"got families of {self.noun} with {self.channels} and with {other.channels} "
                "channels, expected as many for all factors. Multiply families that transform "
                f"the same {self.noun}."
            )
        return replace(narrow, channels=narrow.channels or wide.channels)

    def positions(self, size: tuple[int, ...], *, like: Tensor) -> Tensor:
        """Return the positions of the points, ``(P, d)`` in ``[-1, 1]``, last axis of a grid first.

        On images: x to the right, then y down.
        """
        axes = [torch.linspace(-1, 1, n, dtype=like.dtype, device=like.device) for n in size]
        mesh = torch.meshgrid(*axes, indexing="ij")
        return torch.stack(mesh[::-1], -1).reshape(-1, len(size))

    def sample(
        self,
        *batch: int,
        size: tuple[int, ...] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return ``(*batch, C, *size)``: three soft spots near the middle of nothing.

        They are as sharp as a cubic spline can follow, weak enough that no channel is clipped, and
        far enough from the border that a gentle transformation moves nothing out of the element.
        """
        size = self.default_size if size is None else size
        small, dtype, one = min(size), torch.float64, [1] * len(size)
        axes = [
            (torch.arange(n, dtype=dtype) - (n - 1) / 2).reshape(n, *[1] * (len(size) - 1 - k))
            for k, n in enumerate(size)
        ]
        shape = (*batch, self.channels or 2)
        total = torch.zeros(*shape, *size, dtype=dtype)
        for _ in range(3):
            unit = torch.rand(len(size), *batch, 1, *one, generator=generator, dtype=dtype)
            centre = (unit - 0.5) * small / 5
            squares = [(axis - middle) ** 2 for axis, middle in zip(axes, centre, strict=True)]
            spot = (-sum(squares, torch.zeros((), dtype=dtype)) / (small / 6)).exp()
            color = torch.rand(*shape, *one, generator=generator, dtype=dtype)
            total = total + spot * (0.5 + 0.2 * color)
        # nothing is nothing in all channels at once, so that whole-pixel shifts lose nothing
        total = torch.where(total.amax(-self.axes, keepdim=True) > 1e-5, total, 0.0)
        peak = total.amax(tuple(range(-self.axes, 0)), keepdim=True)
        return total * (0.6 / peak) + self.background

    @property
    def _hint_rank(self) -> str:
        return "Write x[:, None] to add a channel axis to a batch."

    @property
    def _hint_dtype(self) -> str:
        return "Write x.float()."

    def _hint_channels(self, channels: int) -> str:
        return "Move the channels before the grid."


def _comparable(one: Grid, other: Grid) -> bool:
    """Whether one class is a subclass of the other, and equal ones differ in channels at most."""
    if type(one) is type(other):
        return replace(one, channels=None) == replace(other, channels=None)
    return isinstance(one, type(other)) or isinstance(other, type(one))
