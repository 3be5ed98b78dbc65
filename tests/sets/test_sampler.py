"""Batches by the total number of elements."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eqsets import OptionError, SetBatch, TotalSizeBatchSampler, collate


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    total=st.integers(1, 60),
    shuffle=st.booleans(),
    similar=st.booleans(),
    padded=st.booleans(),
    max_sets=st.none() | st.integers(1, 5),
)
def test_every_set_once_and_no_batch_too_large(
    sizes: list[int],
    total: int,
    shuffle: bool,
    similar: bool,
    padded: bool,
    max_sets: int | None,
) -> None:
    sampler = TotalSizeBatchSampler(
        sizes, total, shuffle=shuffle, similar=similar, padded=padded, max_sets=max_sets
    )
    count = len(sampler)
    batches = list(sampler)
    assert len(batches) == count
    assert sorted(index for batch in batches for index in batch) == list(range(len(sizes)))
    for batch in batches:
        members = [sizes[index] for index in batch]
        cost = max(members) * len(members) if padded else sum(members)
        assert len(batch) == 1 or cost <= total
        assert max_sets is None or len(batch) <= max_sets


def test_epochs_differ_and_are_repeatable() -> None:
    first = TotalSizeBatchSampler(range(1, 30), 50, seed=3)
    second = TotalSizeBatchSampler(range(1, 30), 50, seed=3)
    one, two = list(first), list(first)
    assert one != two
    assert list(second) == one
    second.set_epoch(1)
    assert list(second) == two


def test_similar_sizes_need_little_padding() -> None:
    sizes = torch.randint(1, 200, (300,), generator=torch.Generator().manual_seed(0))

    def padding(similar: bool) -> float:
        batches = list(TotalSizeBatchSampler(sizes, 1000, similar=similar))
        wide = sum(int(sizes[batch].max()) * len(batch) for batch in batches)
        return wide / int(sizes.sum()) - 1

    assert padding(True) < 0.1 < padding(False)


def test_in_a_loader() -> None:
    data = [(torch.ones(n, 2), torch.tensor(n)) for n in (1, 5, 2, 3)]
    sampler = TotalSizeBatchSampler([len(x) for x, _ in data], 6, shuffle=False)
    loader = torch.utils.data.DataLoader(data, batch_sampler=sampler, collate_fn=collate)  # type: ignore[arg-type, var-annotated]
    shapes = [(x.sizes().tolist(), y.tolist()) for x, y in loader]
    assert shapes == [([1, 5], [1, 5]), ([2, 3], [2, 3])]
    assert all(isinstance(x, SetBatch) for x, _ in loader)


@pytest.mark.parametrize(("sizes", "total"), [([0, 1], 3), ([1], 0), ([1.5], 3), ([True], 3)])
def test_refusals(sizes: list[int], total: int) -> None:
    with pytest.raises(OptionError, match="expected whole numbers of at least 1"):
        TotalSizeBatchSampler(sizes, total)
