"""Samples with sets of different sizes become batches, also through a data loader."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

import eqsets
from eqsets import OptionError, SetBatch, ShapeError, collate

SIZES = (3, 1, 4, 2)


def sets() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 2, generator=generator) for n in SIZES]


class Sample(NamedTuple):
    x: Tensor
    label: int


def test_sets_alone() -> None:
    batch = collate(sets())
    assert isinstance(batch, SetBatch)
    torch.testing.assert_close(batch.to_list(), sets())


def test_tuples_dictionaries_and_named_tuples() -> None:
    forms: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = (
        (lambda x, n: (x, n), lambda b: (b[0], b[1])),
        (lambda x, n: [x, torch.tensor(n)], lambda b: (b[0], b[1])),
        (lambda x, n: {"x": x, "label": n}, lambda b: (b["x"], b["label"])),
        (Sample, lambda b: (b.x, b.label)),
    )
    for sample, pick in forms:
        built = collate([sample(x, len(x)) for x in sets()])
        batch, label = pick(built)
        assert isinstance(batch, SetBatch)
        assert torch.equal(label, torch.tensor(SIZES))
        assert type(built) is type(sample(sets()[0], 1))


def test_sets_of_equal_sizes_are_sets_too() -> None:
    assert isinstance(collate([torch.zeros(3, 2)] * 2), SetBatch)
    label = collate([(torch.zeros(3, 2), torch.zeros(5))] * 2)[1]
    assert label.shape == (2, 5)


def test_naming_the_sets() -> None:
    samples = [{"x": x, "each": x[:, 0], "image": torch.zeros(4, 4)} for x in sets()]
    with pytest.raises(ShapeError, match=r"shapes .* at 'each', .*sets=\[\.\.\.\]"):
        collate(samples)
    batch = partial(collate, sets=["x", "each"])(samples)
    assert batch["image"].shape == (4, 4, 4)
    assert batch["each"].values.shape == (10,)
    assert torch.equal(batch["each"].index, batch["x"].index)
    pairs = collate([(torch.zeros(2, 2), x) for x in sets()], sets=[1])
    assert isinstance(pairs[0], Tensor)
    assert isinstance(pairs[1], SetBatch)


def test_batches_are_joined() -> None:
    parts = [SetBatch.from_list(sets()[:2]), SetBatch.from_list(sets()[2:])]
    torch.testing.assert_close(collate(parts).to_list(), sets())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: collate([]), ShapeError, "no samples"),
        (lambda: collate([(sets()[0], 1)], sets=[2]), OptionError, r"no 2; expected some of \[0"),
        (lambda: collate([{"x": sets()[0]}], sets=["y"]), OptionError, "no 'y'"),
        (lambda: collate(sets(), sets=["x"]), OptionError, "Leave sets out"),
        (
            lambda: collate([{"x": torch.zeros(1, 2)}, {"x": torch.zeros(1, 3)}]),
            ShapeError,
            r"cannot join 'x': .*elements \(3,\)",
        ),
        (lambda: collate([(torch.zeros(0, 2), 1)]), ShapeError, "position 0: .*empty set"),
    ],
)
def test_wrong_samples_get_a_clear_error(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("workers", [0, 1])
def test_training_from_a_data_loader(workers: int) -> None:
    torch.manual_seed(0)
    network = eqsets.SetNetwork("trivial", [2, 8], readout=1)
    data = [(x, x.sum().reshape(1)) for x in sets()]
    loader: DataLoader[Any]
    loader = DataLoader(data, 2, collate_fn=collate, num_workers=workers)  # type: ignore[arg-type]
    steps = 0
    for batch, label in loader:
        assert isinstance(batch, SetBatch)
        (network(batch) - label).square().mean().backward()
        steps += 1
    assert steps == 2
    assert all(weight.grad is not None for weight in network.parameters())
