r"""Tensors over the vectors of a group: products of vectors and dual vectors, and their parts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from functools import cache

import torch
from torch import Tensor

from eqsets.constants import on_cpu
from eqsets.features import TypeOwner
from eqsets.generated.base import GeneratedFeatures
from eqsets.groups import Group

__all__ = ["TensorFeatures"]


@dataclass(frozen=True, repr=False)
class TensorFeatures(GeneratedFeatures):
    r"""Tensors of several indices, each of which the group moves as a vector or a dual vector.

    .. math:: (g \cdot x)_{i j \dots c} = \sum_{k l \dots} g_{i k}\, g_{j l} \cdots x_{k l \dots c}

    with :math:`g^{-T}` instead of :math:`g` for dual vectors. A group of permutations moves
    vectors by permutation matrices. Elements are ``(d, d, ..., C)``. The symmetric and the
    antisymmetric part are given in an orthonormal basis, ``(dim, C)``.

    Arguments:
        count: number of channels.
        group: a group of matrices ``(d, d)`` or of permutations ``(d,)``.
        factors: ``"points"`` or ``"dual"`` for each index, at least two.
        part: ``"sym"`` or ``"alt"`` for the part that is symmetric or antisymmetric in all indices,
            ``""`` for all tensors.
        maker: the symmetry that made the type; does not count for equality.

    Example:
        >>> from eqsets.groups import OrthogonalGroup
        >>> TensorFeatures(2, OrthogonalGroup(3), ("points", "points")).layout
        (3, 3, 2)
        >>> TensorFeatures(2, OrthogonalGroup(3), ("points", "points"), "sym").layout
        (6, 2)
    """

    count: int
    group: Group = field()  # field(): the base class has a default
    factors: tuple[str, ...]
    part: str = ""
    maker: TypeOwner | None = field(default=None, compare=False)
    channel_axis = -1

    @property
    def size(self) -> int:
        """The number ``d`` of components of a vector."""
        return self.group.element_shape[0]

    @property
    def space(self) -> str:  # type: ignore[override]
        """What the symmetry calls the type of one channel, such as ``"points*dual"``."""
        product = "*".join(self.factors)
        return f"{self.part}({product})" if self.part else product

    @property
    def layout(self) -> tuple[int | str, ...]:
        if self.part:
            return (len(_basis(self.size, len(self.factors), self.part)), self.count)
        return (*[self.size] * len(self.factors), self.count)

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return len(self.group.element_shape) == 1 and self.part != "alt"

    @property
    def dual(self) -> TensorFeatures:
        if len(self.group.element_shape) == 1:
            return self
        other = {"points": "dual", "dual": "points"}
        return replace(self, factors=tuple(other[factor] for factor in self.factors))

    def with_channels(self, channels: int) -> TensorFeatures:
        return replace(self, count=channels)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        degree = len(self.factors)
        if self.part:
            basis = _basis(self.size, degree, self.part).to(x)
            x = torch.einsum("pn,...pc->...nc", basis, x)
            x = x.unflatten(-2, [self.size] * degree)
        for index, factor in enumerate(self.factors):
            matrix = self._matrix(g, factor).to(x)
            for _ in range(degree):
                matrix = matrix.unsqueeze(-3)
            axis = index - degree - 1
            x = (matrix @ x.movedim(axis, -1).unsqueeze(-1)).squeeze(-1).movedim(-1, axis)
        if self.part:
            x = torch.einsum("pn,...nc->...pc", basis, x.flatten(-degree - 1, -2))
        return x

    def _matrix(self, g: Tensor, factor: str) -> Tensor:
        if len(self.group.element_shape) == 1:
            eye = torch.eye(self.size, dtype=torch.float64, device=g.device)
            return eye[g].mT  # column i is the unit vector of the point that i goes to
        return self.group.inverse(g).mT if factor == "dual" else g

    def __repr__(self) -> str:
        if self.maker is not None:
            return f"{self.maker!r}.feature_type('{self}')"
        rest = f"factors={self.factors!r}, part={self.part!r}"
        return f"TensorFeatures({self.count}, {self.group!r}, {rest})"


@cache
def _basis(size: int, degree: int, part: str) -> Tensor:
    """Return an orthonormal basis ``(dim, size ** degree)`` of the (anti)symmetric tensors."""
    with on_cpu():
        rows = []
        for indices in itertools.combinations_with_replacement(range(size), degree):
            if part == "alt" and len(set(indices)) < degree:
                continue
            row = torch.zeros([size] * degree, dtype=torch.float64)
            for order in itertools.permutations(range(degree)):
                sign = 1.0 if part == "sym" else _sign(order)
                row[tuple(indices[k] for k in order)] += sign
            rows.append((row / row.norm()).flatten())
        return torch.stack(rows) if rows else torch.zeros(0, size**degree, dtype=torch.float64)


def _sign(order: tuple[int, ...]) -> float:
    pairs = itertools.combinations(order, 2)
    return -1.0 if sum(a > b for a, b in pairs) % 2 else 1.0
