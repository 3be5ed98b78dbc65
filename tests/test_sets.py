"""Ragged batches: round trips, moves, and clear errors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils import _pytree as pytree

from eqsets import SetBatch, ShapeError


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_lists_and_padding_round_trip(sizes: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    sets = [torch.randn(size, 2, 3, generator=generator) for size in sizes]
    batch = SetBatch.from_list(sets)

    assert all(torch.equal(a, b) for a, b in zip(batch.to_list(), sets, strict=True))
    x, mask = batch.to_padded()
    assert x.shape == (len(sizes), max(sizes), 2, 3)
    assert mask.sum(1).tolist() == sizes == batch.sizes().tolist()
    assert all(torch.equal(x[i][mask[i]], members) for i, members in enumerate(sets))
    assert not x[~mask].any()


def test_shuffled_rows_keep_their_order_within_a_set() -> None:
    batch = SetBatch(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1, 0, 1]), 2)
    assert [members.flatten().tolist() for members in batch.to_list()] == [[2.0], [1.0, 3.0]]
    x, mask = batch.to_padded()
    assert x[..., 0].tolist() == [[2.0, 0.0], [1.0, 3.0]]
    assert mask.tolist() == [[True, False], [True, True]]


def test_gradients_flow_through_padding() -> None:
    sets = [torch.ones(2, 3, requires_grad=True), torch.ones(1, 3, requires_grad=True)]
    x, _ = SetBatch.from_list(sets).to_padded()
    x.sum().backward()
    assert all(torch.equal(s.grad, torch.ones_like(s)) for s in sets)


def test_a_batch_is_a_pytree_and_moves() -> None:
    batch = SetBatch.from_list([torch.ones(2, 3), torch.zeros(1, 3)])
    doubled = pytree.tree_map(lambda t: t * 2, batch)
    assert isinstance(doubled, SetBatch)
    assert doubled.values.sum() == 12
    assert batch.to(torch.float64).values.dtype == torch.float64
    assert batch.to(torch.float64).index.dtype == torch.int64
    assert batch.to("meta").index.device.type == "meta"
    assert len(batch) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SetBatch.from_list([]), "got 0 sets"),
        (lambda: SetBatch.from_list([[1.0]]), "types .'list'."),  # type: ignore[list-item]
        (
            lambda: SetBatch.from_list([torch.ones(1, 2), torch.ones(0, 2)]),
            "empty set at position 1",
        ),
        (
            lambda: SetBatch.from_list([torch.ones(1, 2), torch.ones(1, 3)]),
            r"\(3,\).*expected \(2,\)",
        ),
        (lambda: SetBatch.from_list([torch.ones(1), torch.ones(1).double()]), "torch.float64"),
        (lambda: SetBatch(torch.ones(2, 3), torch.zeros(2), 1), "torch.float32, expected"),
        (lambda: SetBatch(torch.ones(2, 3), torch.zeros(3).long(), 1), "2 rows"),
        (
            lambda: SetBatch(torch.ones(2, 3), torch.tensor([0, 2]), 2),
            "from 0 to 2, expected 0 to 1",
        ),
        (
            lambda: SetBatch(torch.ones(2, 3), torch.tensor([0, 0]), 2),
            r"no rows for the sets \[1\]",
        ),
        (lambda: SetBatch(torch.ones(0, 3), torch.zeros(0).long(), 0), "0 sets and 0 rows"),
    ],
)
def test_bad_batches_get_a_clear_error(call, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()
