"""Sets of different sizes without padding: a :class:`~eqsets.SetBatch`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.layout.layout import Layout
from eqsets.layout.precision import widened
from eqsets.sets import SetBatch
from eqsets.tensors.storage import append_axes, as_stored, storage_order, undo
from eqsets.tensors.tracing import writable

__all__ = ["Ragged"]


@dataclass(frozen=True, eq=False)
class Ragged(Layout):
    """Rows with the number of their set; ``folded`` is ``None``."""

    source: SetBatch

    @property
    def num_sets(self) -> int:
        return self.source.num_sets

    @property
    def num_rows(self) -> int:
        return self.source.index.shape[0]

    def _total(self, rows: Tensor) -> Tensor:
        return rows.new_zeros(self.source.num_sets, *rows.shape[1:])

    def _sum(self, wide: Tensor) -> Tensor:
        return as_stored(
            wide, lambda x: self._total(x).index_add(0, self.source.index, x), reduced=0
        )

    def _select(self, sets: Tensor) -> Tensor:
        """Return what each row's set has; the gradient is a sum over the set."""
        return widened(sets).index_select(0, self.source.index).to(sets.dtype)

    def sum(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        return self._sum(widened(rows)).to(rows.dtype)

    def mean(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        total = self._sum(widened(rows))
        ones = total.new_ones(rows.shape[0])
        count = total.new_zeros(self.source.num_sets).index_add(0, self.source.index, ones)
        return (total / append_axes(count, total)).to(rows.dtype)

    def max(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        wide = widened(rows)  # its gradient counts the rows that share a maximum
        index = append_axes(self.source.index, wide).expand(wide.shape)
        # The gradient also counts a start that equals the maximum: NaN equals nothing.
        start = torch.full_like(self._total(wide), torch.nan)
        largest = start.scatter_reduce(0, index, wide, "amax", include_self=False)
        return largest.to(rows.dtype)

    def spread(self, sets: Tensor) -> Tensor:
        return as_stored(sets, self._select, reduced=0)

    def add(self, rows: Tensor, sets: Tensor) -> SetBatch:
        order = storage_order(rows, 1)
        spread = self._select(sets.permute(order))
        rows = rows.permute(order)
        # The result of _select has no other reference: the sum can be written into it.
        fits = spread.shape == rows.shape and spread.dtype == rows.dtype and writable(rows)
        y = spread.add_(rows) if fits else spread + rows
        return self.restore(y.permute(undo(order)))

    def restore(self, rows: Tensor) -> SetBatch:
        return self.source.replace(rows)
