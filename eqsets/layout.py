"""One layer, three layouts: dense, padded and ragged sets as rows, with the same operations.

A layer is written once on rows ``(R, *element)``; a layout says which rows belong together. Padded
rows are set to zero on the way in and on the way out, so nothing in them (not even NaN) can leak.

A reduction of the input itself may be given the input before it became rows (``folded``): the
gradient of a sum over it stays expanded, where the reshape to rows would write it out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.errors import ShapeError
from eqsets.features import FeatureType
from eqsets.sets import SetBatch
from eqsets.storage import (
    append_axes,
    as_stored,
    in_storage_order,
    storage_order,
    undo,
    unfold,
)
from eqsets.tracing import free_to_read, writable

__all__ = ["Dense", "Layout", "Padded", "Ragged", "as_rows"]


class Layout(ABC):
    """Which rows form a set. ``B`` sets, ``R`` rows, features of any shape behind.

    Attributes:
        folded: the input before it became rows, zero at absent rows; ``None`` where it is rows.
    """

    folded: Tensor | None = None

    @property
    def present(self) -> Tensor | None:
        """Which rows are real, ``(R,)`` bool, or ``None`` where all are."""
        return None

    @property
    @abstractmethod
    def num_sets(self) -> int:
        """Number of sets ``B``."""

    @property
    @abstractmethod
    def num_rows(self) -> int:
        """Number of rows ``R``, absent ones included."""

    @abstractmethod
    def sum(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        """Return the sum over each set, ``(B, *element)``.

        Arguments:
            rows: ``(R, *element)``.
            folded: ``layout.folded``, where ``rows`` are those of the input.
        """

    @abstractmethod
    def mean(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        """Return the mean over each set, ``(B, *element)``; arguments as for :meth:`sum`."""

    @abstractmethod
    def max(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        """Return the componentwise maximum over each set; arguments as for :meth:`sum`."""

    def branch(self, rows: Tensor) -> Tensor:
        """Return the rows of the input for one more use: the same values.

        Their gradient is a tensor of its own, to which autograd may add in place.
        """
        return rows

    @abstractmethod
    def spread(self, sets: Tensor) -> Tensor:
        """Return ``(B, *element)`` repeated to each row of its set, ``(R, *element)``."""

    @abstractmethod
    def add(self, rows: Tensor, sets: Tensor) -> Tensor | SetBatch:
        """Return rows plus what their set has, broadcasting inside the element, restored."""

    @abstractmethod
    def restore(self, rows: Tensor) -> Tensor | SetBatch:
        """Return rows in the layout that the user gave."""


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
        total = self.sum(_wide(rows), folded=None if folded is None else _wide(folded))
        return (total / append_axes(self.mask.sum(1).to(total.dtype), total)).to(rows.dtype)

    def max(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        x = self._fill(self.fold(rows) if folded is None else folded, -torch.inf)
        return as_stored(x, lambda x: x.amax(1))

    def add(self, rows: Tensor, sets: Tensor) -> Tensor:
        y = super().add(rows, sets)
        return torch.where(append_axes(self.mask, y), y, 0)

    def restore(self, rows: Tensor) -> Tensor:
        return self._fill(self.fold(rows), 0)


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
        return _wide(sets).index_select(0, self.source.index).to(sets.dtype)

    def sum(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        return self._sum(_wide(rows)).to(rows.dtype)

    def mean(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        total = self._sum(_wide(rows))
        ones = total.new_ones(rows.shape[0])
        count = total.new_zeros(self.source.num_sets).index_add(0, self.source.index, ones)
        return (total / append_axes(count, total)).to(rows.dtype)

    def max(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        wide = _wide(rows)  # its gradient counts the rows that share a maximum
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


def _wide(x: Tensor) -> Tensor:
    """Return half precision numbers as float32, to be added up one by one: 256 + 1 is 256 else.

    Reductions along an axis do this by themselves; additions by index do not.
    """
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def as_rows(
    x: Tensor | SetBatch, mask: Tensor | None, in_type: FeatureType | None, owner: str
) -> tuple[Layout, Tensor]:
    """Return the layout of ``x`` and its elements as rows ``(R, *element)``.

    Arguments:
        x: ``(B, N, *element)``, or a :class:`~eqsets.SetBatch`.
        mask: ``(B, N)`` bool, True = present, for a padded tensor.
        in_type: what the elements must be, or ``None`` for any layout.
        owner: who asks, for messages.

    Raises:
        ShapeError: rank, sizes, dtype or device of ``x`` or ``mask`` do not fit, or a set is empty.
    """
    if isinstance(x, SetBatch):
        if mask is not None:
            raise ShapeError(
                f"{owner} got a SetBatch and a mask, expected a mask only for padded tensors. "
                "Leave mask=None: a SetBatch has no padding."
            )
        if in_type is not None:
            in_type.check(x.values, ("R",), owner)
        return Ragged(x), x.values
    if in_type is not None:
        in_type.check(x, ("B", "N"), owner)
    elif not isinstance(x, Tensor) or x.dim() < 2:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ShapeError(
            f"{owner} expected x of shape (B, N, *element), got {got}. Put the batch and the set "
            "in front: x[None] adds a batch of one."
        )
    batch, size = x.shape[:2]
    if batch == 0 or size == 0:
        raise ShapeError(
            f"{owner} got x of shape {tuple(x.shape)}: {size} elements in {batch} sets, expected "
            "at least one of each. Leave empty sets out of the batch."
        )
    if mask is not None:
        _check_mask(mask, x, owner)
        x = torch.where(append_axes(mask, x), x, 0)
    rows = x.reshape(batch * size, *x.shape[2:])
    if mask is None:
        return Dense(batch, size, x), rows
    return Padded(batch, size, x, mask=mask), rows


def _check_mask(mask: Tensor, x: Tensor, owner: str) -> None:
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != x.shape[:2]:
        got = f"{tuple(mask.shape)} of {mask.dtype}" if isinstance(mask, Tensor) else repr(mask)
        raise ShapeError(
            f"{owner} got the mask {got}, expected {tuple(x.shape[:2])} of torch.bool, True = "
            "present. Convert it with mask.bool() and give it the batch and set axes of x."
        )
    if mask.device != x.device:
        raise ShapeError(
            f"{owner} got a mask on {mask.device} and x on {x.device}, expected one device. "
            "Move it with mask.to(x.device)."
        )
    if free_to_read(mask):
        filled = mask.any(1)
        if not bool(filled.all()):  # only then a list, which torch.func of torch 2.6 cannot give
            empty = (~filled).nonzero()[:, 0].tolist()
            raise ShapeError(
                f"{owner} got a mask that is all False for the sets {empty[:10]}, expected at "
                "least one element in each set. Leave empty sets out of the batch."
            )
