"""Groups whose parameters add up: lines, and circles of any period."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.errors import GroupError
from eqsets.groups import Group

__all__ = ["AdditiveGroup"]


@dataclass(frozen=True)
class AdditiveGroup(Group):
    r"""Vectors under addition, :math:`\mathbb{R}^a \times (\mathbb{R} / p\,\mathbb{Z})^b`.

    The group of families whose parameters add up: turns of the hue, logarithms of factors, shifts.

    Arguments:
        periods: one for each component; ``None`` for a line.

    Raises:
        GroupError: there are no components, or a period is not positive.

    Example:
        >>> group = AdditiveGroup((1.0, None))
        >>> group.compose(torch.tensor([0.75, 0.5]), torch.tensor([0.5, 0.25]))
        tensor([0.2500, 0.7500])
    """

    periods: tuple[float | None, ...]
    dtype = torch.float64

    def __post_init__(self) -> None:
        if not self.periods or any(one is not None and one <= 0 for one in self.periods):
            raise GroupError(
                f"AdditiveGroup got periods={self.periods!r}, expected a positive period or None "
                "for each component. Write AdditiveGroup(family.periodic)."
            )

    @property
    def element_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (len(self.periods),)

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        return torch.zeros(*batch, len(self.periods), dtype=dtype or self.dtype, device=device)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return self.exp(g + h)

    def inverse(self, g: Tensor) -> Tensor:
        return self.exp(-g)

    def generators(self) -> Tensor:
        return torch.zeros(0, len(self.periods), dtype=self.dtype)

    def lie_algebra(self) -> Tensor:
        return torch.eye(len(self.periods), dtype=self.dtype)

    def exp(self, tangent: Tensor) -> Tensor:
        """Return the representative in ``[0, period)`` on each circle."""
        columns = [
            column if period is None else column - period * (column.detach() / period).floor()
            for period, column in zip(self.periods, tangent.unbind(-1), strict=True)
        ]
        return torch.stack(columns, -1)

    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Return uniform values on circles, and normal ones of standard deviation 1/2 on lines."""
        columns = [
            torch.randn(batch, generator=generator, dtype=self.dtype) / 2
            if period is None
            else torch.rand(batch, generator=generator, dtype=self.dtype) * period
            for period in self.periods
        ]
        return torch.stack(columns, -1)

    def distance(self, g: Tensor, h: Tensor) -> Tensor:
        gap = g.double() - h.double()
        columns = [
            column if period is None else column - period * (column / period).round()
            for period, column in zip(self.periods, gap.unbind(-1), strict=True)
        ]
        return torch.stack(columns, -1).abs().amax(-1)
