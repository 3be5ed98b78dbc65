r"""Coordinates of group elements: what heads predict, densities model and people read.

Requirements that shaped this module:

- a rotation is a circle, also next to scales and shifts. In the published coordinates, one joint
  exponential, it is not: a shift jumps where the angle wraps, and some products near a half turn
  have no logarithm at all. So affine elements get the coordinates

  .. math:: F = \begin{pmatrix} R^{-1}(\varphi) \, e^{-S} & -t \\ 0 & 1 \end{pmatrix}, \qquad
            S = \begin{pmatrix} s_x & h \\ h & s_y \end{pmatrix},

  scale first, then turn, then shift, which exist for every element, are unique and smooth, and
  agree with the published ones (signs and units included) to first order;
- the five parameters without shear generate all six, so their chart has six;
- every other family keeps its own parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from eqsets.families import Parameter, ProductFamily, TransformationFamily
from eqsets.groups import ProductGroup

__all__ = ["AffineChart", "Chart", "chart_of", "factors_of", "is_affine"]

_SPATIAL = ("shift_x", "shift_y", "rotation", "scale_x", "scale_y", "shear")


class Chart(ABC):
    """Coordinates ``z: (*batch, k)`` of group elements ``(*batch, *element_shape)``.

    Attributes:
        parameters: names, units, ranges, periods and levels of the coordinates.
    """

    parameters: tuple[Parameter, ...]

    @abstractmethod
    def element(self, z: Tensor) -> Tensor:
        """Return the group elements with these coordinates; those of 0 are the identity."""

    @abstractmethod
    def coordinates(self, g: Tensor) -> Tensor:
        """Return the coordinates of group elements."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return tuple(one.name for one in self.parameters)


@dataclass(frozen=True)
class FamilyChart(Chart):
    """The parameters of the family itself."""

    family: TransformationFamily

    @property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        return self.family.parameters_of_eta

    def element(self, z: Tensor) -> Tensor:
        return self.family.element(z)

    def coordinates(self, g: Tensor) -> Tensor:
        return self.family.parameters(g)


@dataclass(frozen=True)
class AffineChart(Chart):
    """Shift, rotation and symmetric logarithm of the scale, of forward matrices ``(3, 3)``.

    Arguments:
        parameters: which of them there are; ``"scale"`` is both scales at once.
    """

    parameters: tuple[Parameter, ...]

    def element(self, z: Tensor) -> Tensor:
        part = dict(zip(self.names, z.unbind(-1), strict=True))
        none = torch.zeros_like(z[..., 0])
        x, y, turn, sx, sy, h = (part.get(name, part.get(name[:5], none)) for name in _SPATIAL)
        mean, n = -(sx + sy) / 2, -(sx - sy) / 2
        size = (n * n + h * h + 1e-24).sqrt()
        grow, sine = mean.exp() * size.cosh(), mean.exp() * size.sinh() / size
        p, q, r = grow + sine * n, -sine * h, grow - sine * n  # exp(-S)
        c, s = turn.cos(), turn.sin()
        one = torch.ones_like(none)
        rows = (c * p + s * q, c * q + s * r, -x, c * q - s * p, c * r - s * q, -y)
        return torch.stack([*rows, none, none, one], -1).reshape(*z.shape[:-1], 3, 3)

    def coordinates(self, g: Tensor) -> Tensor:
        a, b, c, d = g[..., 0, 0], g[..., 0, 1], g[..., 1, 0], g[..., 1, 1]
        turn = torch.atan2(b - c, a + d)  # of the polar decomposition
        p, q, r = a * a + c * c, a * b + c * d, b * b + d * d  # the square of exp(-S)
        half, n = (p + r) / 2, (p - r) / 2
        size = (n * n + q * q + 1e-24 * half * half).sqrt()
        slope = (size / half).clamp(max=1 - 1e-6).atanh() / size
        mean = (half * half - size * size).clamp_min(1e-30).log() / 2
        sx, sy, shear = -(mean + slope * n) / 2, -(mean - slope * n) / 2, -slope * q / 2
        found = dict(
            zip(_SPATIAL, (-g[..., 0, 2], -g[..., 1, 2], turn, sx, sy, shear), strict=True)
        )
        found["scale"] = (sx + sy) / 2
        return torch.stack([found[name] for name in self.names], -1)


@dataclass(frozen=True)
class ProductChart(Chart):
    """The coordinates of several factors side by side."""

    charts: tuple[Chart, ...]
    group: ProductGroup

    @property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        return tuple(one for chart in self.charts for one in chart.parameters)

    def element(self, z: Tensor) -> Tensor:
        pieces = z.split([len(chart.parameters) for chart in self.charts], -1)
        pairs = zip(self.charts, pieces, strict=True)
        return self.group.pack(*(chart.element(piece) for chart, piece in pairs)).to(z.dtype)

    def coordinates(self, g: Tensor) -> Tensor:
        pairs = zip(self.charts, self.group.unpack(g), strict=True)
        return torch.cat([chart.coordinates(part) for chart, part in pairs], -1)


def factors_of(family: TransformationFamily) -> Sequence[TransformationFamily]:
    """Return the factors of a product, or the family alone."""
    return family.factors if isinstance(family, ProductFamily) else (family,)


def is_affine(family: TransformationFamily) -> bool:
    """Whether the family moves places by forward matrices: its names and group say so."""
    known = {*_SPATIAL, "scale"}
    return family.group.element_shape == (3, 3) and known.issuperset(family.names)


def chart_of(family: TransformationFamily) -> Chart:
    """Return the chart of a family or of a product of families."""
    if isinstance(family, ProductFamily):
        return ProductChart(tuple(map(chart_of, family.factors)), family.group)
    if not is_affine(family):
        return FamilyChart(family)
    parameters = family.parameters_of_eta
    if family.names == _SPATIAL[:5]:
        shear = replace(parameters[-1], name="shear", unit="radians")
        parameters = (*parameters, shear)
    return AffineChart(parameters)
