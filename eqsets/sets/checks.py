"""Checks of what a batch of sets is built from; messages name the value and the fix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from eqsets.errors import ShapeError
from eqsets.sets.selection import set_sizes
from eqsets.tensors.tracing import values_known

__all__ = ["check_members", "check_rows"]


def check_rows(values: Tensor, index: Tensor, num_sets: int) -> None:
    """Check shapes, dtypes and devices, and the values of the index where they are known.

    Raises:
        ShapeError: rows and index do not fit, an index names no set, or a set is empty.
    """
    if index.dim() != 1 or index.dtype != torch.int64 or values.dim() < 1:
        raise ShapeError(
            f"SetBatch got values {tuple(values.shape)} and index {tuple(index.shape)} of "
            f"{index.dtype}, expected values (R, *element) and index (R,) of torch.int64. "
            "Use SetBatch.from_list([...]), which computes the index."
        )
    if values.shape[0] != index.shape[0] or values.device != index.device:
        raise ShapeError(
            f"SetBatch got {values.shape[0]} rows on {values.device} and {index.shape[0]} "
            f"indices on {index.device}, expected one index for each row, on one device."
        )
    if num_sets < 1 or index.shape[0] == 0:
        raise ShapeError(
            f"SetBatch got {num_sets} sets and {index.shape[0]} rows, expected at least one of "
            "each. Leave empty batches out."
        )
    if values_known(index):
        _check_index(index, num_sets)


def _check_index(index: Tensor, num_sets: int) -> None:
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= num_sets:
        raise ShapeError(
            f"SetBatch got indices from {low} to {high}, expected 0 to {num_sets - 1} for "
            f"{num_sets} sets. Number the sets from 0, or give their number as num_sets."
        )
    sizes = set_sizes(index, num_sets)
    if int(sizes.min()) == 0:
        empty = (sizes == 0).nonzero()[:, 0].tolist()
        raise ShapeError(
            f"SetBatch got no rows for the sets {empty[:10]}, expected at least one element in "
            "each set. Leave empty sets out, or give them one element that says so."
        )


def check_members(sets: Sequence[Tensor]) -> None:
    """Check that ``sets`` are tensors ``(n_i, *element)`` that fit into one batch.

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
        if members.dim() < 1 or members.shape[0] == 0:
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
