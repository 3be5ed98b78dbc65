"""Ragged batches of sets: rows of elements, and an index that says which set each row is in.

Requirements that shaped this module:

- a ragged batch costs what its elements cost: no padding, no per-set Python in a layer;
- the index says which rows are aggregated together, in any order: also the
  nodes of a bag of graphs;
- it is a pytree and moves with ``.to()``, so that data loaders, compile and export take it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from eqsets.errors import ShapeError

__all__ = ["SetBatch"]


@dataclass(frozen=True, eq=False, repr=False)
class SetBatch:
    """A batch of sets of different sizes, without padding.

    Arguments:
        values: ``(R, *element)``, all elements of all sets, one after the other.
        index: ``(R,)`` int64, the set that each row belongs to, in ``0 ... num_sets - 1``.
        num_sets: number of sets ``B``.

    Raises:
        ShapeError: shapes, dtypes or devices do not fit, a set is empty, or an index is wrong.

    Example:
        >>> batch = SetBatch.from_list([torch.ones(2, 3), torch.zeros(1, 3)])
        >>> batch
        SetBatch(2 sets of 1 to 2 elements of shape (3,), torch.float32)
        >>> x, mask = batch.to_padded()
        >>> x.shape, mask.tolist()
        (torch.Size([2, 2, 3]), [[True, True], [True, False]])
    """

    values: Tensor
    index: Tensor
    num_sets: int

    def __post_init__(self) -> None:
        values, index = self.values, self.index
        if index.dim() != 1 or index.dtype != torch.int64 or values.dim() < 1:
            raise ShapeError(
                f"SetBatch got values {tuple(values.shape)} and index {tuple(index.shape)} of "
                f"{index.dtype}, expected values (R, *element) and index (R,) of torch.int64. "
                "Use SetBatch.from_list([...]) to have the index made."
            )
        if len(values) != len(index) or values.device != index.device:
            raise ShapeError(
                f"SetBatch got {len(values)} rows on {values.device} and {len(index)} indices on "
                f"{index.device}, expected one index for each row, on one device."
            )
        if self.num_sets < 1 or not len(index):
            raise ShapeError(
                f"SetBatch got {self.num_sets} sets and {len(index)} rows, expected at least one "
                "of each: an empty batch has nothing to learn from. Leave empty batches out."
            )
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= self.num_sets:
            raise ShapeError(
                f"SetBatch got indices from {low} to {high}, expected 0 to {self.num_sets - 1} for "
                f"{self.num_sets} sets."
            )
        empty = (torch.bincount(index, minlength=self.num_sets) == 0).nonzero()[:, 0].tolist()
        if empty:
            raise ShapeError(
                f"SetBatch got no rows for the sets {empty[:10]}, expected at least one element in "
                "each set. Leave empty sets out, or give them one element that says so."
            )

    @classmethod
    def from_list(cls, sets: Sequence[Tensor]) -> SetBatch:
        """Return the batch of ``sets``, tensors ``(n_i, *element)`` with ``n_i >= 1``.

        Raises:
            ShapeError: there is no set, one is empty, or layouts, dtypes or devices differ.
        """
        if not len(sets) or not all(isinstance(members, Tensor) for members in sets):
            raise ShapeError(
                f"SetBatch.from_list got {len(sets)} sets of types "
                f"{sorted({type(members).__name__ for members in sets})}, expected at least one "
                "tensor (n, *element). Convert with torch.as_tensor(...)."
            )
        first = sets[0]
        for position, members in enumerate(sets):
            if members.dim() < 1 or len(members) == 0:
                raise ShapeError(
                    f"SetBatch.from_list got an empty set at position {position} (shape "
                    f"{tuple(members.shape)}), expected at least one element. Leave empty sets out."
                )
            same = members.shape[1:] == first.shape[1:]
            if not same or members.dtype != first.dtype or members.device != first.device:
                raise ShapeError(
                    f"SetBatch.from_list got elements {tuple(members.shape[1:])} of "
                    f"{members.dtype} on {members.device} at position {position}, expected "
                    f"{tuple(first.shape[1:])} of {first.dtype} on {first.device} as at the first. "
                    "Bring all elements to one layout, dtype and device."
                )
        sizes = torch.tensor([len(members) for members in sets], device=first.device)
        index = torch.arange(len(sets), device=first.device).repeat_interleave(sizes)
        return cls(torch.cat(list(sets)), index, len(sets))

    def sizes(self) -> Tensor:
        """Return the size of each set, ``(B,)`` int64."""
        return torch.bincount(self.index, minlength=self.num_sets)

    def to_list(self) -> list[Tensor]:
        """Return the sets as tensors ``(n_i, *element)``, each in the order of its rows."""
        order = self.index.argsort(stable=True)
        return list(self.values[order].split(self.sizes().tolist()))

    def to_padded(self) -> tuple[Tensor, Tensor]:
        """Return ``x (B, N, *element)``, zero at padding, and ``mask (B, N)``, True = present."""
        sizes = self.sizes()
        order = self.index.argsort(stable=True)
        starts = sizes.cumsum(0) - sizes
        place = torch.arange(len(order), device=order.device) - starts[self.index[order]]
        longest = int(sizes.max())
        x = self.values.new_zeros(self.num_sets, longest, *self.values.shape[1:])
        x = x.index_put((self.index[order], place), self.values[order])
        mask = torch.arange(longest, device=order.device) < sizes[:, None]
        return x, mask

    def replace(self, values: Tensor) -> SetBatch:
        """Return the same sets with other features ``(R, *other)``; nothing is checked again."""
        return _rebuild([values, self.index], self.num_sets)

    def to(self, *args: Any, **kwargs: Any) -> SetBatch:
        """Return the batch on another device or in another dtype, as ``Tensor.to``."""
        values = self.values.to(*args, **kwargs)
        return _rebuild([values, self.index.to(values.device)], self.num_sets)

    def pin_memory(self) -> SetBatch:
        """Return the batch in page-locked memory, for data loaders."""
        return _rebuild([self.values.pin_memory(), self.index.pin_memory()], self.num_sets)

    def __len__(self) -> int:
        return self.num_sets

    def __repr__(self) -> str:
        sizes = self.sizes()
        return (
            f"SetBatch({self.num_sets} sets of {int(sizes.min())} to {int(sizes.max())} elements "
            f"of shape {tuple(self.values.shape[1:])}, {self.values.dtype})"
        )


def _rebuild(children: Any, num_sets: Any) -> SetBatch:
    # Past the checks: the index is known to be good, and under compile it may not be read.
    batch = object.__new__(SetBatch)
    values, index = children
    object.__setattr__(batch, "values", values)
    object.__setattr__(batch, "index", index)
    object.__setattr__(batch, "num_sets", num_sets)
    return batch


pytree.register_pytree_node(
    SetBatch,
    lambda batch: ([batch.values, batch.index], batch.num_sets),
    _rebuild,
    serialized_type_name="eqsets.SetBatch",
)
