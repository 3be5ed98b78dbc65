"""Sets of one size, and sets that are padded to one size: ``(B, N, *element)``."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.layout.layout import Layout
from eqsets.layout.precision import widened
from eqsets.tensors.storage import (
    append_axes,
    as_stored,
    in_storage_order,
    storage_order,
    undo,
    unfold,
)

__all__ = ["Dense", "Padded"]


@dataclass(frozen=True, eq=False)
class Dense(Layout):
    """``(B, N, *element)``, all elements present.

    Arguments:
        batch: number of sets ``B``.
        size: size of each set ``N``.
        folded: the input ``(B, N, *element)``, where there is one.
    """

    batch: int
    size: int
    folded: Tensor | None = None

    @property
    def num_sets(self) -> int:
        return self.batch

    @property
    def num_rows(self) -> int:
        return self.batch * self.size

    def fold(self, rows: Tensor) -> Tensor:
        """Return rows as ``(B, N, *element)``."""
        # reshape with both sizes written out: unflatten has crashed inductor on symbolic sizes
        return rows.reshape(self.batch, self.size, *rows.shape[1:])

    def sum(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        return as_stored(self.fold(rows) if folded is None else folded, lambda x: x.sum(1))

    def mean(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        return as_stored(self.fold(rows) if folded is None else folded, lambda x: x.mean(1))

    def max(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        return as_stored(self.fold(rows) if folded is None else folded, lambda x: x.amax(1))

    def branch(self, rows: Tensor) -> Tensor:
        return rows if self.folded is None else unfold(self.folded, rows.shape)

    def spread(self, sets: Tensor) -> Tensor:
        shape = (self.batch, self.size, *sets.shape[1:])
        return sets[:, None].expand(shape).reshape(self.batch * self.size, *sets.shape[1:])

    def add(self, rows: Tensor, sets: Tensor) -> Tensor:
        if in_storage_order(rows, 1):
            return self.fold(rows) + sets[:, None]
        order = storage_order(rows, 1)
        sets = sets.permute(order)
        y = self.fold(rows.permute(order)) + sets[:, None]
        return y.permute(undo([0, *(axis + 1 for axis in order)]))

    def restore(self, rows: Tensor) -> Tensor:
        return self.fold(rows)


@dataclass(frozen=True, eq=False, kw_only=True)
class Padded(Dense):
    """``(B, N, *element)`` with a mask ``(B, N)``, True = present; ``folded`` is zero elsewhere."""

    mask: Tensor

    @property
    def present(self) -> Tensor:
        return self.mask.reshape(-1)

    def _fill(self, folded: Tensor, value: float) -> Tensor:
        return torch.where(append_axes(self.mask, folded), folded, value)

    def sum(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        x = self._fill(self.fold(rows), 0) if folded is None else folded
        return as_stored(x, lambda x: x.sum(1))

    def mean(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        total = self.sum(widened(rows), folded=None if folded is None else widened(folded))
        return (total / append_axes(self.mask.sum(1).to(total.dtype), total)).to(rows.dtype)

    def max(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        x = self._fill(self.fold(rows) if folded is None else folded, -torch.inf)
        return as_stored(x, lambda x: x.amax(1))

    def add(self, rows: Tensor, sets: Tensor) -> Tensor:
        y = super().add(rows, sets)
        return torch.where(append_axes(self.mask, y), y, 0)

    def restore(self, rows: Tensor) -> Tensor:
        return self._fill(self.fold(rows), 0)
