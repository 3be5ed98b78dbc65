"""One layer, three layouts: dense, padded and ragged sets as rows, with the same four operations.

A layer is written once on rows ``(R, *element)``; a layout says which rows belong together. Padded
rows are set to zero on the way in and on the way out, so nothing in them (not even NaN) can leak.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.errors import ShapeError
from eqsets.features import FeatureType
from eqsets.sets import SetBatch

__all__ = ["Dense", "Layout", "Padded", "Ragged", "as_rows"]


class Layout(ABC):
    """Which rows form a set. ``B`` sets, ``R`` rows, features of any shape behind."""

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
    def sum(self, rows: Tensor) -> Tensor:
        """Return the sum over each set, ``(B, *element)``."""

    @abstractmethod
    def mean(self, rows: Tensor) -> Tensor:
        """Return the mean over each set, ``(B, *element)``."""

    @abstractmethod
    def max(self, rows: Tensor) -> Tensor:
        """Return the componentwise maximum over each set, ``(B, *element)``."""

    @abstractmethod
    def spread(self, sets: Tensor) -> Tensor:
        """Return ``(B, *element)`` repeated to each row of its set, ``(R, *element)``."""

    @abstractmethod
    def add(self, rows: Tensor, sets: Tensor) -> Tensor:
        """Return rows plus what their set has, broadcasting inside the element."""

    @abstractmethod
    def restore(self, rows: Tensor) -> Tensor | SetBatch:
        """Return rows in the layout that the user gave."""


@dataclass(frozen=True, eq=False)
class Dense(Layout):
    """``(B, N, *element)``, all elements present."""

    batch: int
    size: int

    @property
    def num_sets(self) -> int:
        return self.batch

    @property
    def num_rows(self) -> int:
        return self.batch * self.size

    def fold(self, rows: Tensor) -> Tensor:
        # reshape with both sizes written out: unflatten has crashed inductor on symbolic sizes
        return rows.reshape(self.batch, self.size, *rows.shape[1:])

    def sum(self, rows: Tensor) -> Tensor:
        return self.fold(rows).sum(1)

    def mean(self, rows: Tensor) -> Tensor:
        return self.fold(rows).mean(1)

    def max(self, rows: Tensor) -> Tensor:
        return self.fold(rows).amax(1)

    def spread(self, sets: Tensor) -> Tensor:
        shape = (self.batch, self.size, *sets.shape[1:])
        return sets[:, None].expand(shape).reshape(self.batch * self.size, *sets.shape[1:])

    def add(self, rows: Tensor, sets: Tensor) -> Tensor:
        return (self.fold(rows) + sets[:, None]).reshape(rows.shape)

    def restore(self, rows: Tensor) -> Tensor:
        return self.fold(rows)


@dataclass(frozen=True, eq=False)
class Padded(Dense):
    """``(B, N, *element)`` with a mask ``(B, N)``, True = present."""

    mask: Tensor

    @property
    def present(self) -> Tensor:
        return self.mask.reshape(-1)

    def _mask(self, like: Tensor) -> Tensor:
        return self.mask.reshape(self.batch, self.size, *([1] * (like.dim() - 1)))

    def sum(self, rows: Tensor) -> Tensor:
        return torch.where(self._mask(rows), self.fold(rows), 0).sum(1)

    def mean(self, rows: Tensor) -> Tensor:
        count = self.mask.sum(1).reshape(-1, *([1] * (rows.dim() - 1)))
        return self.sum(rows) / count.to(rows.dtype)

    def max(self, rows: Tensor) -> Tensor:
        return torch.where(self._mask(rows), self.fold(rows), -torch.inf).amax(1)

    def restore(self, rows: Tensor) -> Tensor:
        return torch.where(self._mask(rows), self.fold(rows), 0)


@dataclass(frozen=True, eq=False)
class Ragged(Layout):
    """Rows with the number of their set."""

    source: SetBatch

    @property
    def num_sets(self) -> int:
        return self.source.num_sets

    @property
    def num_rows(self) -> int:
        return len(self.source.index)

    def _total(self, rows: Tensor) -> Tensor:
        return rows.new_zeros(self.source.num_sets, *rows.shape[1:])

    def sum(self, rows: Tensor) -> Tensor:
        return self._total(rows).index_add(0, self.source.index, rows)

    def mean(self, rows: Tensor) -> Tensor:
        ones = rows.new_ones(rows.shape[0])
        count = rows.new_zeros(self.source.num_sets).index_add(0, self.source.index, ones)
        return self.sum(rows) / count.reshape(-1, *([1] * (rows.dim() - 1)))

    def max(self, rows: Tensor) -> Tensor:
        index = self.source.index.reshape(-1, *([1] * (rows.dim() - 1))).expand(rows.shape)
        return self._total(rows).scatter_reduce(0, index, rows, "amax", include_self=False)

    def spread(self, sets: Tensor) -> Tensor:
        return sets.index_select(0, self.source.index)

    def add(self, rows: Tensor, sets: Tensor) -> Tensor:
        return rows + self.spread(sets)

    def restore(self, rows: Tensor) -> SetBatch:
        return self.source.replace(rows)


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
    rows = x.reshape(batch * size, *x.shape[2:])
    if mask is None:
        return Dense(batch, size), rows
    _check_mask(mask, x, owner)
    present = mask.reshape(batch * size, *([1] * (rows.dim() - 1)))
    return Padded(batch, size, mask), torch.where(present, rows, 0)


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
    # Reading a mask is free on the CPU; elsewhere it would stall the device, so it is not done.
    if mask.device.type == "cpu" and not torch.compiler.is_compiling():
        empty = (~mask.any(1)).nonzero()[:, 0].tolist()
        if empty:
            raise ShapeError(
                f"{owner} got a mask that is all False for the sets {empty[:10]}, expected at "
                "least one element in each set. Leave empty sets out of the batch."
            )
