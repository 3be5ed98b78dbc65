r"""Coordinates of group elements: what heads predict, densities model and people read.

Requirements that shaped this module:

- every group element has coordinates, and they are unique and smooth as far as possible: where the
  parameters of a family are not (a joint exponential of a rotation and a shift jumps where the
  angle wraps), the family gives a chart of its own;
- a chart says which coordinates are circles, lines or discrete, in their
  :class:`~eqsets.families.Parameter`;
- the mean of group elements is taken in coordinates, or better where a family knows better.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from eqsets.families.parameter import Parameter
from eqsets.families.parametrization import Parametrization
from eqsets.groups import ProductGroup

__all__ = ["Chart", "FamilyChart", "ProductChart"]

_SMALLEST = 1e-6  # relative weight of every present element, so that a mean always exists


class Chart(ABC):
    """Coordinates ``z: (*batch, k)`` of group elements ``(*batch, *element_shape)``.

    Attributes:
        parameters: names, units, ranges, periods, levels and roles of the coordinates.
        raw: whether poses stay as they are when an element is moved along a coordinate of another
            factor, so that errors of these coordinates cannot appear as another transformation.
    """

    parameters: tuple[Parameter, ...]
    raw: bool = False

    @abstractmethod
    def element(self, z: Tensor) -> Tensor:
        """Return the group elements with these coordinates; those of 0 are the identity."""

    @abstractmethod
    def coordinates(self, g: Tensor) -> Tensor:
        """Return the coordinates of group elements."""

    def along(self, z: Tensor, index: int, steps: Tensor) -> Tensor:
        """Return poses moved along one coordinate, ``(n, A, *element_shape)``.

        Here the other coordinates are 0. A chart of a group that is not commutative keeps what the
        movement does not commute with, and multiplies from the left.

        Args:
            z: coordinates of the poses ``(n, k)``.
            index: of the coordinate.
            steps: by how much, ``(A,)``.
        """
        moved = z.new_zeros(len(z), len(steps), z.shape[-1])
        moved[..., index] = z[:, index, None] + steps
        return self.element(moved)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return tuple(one.name for one in self.parameters)

    @property
    def levels(self) -> tuple[int, ...]:
        """Which coordinates are discrete."""
        return tuple(i for i, one in enumerate(self.parameters) if one.levels)

    @property
    def circles(self) -> tuple[int, ...]:
        """Which coordinates are on circles."""
        return tuple(i for i, one in enumerate(self.parameters) if one.period and not one.levels)

    @property
    def lines(self) -> tuple[int, ...]:
        """Which coordinates are on lines."""
        return tuple(i for i, one in enumerate(self.parameters) if not one.period)

    def mean(self, g: Tensor, weights: Tensor) -> Tensor:
        r"""Return the mean of group elements over each set, ``(B, *element_shape)``.

        .. math:: \mathrm{mean}(h g_1, ..., h g_n) = h \cdot \mathrm{mean}(g_1, ..., g_n)

        Circles get the direction of the mean of unit vectors, lines the mean, and discrete
        coordinates the most frequent value.

        Args:
            g: group elements ``(B, N, *element_shape)``.
            weights: of the elements ``(B, N)``, not negative; 0 where there is none.
        """
        z = self.coordinates(g)
        share = self.shares(weights).to(z.dtype)
        columns = [
            _mean(one, column, share)
            for one, column in zip(self.parameters, z.unbind(-1), strict=True)
        ]
        return self.element(torch.stack(columns, -1))

    @staticmethod
    def shares(weights: Tensor) -> Tensor:
        """Return weights ``(B, N)`` that add up to 1 in each set, present ones never 0."""
        share = weights + _SMALLEST * (weights > 0)
        return share / share.sum(1, keepdim=True).clamp_min(1e-30)


def _mean(parameter: Parameter, column: Tensor, share: Tensor) -> Tensor:
    if parameter.levels:
        values = torch.arange(parameter.levels, dtype=column.dtype, device=column.device)
        votes = (share[..., None] * (column[..., None].round() == values)).sum(1)
        return votes.argmax(-1).to(column.dtype)
    if not parameter.period:
        return (share * column).sum(1)
    angle = column * (2 * pi / parameter.period)
    x, y = (share * angle.cos()).sum(1), (share * angle.sin()).sum(1)
    undefined = x.square() + y.square() < 1e-24
    mean = torch.atan2(torch.where(undefined, 0.0, y), torch.where(undefined, 1.0, x))
    return mean * (parameter.period / (2 * pi))


@dataclass(frozen=True)
class FamilyChart(Chart):
    """The parameters of the family itself: the default.

    Arguments:
        family: whose.
    """

    family: Parametrization

    @property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        return self.family.parameters_of_eta

    def element(self, z: Tensor) -> Tensor:
        return self.family.element(z)

    def coordinates(self, g: Tensor) -> Tensor:
        return self.family.parameters(g)


@dataclass(frozen=True)
class ProductChart(Chart):
    """The coordinates of several factors side by side.

    Arguments:
        charts: of the factors.
        group: the product of their groups.
    """

    charts: tuple[Chart, ...]
    group: ProductGroup

    @property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        return tuple(one for chart in self.charts for one in chart.parameters)

    def element(self, z: Tensor) -> Tensor:
        pieces = z.split([len(chart.parameters) for chart in self.charts], -1)
        pairs = zip(self.charts, pieces, strict=True)
        return self.group.pack(*(chart.element(piece) for chart, piece in pairs)).to(z.dtype)

    def along(self, z: Tensor, index: int, steps: Tensor) -> Tensor:
        parts, first = [], 0
        for chart in self.charts:
            count = len(chart.parameters)
            own, position = z[:, first : first + count], index - first
            if 0 <= position < count:
                parts.append(chart.along(own, position, steps))
            elif chart.raw:
                same = chart.element(own)[:, None]
                parts.append(same.expand(len(z), len(steps), *same.shape[2:]))
            else:
                parts.append(chart.element(z.new_zeros(len(z), len(steps), count)))
            first += count
        return self.group.pack(*parts).to(z.dtype)

    def coordinates(self, g: Tensor) -> Tensor:
        pairs = zip(self.charts, self.group.unpack(g), strict=True)
        return torch.cat([chart.coordinates(part) for chart, part in pairs], -1)

    def mean(self, g: Tensor, weights: Tensor) -> Tensor:
        pairs = zip(self.charts, self.group.unpack(g), strict=True)
        return self.group.pack(*(chart.mean(part, weights) for chart, part in pairs)).to(g.dtype)
