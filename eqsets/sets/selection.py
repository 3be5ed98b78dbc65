"""Index arithmetic of ragged batches: sizes, positions inside a set, and selected sets."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eqsets.errors import ShapeError

__all__ = ["index_of", "positions", "rows_of", "selected", "set_sizes"]


def index_of(sizes: list[int], device: torch.device) -> Tensor:
    """Return the set of each row, for rows in the order of the sets, ``(R,)`` int64."""
    if torch.compiler.is_compiling():  # a tensor of sizes would fix them
        same = [torch.full((size,), i, device=device) for i, size in enumerate(sizes)]
        return torch.cat(same)
    counts = torch.tensor(sizes, device=device)
    index = torch.arange(len(sizes), device=device)
    return index.repeat_interleave(counts, output_size=sum(sizes))


def set_sizes(index: Tensor, num_sets: int) -> Tensor:
    """Return the number of rows of each set, ``(B,)`` int64; unlike bincount it can be traced."""
    return index.new_zeros(num_sets).index_add(0, index, torch.ones_like(index))


def positions(index: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows sorted by set (stable), the set of each, and its position inside the set."""
    order = index.argsort(stable=True)
    owner = index[order]
    starts = sizes.cumsum(0) - sizes
    return order, owner, torch.arange(order.shape[0], device=order.device) - starts[owner]


def selected(key: Any, num_sets: int, device: torch.device) -> int | Tensor:
    """Return one set as an index from 0, or several as a tensor of such.

    Raises:
        IndexError: a set does not exist.
        ShapeError: the key is of another form, or selects nothing.
    """
    if isinstance(key, slice):
        key = range(*key.indices(num_sets))
    if isinstance(key, int) and not isinstance(key, bool):
        if not -num_sets <= key < num_sets:
            raise IndexError(
                f"set {key} does not exist in a SetBatch of {num_sets} sets, expected "
                f"{-num_sets} to {num_sets - 1}."
            )
        return key % num_sets
    chosen = None
    if isinstance(key, Tensor | list | range):
        chosen = torch.as_tensor(key if isinstance(key, Tensor) else list(key), device=device)
        if chosen.dtype == torch.bool and chosen.shape == (num_sets,):
            chosen = chosen.nonzero()[:, 0]
    if chosen is None or chosen.dtype not in _INTEGERS or chosen.dim() != 1 or not len(chosen):
        raise ShapeError(
            f"SetBatch of {num_sets} sets got the key {key!r}, expected an int, or a slice, list "
            "or tensor of ints or bools that selects at least one set."
        )
    low, high = int(chosen.min()), int(chosen.max())
    if low < -num_sets or high >= num_sets:
        raise IndexError(f"sets {low} to {high} do not all exist in a SetBatch of {num_sets} sets")
    return chosen.long() % num_sets


_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def rows_of(chosen: Tensor, index: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows of the ``chosen`` sets, and the position in ``chosen`` that each is for."""
    order = index.argsort(stable=True)
    starts, counts = (sizes.cumsum(0) - sizes)[chosen], sizes[chosen]
    owner = torch.arange(len(chosen), device=index.device).repeat_interleave(counts)
    within = torch.arange(len(owner), device=index.device) - (counts.cumsum(0) - counts)[owner]
    return order[starts[owner] + within], owner
