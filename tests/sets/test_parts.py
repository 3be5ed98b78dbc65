"""Batches of sets whose elements have unequal numbers of parts."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch.utils import _pytree as pytree

import eqsets
from eqsets import PartBatch, SetBatch, ShapeError
from eqsets.layout import as_rows

SETS = [[torch.randn(n, 2) for n in sizes] for sizes in ((4, 4), (5, 3, 1))]
BATCH = PartBatch.from_list(SETS)
INDEX, ELEMENT = BATCH.index, BATCH.element


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_lists_and_padded_tensors_round_trip() -> None:
    assert all(same(a, b) for a, b in zip(BATCH.to_list(), SETS, strict=True))
    x, mask = BATCH.to_padded()
    assert x.shape == (2, 3, 5, 2)
    assert not x[~mask].any()
    again = PartBatch.from_padded(torch.where(mask[..., None], x, torch.nan), mask)
    assert torch.equal(again.values, BATCH.values)
    assert again._same_sets(BATCH)
    assert BATCH.to_padded(4)[0].shape == (2, 4, 5, 2)


def test_indexing_and_joining() -> None:
    assert len(BATCH) == 2
    assert same(BATCH[1], SETS[1])
    assert [len(one) for one in BATCH[[1, 0, 1]]] == [3, 2, 3]
    joined = eqsets.collate([BATCH[1:], BATCH[:1]])
    assert same(joined[0], SETS[1])
    assert same(joined[1], SETS[0])
    assert same(list(PartBatch.cat([BATCH, BATCH]))[2], SETS[0])


def test_arithmetic_and_moves() -> None:
    assert torch.equal((BATCH + 2 * BATCH).values, 3 * BATCH.values)
    assert BATCH.to(torch.float64).dtype is torch.float64
    assert BATCH.map(torch.relu).inner is BATCH.inner
    with pytest.raises(ShapeError, match="expected the same sets"):
        BATCH + PartBatch.from_list(SETS[::-1])


def test_copies_and_files(tmp_path) -> None:
    as_rows(BATCH, None, None, "test")[0].parts.pairs  # noqa: B018  # fills the memo
    torch.save(BATCH, tmp_path / "batch.pt")
    leaves, tree = pytree.tree_flatten(BATCH)
    for again in (
        torch.load(tmp_path / "batch.pt", weights_only=True),
        pickle.loads(pickle.dumps(BATCH)),
        copy.deepcopy(BATCH),
        pytree.tree_unflatten(leaves, tree),
    ):
        assert torch.equal(again.values, BATCH.values)
        assert again._same_sets(BATCH)


def test_the_parts_of_conformers_correspond() -> None:
    assert not BATCH.inner.corresponding
    inner = PartBatch.from_list([SETS[0], [torch.ones(3, 2)] * 2]).inner
    assert inner.corresponding
    assert inner.group.tolist() == [0, 1, 2, 3] * 2 + [4, 5, 6] * 2
    assert inner.set_of_group.tolist() == [0] * 4 + [1] * 3
    mask = torch.tensor([[[1, 0, 1], [1, 1, 0]]]).bool()  # two points each, not the same ones
    assert not PartBatch.from_padded(torch.ones(1, 2, 3, 2), mask).inner.corresponding


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((BATCH.values[:3], INDEX, 2, ELEMENT), r"values \(3, 2\), element \(17,\)"),
        ((BATCH.values, INDEX.int(), 2, ELEMENT), "int32"),
        ((BATCH.values, INDEX, 2, ELEMENT.flip(0)), "decreases, expected the parts of element"),
        ((BATCH.values, INDEX, 1, ELEMENT), "index from 0 to 1, expected 0 to 0"),
        ((BATCH.values, INDEX, 2, ELEMENT + 1), "element from 1 to 5, expected 0 to 4"),
        ((BATCH.values, INDEX, 3, ELEMENT), r"no elements for the sets \[2\]"),
        ((BATCH.values, torch.cat([INDEX, INDEX[:1]]), 2, ELEMENT), r"no parts for .* \[5\]"),
        ((BATCH.values, INDEX, 0, ELEMENT), "0 sets, 5 elements and 17 parts"),
        ((BATCH.values, INDEX.to("meta"), 2, ELEMENT), "expected one device"),
    ],
)
def test_a_bad_index_is_refused(arguments, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        PartBatch(*arguments)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ([], "expected at least one set"),
        ([torch.ones(3, 4, 2)], r"got \['Tensor'\], expected at least one set, each a list"),
        ([[]], "each a list of at least one element"),
        ([[torch.ones(2, 3)], [torch.ones(2, 4)]], r"\(2, 3\), \(2, 4\), expected tensors"),
        ([[torch.ones(0, 3)]], "P_i >= 1"),
        ([["a"]], "expected tensors"),
        ([[torch.ones(2, 3), torch.ones(2, 3).double()]], "one part shape, dtype and device"),
    ],
)
def test_bad_lists_are_refused(sets, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        PartBatch.from_list(sets)


@pytest.mark.parametrize(
    ("x", "mask", "message"),
    [
        (torch.ones(2, 3, 4, 2), torch.ones(2, 3), r"mask \(2, 3\) of torch.float32"),
        (torch.ones(2, 3, 4, 2), torch.ones(2, 3, 5).bool(), r"x \(2, 3, 4, 2\) and the mask"),
        (torch.ones(2, 3, 4, 2), torch.zeros(2, 3, 4).bool(), r"all False for the sets \[0, 1\]"),
        (torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1).bool().to("meta"), "expected one device"),
    ],
)
def test_bad_masks_are_refused(x, mask, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        PartBatch.from_padded(x, mask)


def test_joining_refuses_other_batches() -> None:
    with pytest.raises(ShapeError, match="expected at least one PartBatch"):
        PartBatch.cat([BATCH, SetBatch.from_list([torch.ones(2, 2)])])
    with pytest.raises(ShapeError, match=r"\(2,\) of torch.float32 on cpu and \(2,\) of torch.fl"):
        PartBatch.cat([BATCH, BATCH.to(torch.float64)])
    with pytest.raises(ShapeError, match="size=2 for a set of 3"):
        BATCH.to_padded(2)


def test_types_without_parts_refuse_them() -> None:
    layer = eqsets.DSS("translations", 2, 3, kernel_size=3)
    with pytest.raises(ShapeError, match="has no parts in any number"):
        layer(BATCH)
    with pytest.raises(ShapeError, match="has no parts in any number"):
        layer(torch.ones(1, 2, 2, 4, 4), torch.ones(1, 2, 2).bool())
    with pytest.raises(ShapeError, match="got a PartBatch and a mask"):
        eqsets.nn.Elementwise(torch.nn.ReLU())(BATCH, torch.ones(2, 3).bool())
    with pytest.raises(ShapeError, match="SetAware got elements of unequal numbers"):
        eqsets.set_aware(torch.nn.Linear(2, 3), "permutations")(BATCH)
