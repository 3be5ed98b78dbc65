"""Ragged batches: round trips, selection, arithmetic, moves, files, and clear errors."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils import _pytree as pytree

from eqsets import DSS, FeatureTypeError, SetBatch, ShapeError


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
    for members in sets:
        torch.testing.assert_close(members.grad, torch.ones(members.shape))


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
        (lambda: SetBatch.cat([]), "got 0 objects"),
        (lambda: SetBatch.cat([torch.ones(1, 2)]), "types .'Tensor'.*from_list"),  # type: ignore[list-item]
        (
            lambda: SetBatch.cat([shuffled()[0], shuffled()[0].to(torch.float64)]),
            r"\(2,\) of torch.float32 on cpu and \(2,\) of torch.float64",
        ),
    ],
)
def test_bad_batches_get_a_clear_error(call: Callable[[], SetBatch], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()


def shuffled() -> tuple[SetBatch, list[Tensor]]:
    """Return four sets whose rows lie in any order, and the sets."""
    generator = torch.Generator().manual_seed(0)
    batch = SetBatch.from_list([torch.randn(n, 2, generator=generator) for n in (3, 1, 4, 2)])
    order = torch.randperm(10, generator=generator)
    mixed = SetBatch(batch.values[order], batch.index[order], 4)
    return mixed, mixed.to_list()


def same(batch: SetBatch, sets: list[Tensor]) -> bool:
    pairs = zip(batch, sets, strict=True)
    return len(batch) == len(sets) and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "key",
    [
        slice(1, 3),
        slice(None, None, -1),
        slice(-2, None),
        [2, 0, 2, -1],
        torch.tensor([3, 3]),
        torch.tensor([1], dtype=torch.int32),
        [True, False, False, True],
        torch.tensor([False, True, True, True]),
    ],
)
def test_selecting_sets(key: Any) -> None:
    batch, sets = shuffled()
    numbers = range(4)[key] if isinstance(key, slice) else torch.arange(4)[key]
    part = batch[key]
    assert isinstance(part, SetBatch)
    assert same(part, [sets[int(i)] for i in numbers])
    assert same(SetBatch(part.values, part.index, part.num_sets), part.to_list())  # passes checks


def test_one_set_and_iteration() -> None:
    batch, sets = shuffled()
    assert all(torch.equal(batch[i], sets[i]) for i in range(-4, 4))
    assert same(batch, sets)
    assert [len(members) for members in batch] == batch.sizes().tolist() == [3, 1, 4, 2]
    for key in (4, -5, [0, 4], torch.tensor([-5])):
        with pytest.raises(IndexError, match="of 4 sets"):
            batch[key]
    for wrong in (slice(2, 2), [], "0", [0.5], [[0]], True, [True, False], (0, 1), None):
        with pytest.raises(ShapeError, match="selects at least one set"):
            batch[wrong]  # type: ignore[index]


def test_concatenation() -> None:
    batch, sets = shuffled()
    joined = SetBatch.cat([batch, batch[1:3], batch])
    assert same(joined, [*sets, *sets[1:3], *sets])
    assert same(SetBatch.cat([batch]), sets)


def test_arithmetic_works_row_by_row() -> None:
    batch, _ = shuffled()
    other = batch.map(torch.tanh)
    equal_index = SetBatch(other.values, batch.index.clone(), 4)
    x, y = batch.values, other.values
    for result, expected in (
        (batch + other, x + y),
        (batch + equal_index, x + y),
        (batch - other, x - y),
        (batch * other, x * y),
        (batch / other, x / y),
        (-batch, -x),
        (2 * batch + 1, 2 * x + 1),
        (1 - batch / 2, 1 - x / 2),
        (batch * torch.tensor(3.0), 3 * x),
        (1 + batch, x + 1),
    ):
        assert torch.equal(result.values, expected)
        assert result.index is batch.index
    layer = DSS("trivial", 2, 2)
    residual = batch + layer(batch)
    dense = [members + layer(members[None])[0] for members in batch]
    torch.testing.assert_close(residual.to_list(), dense)


def test_arithmetic_refuses_what_is_ambiguous() -> None:
    batch, _ = shuffled()
    with pytest.raises(ShapeError, match="expected the same sets"):
        batch + batch[::-1]
    with pytest.raises(ShapeError, match="expected the same sets"):
        batch - batch[:2]
    with pytest.raises(FeatureTypeError, match=r"got tensor \(4, 2\), .*batch.map"):
        batch + torch.zeros(4, 2)
    with pytest.raises(FeatureTypeError, match="got None"):
        batch * None


def test_map_keeps_one_row_for_each_row() -> None:
    batch, _ = shuffled()
    assert batch.map(torch.sum, 1, keepdim=True).values.shape == (10, 1)
    wrong: tuple[tuple[Callable[..., Any], str], ...] = (
        (torch.sum, r"\(\)"),
        (lambda x: x[1:], r"\(9, 2\)"),
        (list, "list"),
    )
    for function, got in wrong:
        with pytest.raises(ShapeError, match=f"got {got} from .*one row for each row"):
            batch.map(function)


def test_padding_to_a_given_size() -> None:
    batch, sets = shuffled()
    x, mask = batch.to_padded(6)
    assert x.shape == (4, 6, 2)
    assert mask.sum(1).tolist() == [3, 1, 4, 2]
    assert all(torch.equal(x[i][mask[i]], members) for i, members in enumerate(sets))
    with pytest.raises(ShapeError, match="size=3 for a set of 4 elements"):
        batch.to_padded(3)


def test_dtype_device_and_gradients() -> None:
    batch, _ = shuffled()
    assert (batch.dtype, batch.device, batch.requires_grad) == (
        torch.float32,
        torch.device("cpu"),
        False,
    )
    assert batch.to(torch.float16).dtype == torch.float16
    assert batch.cpu().to(torch.zeros(1).double(), non_blocking=True).dtype == torch.float64
    assert batch.requires_grad_().requires_grad
    assert batch.values.requires_grad
    assert not batch.detach().requires_grad
    (batch * batch).values.sum().backward()
    torch.testing.assert_close(batch.values.grad, 2 * batch.values.detach())
    if torch.cuda.is_available():
        assert batch.cuda().index.device.type == "cuda"


def test_copies_and_files() -> None:
    batch, sets = shuffled()
    other = copy.deepcopy(batch)
    assert same(other, sets)
    assert other.values is not batch.values
    assert same(pickle.loads(pickle.dumps(batch)), sets)
    file = io.BytesIO()
    torch.save({"batch": batch, "label": torch.ones(4)}, file)
    file.seek(0)
    assert same(torch.load(file, weights_only=True)["batch"], sets)


def test_values_are_not_read_where_there_are_none() -> None:
    values, index = torch.ones(3, 2, device="meta"), torch.zeros(3, device="meta").long()
    batch = SetBatch(values, index, 2)
    assert repr(batch) == "SetBatch(2 sets of 3 elements in all of shape (2,), torch.float32)"
    assert batch.sizes().shape == (2,)
    assert batch.to_padded(4)[0].shape == (2, 4, 2)

    def total(values: Tensor) -> Tensor:
        return (SetBatch(values, torch.tensor([1, 0]), 2) + 1).values.sum()

    assert torch.func.vmap(total)(torch.zeros(3, 2, 2)).tolist() == [4.0, 4.0, 4.0]
