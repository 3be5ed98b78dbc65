"""Direct products and semidirect products of groups.

Elements of a product are the concatenated, flattened elements of the factors: one tensor. Integers
are represented exactly together with floating point factors (up to 2**53 in float64).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import reduce
from math import prod

import torch
from torch import Tensor

from eqsets.errors import GroupError
from eqsets.groups.finite import CyclicGroup
from eqsets.groups.group import Group

__all__ = ["Automorphism", "Inversion", "ProductGroup", "SemidirectProduct", "dihedral_group"]


class _Packed(Group):
    """Elements of several groups in one tensor ``(*batch, total)``."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Group, ...]:
        """The groups whose elements lie side by side."""

    @property
    def dtype(self) -> torch.dtype:  # type: ignore[override]
        return reduce(torch.promote_types, [part.dtype for part in self.parts])

    @property
    def element_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (sum(prod(part.element_shape) for part in self.parts),)

    @property
    def order(self) -> int | None:
        orders = [part.order for part in self.parts]
        return None if None in orders else prod(order for order in orders if order is not None)

    def pack(self, *elements: Tensor) -> Tensor:
        """Return one tensor from an element of each part; their batches broadcast."""
        batches = [
            g.shape[: g.dim() - len(part.element_shape)]
            for part, g in zip(self.parts, elements, strict=True)
        ]
        batch = torch.broadcast_shapes(*batches)
        flat = [
            g.expand((*batch, *part.element_shape)).reshape(*batch, prod(part.element_shape))
            for part, g in zip(self.parts, elements, strict=True)
        ]
        return torch.cat([part.to(self.dtype) for part in flat], -1)

    def unpack(self, g: Tensor) -> tuple[Tensor, ...]:
        """Return the element of each part, in that part's own dtype."""
        self.check(g)
        sizes = [prod(part.element_shape) for part in self.parts]
        return tuple(
            piece.reshape((*g.shape[:-1], *part.element_shape)).to(part.dtype)
            for part, piece in zip(self.parts, g.split(sizes, -1), strict=True)
        )

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        packed = self.pack(*(part.identity(*batch, device=device) for part in self.parts))
        return packed.to(dtype or self.dtype)

    def distance(self, g: Tensor, h: Tensor) -> Tensor:
        pairs = zip(self.parts, self.unpack(g), self.unpack(h), strict=True)
        gaps = [part.distance(a, b).double() for part, a, b in pairs]
        return torch.stack(torch.broadcast_tensors(*gaps)).amax(0)

    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        return self.pack(*(part.sample(*batch, generator=generator) for part in self.parts))

    def generators(self) -> Tensor | None:
        return self._one_part_moves([part.generators() for part in self.parts])

    def _one_part_moves(self, moves: list[Tensor | None]) -> Tensor | None:
        if any(move is None for move in moves):
            return None
        rest = [part.identity() for part in self.parts]
        rows = [
            self.pack(*rest[:position], g, *rest[position + 1 :])
            for position, move in enumerate(moves)
            if move is not None
            for g in move
        ]
        return torch.stack(rows) if rows else self.identity(0)


@dataclass(frozen=True, init=False)
class ProductGroup(_Packed):
    r"""The direct product :math:`G_1 \times G_2 \times \dots`: every part moves on its own.

    Example:
        >>> group = ProductGroup(CyclicGroup(2), CyclicGroup(3))
        >>> group.order, group.element_shape
        (6, (2,))
    """

    factors: tuple[Group, ...]

    def __init__(self, *factors: Group) -> None:
        if not factors or not all(isinstance(factor, Group) for factor in factors):
            raise GroupError(
                f"ProductGroup got {factors!r}, expected at least one Group. "
                "Write for example ProductGroup(CyclicGroup(2), CyclicGroup(3))."
            )
        object.__setattr__(self, "factors", tuple(factors))

    @property
    def parts(self) -> tuple[Group, ...]:
        return self.factors

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        pairs = zip(self.factors, self.unpack(g), self.unpack(h), strict=True)
        return self.pack(*(factor.compose(a, b) for factor, a, b in pairs))

    def inverse(self, g: Tensor) -> Tensor:
        pairs = zip(self.factors, self.unpack(g), strict=True)
        return self.pack(*(factor.inverse(a) for factor, a in pairs))

    def lie_algebra(self) -> Tensor | None:
        return self._tangents([factor.lie_algebra() for factor in self.factors])

    def lie_algebra_generators(self) -> Tensor | None:
        return self._tangents([factor.lie_algebra_generators() for factor in self.factors])

    def _tangents(self, bases: list[Tensor | None]) -> Tensor | None:
        """Return tangents of single factors as those of the product."""
        rows = []
        for position, basis in enumerate(bases):
            for tangent in basis if basis is not None else ():
                parts = [torch.zeros(part.element_shape) for part in self.factors]
                parts[position] = tangent
                rows.append(self.pack(*parts))
        return torch.stack(rows) if rows else None

    def exp(self, tangent: Tensor) -> Tensor:
        moved = []
        for factor, part in zip(self.factors, self.unpack(tangent), strict=True):
            discrete = factor.lie_algebra_generators() is None
            batch = part.shape[: part.dim() - len(factor.element_shape)]
            moved.append(factor.identity(*batch) if discrete else factor.exp(part))
        return self.pack(*moved)

    def __repr__(self) -> str:
        return f"ProductGroup({', '.join(map(repr, self.factors))})"


class Automorphism(ABC):
    """How one group acts on another: ``act(k, n)`` is a homomorphism in ``k`` and in ``n``."""

    @abstractmethod
    def act(self, normal: Group, k: Tensor, n: Tensor) -> Tensor:
        """Return the element of ``normal`` that ``k`` turns ``n`` into."""


@dataclass(frozen=True)
class Inversion(Automorphism):
    """The group of two elements acts on an abelian group: 0 keeps ``n``, 1 inverts it."""

    def act(self, normal: Group, k: Tensor, n: Tensor) -> Tensor:
        flips = k.reshape((*k.shape, *[1] * len(normal.element_shape))) == 1
        return torch.where(flips, normal.inverse(n), n)


@dataclass(frozen=True)
class SemidirectProduct(_Packed):
    r"""The semidirect product :math:`N \rtimes K`: one group turns the other while it acts.

    Elements are pairs :math:`(n, k)` with the law

    .. math:: (n_1, k_1)(n_2, k_2) = (n_1 \, \varphi_{k_1}(n_2), \; k_1 k_2).

    Example:
        >>> group = SemidirectProduct(CyclicGroup(5), CyclicGroup(2), Inversion())
        >>> group.order
        10
    """

    normal: Group
    acting: Group
    automorphism: Automorphism

    @property
    def parts(self) -> tuple[Group, ...]:
        return (self.normal, self.acting)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        (n1, k1), (n2, k2) = self.unpack(g), self.unpack(h)
        moved = self.automorphism.act(self.normal, k1, n2)
        return self.pack(self.normal.compose(n1, moved), self.acting.compose(k1, k2))

    def lie_algebra(self) -> Tensor | None:
        """Return that of the normal part, where the acting part is discrete."""
        basis = self.normal.lie_algebra()
        if basis is None or self.acting.lie_algebra() is not None:
            return None
        zero = torch.zeros(self.acting.element_shape, dtype=self.acting.dtype)
        return self.pack(basis, zero)

    def exp(self, tangent: Tensor) -> Tensor:
        n, k = self.unpack(tangent)
        batch = k.shape[: k.dim() - len(self.acting.element_shape)]
        return self.pack(self.normal.exp(n), self.acting.identity(*batch))

    def inverse(self, g: Tensor) -> Tensor:
        n, k = self.unpack(g)
        back = self.acting.inverse(k)
        return self.pack(self.automorphism.act(self.normal, back, self.normal.inverse(n)), back)


def dihedral_group(size: int) -> SemidirectProduct:
    """Return the symmetries of a regular polygon of ``size`` corners: ``2 * size`` elements.

    Elements are pairs (turn modulo ``size``, flip modulo 2), ``element_shape`` ``(2,)``.

    Example:
        >>> dihedral_group(6).order
        12
    """
    return SemidirectProduct(CyclicGroup(size), CyclicGroup(2), Inversion())
