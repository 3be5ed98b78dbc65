"""The groups of affine matrices of the plane, with everything in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from eqsets import Group
from eqsets.families import without_autocast
from eqsets_affine.exponential import Affine, exponential

__all__ = ["GENERATORS", "PlaneGroup", "entries", "homogeneous"]

# The published generators, as [[a, b, x], [c, d, y]] in row order.
GENERATORS: dict[str, tuple[float, float, float, float, float, float]] = {
    "shift_x": (0.0, 0.0, 1.0, 0.0, 0.0, 0.0),
    "shift_y": (0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    "rotation": (0.0, -1.0, 0.0, 1.0, 0.0, 0.0),
    "scale_x": (1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "scale_y": (0.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "shear": (0.0, 1.0, 0.0, 1.0, 0.0, 0.0),
    "scale": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
}


def entries(g: Tensor) -> Affine:
    """Return the six entries of matrices ``(*batch, 3, 3)``, each ``(*batch)``."""
    top, bottom = g[..., 0, :].unbind(-1), g[..., 1, :].unbind(-1)
    return Affine(top[0], top[1], bottom[0], bottom[1], top[2], bottom[2])


def homogeneous(m: Affine) -> Tensor:
    """Return matrices ``(*batch, 3, 3)`` with last row 0 0 1."""
    zero, one = torch.zeros_like(m.a), torch.ones_like(m.a)
    flat = torch.stack([m.a, m.b, m.x, m.c, m.d, m.y, zero, zero, one], -1)
    return flat.reshape(*m.a.shape, 3, 3)


@dataclass(frozen=True)
class PlaneGroup(Group):
    r"""A connected group of affine maps of the plane, as forward matrices ``(*batch, 3, 3)``.

    .. math:: g = \begin{pmatrix} L & s \\ 0 & 1 \end{pmatrix}, \qquad
              g^{-1} = \begin{pmatrix} L^{-1} & -L^{-1} s \\ 0 & 1 \end{pmatrix}

    Arguments:
        algebra: names of the generators that span its Lie algebra.

    Example:
        >>> group = PlaneGroup(("rotation",))
        >>> turn = group.exp(torch.pi / 2 * group.lie_algebra()[0])
        >>> torch.allclose(group.compose(turn, turn)[:2, :2], -torch.eye(2).double())
        True
    """

    algebra: tuple[str, ...]
    element_shape = (3, 3)
    dtype = torch.float64

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        one = torch.eye(3, dtype=dtype or self.dtype, device=device)
        return one.expand(*batch, 3, 3).clone()

    @without_autocast
    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return g @ h

    def inverse(self, g: Tensor) -> Tensor:
        return homogeneous(inverse(entries(g)))

    def generators(self) -> Tensor:
        return torch.zeros(0, 3, 3, dtype=self.dtype)

    def lie_algebra(self) -> Tensor:
        flat = torch.tensor([GENERATORS[name] for name in self.algebra], dtype=self.dtype)
        rows = flat.reshape(-1, 2, 3)
        return torch.cat([rows, torch.zeros(len(rows), 1, 3, dtype=self.dtype)], 1)

    def exp(self, tangent: Tensor) -> Tensor:
        return homogeneous(exponential(entries(tangent)))

    @without_autocast
    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Return the exponentials of normal tangents with a standard deviation of one half."""
        size = (prod(batch), len(self.algebra))
        weights = torch.randn(size, generator=generator, dtype=self.dtype)
        tangent = torch.einsum("bk,kij->bij", 0.5 * weights, self.lie_algebra())
        return self.exp(tangent).reshape(*batch, 3, 3)


def inverse(m: Affine) -> Affine:
    """Return the inverse of each map."""
    a, b, c, d, x, y = m
    scale = 1 / (a * d - b * c)
    a, b, c, d = d * scale, -b * scale, -c * scale, a * scale
    return Affine(a, b, c, d, -(a * x + b * y), -(c * x + d * y))
