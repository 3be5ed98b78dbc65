"""Elements with parts: rows are the parts of elements of unequal sizes, ``(T, 1, *part)``.

A set has elements, an element may have inner parts. The layout of the parts says which parts form
an element; the layout itself which parts of a set correspond and are aggregated; and the layout of
the elements which elements form a set. All three are ragged, so reductions, broadcasts and their
precision are written once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from eqsets.layout.layout import Layout
from eqsets.layout.ragged import Ragged
from eqsets.sets import PartBatch, SetBatch
from eqsets.sets.inner import Inner
from eqsets.sets.parts import inner_of_mask

__all__ = ["Members", "PaddedParts", "Parts"]


@dataclass(frozen=True, eq=False)
class Members(Ragged):
    """Which parts ``(T, 1, *part)`` form an element: ``num_sets`` elements, in ascending order."""

    @classmethod
    def of(cls, element: Tensor, count: int) -> Members:
        """Return the layout of parts by the element of each."""
        return cls(SetBatch._trusted(element, element, count))

    @property
    def element(self) -> Tensor:
        """The element of each part, ``(T,)``."""
        return self.source.index

    @cached_property
    def sizes(self) -> Tensor:
        """Number of parts of each element, ``(E,)``."""
        return self.source.sizes()

    @cached_property
    def within(self) -> Tensor:
        """Position of each part in its element, ``(T,)``."""
        starts = self.sizes.cumsum(0) - self.sizes
        return torch.arange(self.num_rows, device=starts.device) - starts[self.element]

    @cached_property
    def pairs(self) -> tuple[Tensor, Tensor]:
        """All pairs of parts of one element, ``(M,)`` each, by the second: ``O(sum P^2)``."""
        sizes = self.sizes[self.element]
        second = torch.arange(self.num_rows, device=sizes.device).repeat_interleave(sizes)
        offset = torch.arange(len(second), device=sizes.device) - (sizes.cumsum(0) - sizes)[second]
        return second - self.within[second] + offset, second


@dataclass(frozen=True, eq=False)
class Parts(Ragged):
    """The rows of a :class:`~eqsets.PartBatch`; ``source`` says which parts correspond."""

    inner: Inner = field(kw_only=True)

    @classmethod
    def of(cls, inner: Inner) -> Parts:
        """Return the layout of the parts."""
        return cls(SetBatch._trusted(inner.group, inner.group, inner.num_groups), inner=inner)

    @property
    def parts(self) -> Members:
        return self._members("parts", self.inner.element, self.inner.index.shape[0])

    @property
    def context_parts(self) -> Members:
        return self._members("contexts", self.inner.set_of_group, self.inner.num_sets)

    def _members(self, name: str, element: Tensor, count: int) -> Members:
        memo = self.inner.memo
        if torch.compiler.is_compiling():
            return Members.of(element, count)
        if name not in memo:
            memo[name] = Members.of(element, count)
        members: Members = memo[name]
        return members

    @cached_property
    def elements(self) -> Layout:
        index = self.inner.index
        return Ragged(SetBatch._trusted(index, index, self.inner.num_sets))

    def require_corresponding(self) -> None:
        self.inner.require_corresponding()

    def sum(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        self.require_corresponding()
        return super().sum(rows)

    def mean(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        self.require_corresponding()
        return super().mean(rows)

    def max(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        self.require_corresponding()
        return super().max(rows)

    def added(self, rows: Tensor, sets: Tensor) -> Tensor:
        return rows + self.spread(sets)

    def restore(self, rows: Tensor) -> SetBatch:
        return PartBatch._of(rows[:, 0], self.inner)

    def restore_contexts(self, sets: Tensor) -> SetBatch | Tensor:
        owner, count = self.inner.set_of_group, self.inner.num_sets
        each = torch.arange(count, device=owner.device)
        return PartBatch._of(sets[:, 0], Inner.of(owner, each, count))


@dataclass(frozen=True, eq=False)
class PaddedParts(Parts):
    """The present parts of ``(B, N, P, *part)`` with a mask ``(B, N, P)``, True = present.

    Rows are the present parts alone: nothing that a layer computes can depend on an absent one.
    """

    mask: Tensor = field(kw_only=True)

    @classmethod
    def of_mask(cls, mask: Tensor) -> PaddedParts:
        """Return the layout of ``x[mask]``, for a mask that is checked."""
        inner = inner_of_mask(mask)
        source = SetBatch._trusted(inner.group, inner.group, inner.num_groups)
        return cls(source, inner=inner, mask=mask)

    @cached_property
    def elements(self) -> Layout:
        index = self.inner.index
        source = SetBatch._trusted(index, index, self.inner.num_sets)
        return _PaddedElements(source, there=self.mask.any(-1))

    def restore(self, rows: Tensor) -> Tensor:  # type: ignore[override]
        return _scattered(rows[:, 0], self.mask)

    def restore_contexts(self, sets: Tensor) -> Tensor:
        self.require_corresponding()
        return _scattered(sets[:, 0], self.mask.any(1))


@dataclass(frozen=True, eq=False)
class _PaddedElements(Ragged):
    there: Tensor = field(kw_only=True)

    def restore(self, rows: Tensor) -> Tensor:  # type: ignore[override]
        return _scattered(rows, self.there)


def _scattered(rows: Tensor, mask: Tensor) -> Tensor:
    """Return rows at the positions where ``mask`` is True, and zero elsewhere."""
    empty = rows.new_zeros(*mask.shape, *rows.shape[1:])
    return empty.index_put(mask.nonzero(as_tuple=True), rows)
