"""What is held out: a quarter of the images, or whole groups of those that belong together."""

from __future__ import annotations

import pytest
import torch

from eqsets import ShapeError
from eqsets.generative import discover
from eqsets.generative.report.held_out import split_held_out

NUMBERS = torch.arange(100.0)
IMAGES = NUMBERS[:, None, None, None].expand(-1, 1, 2, 2)


def split(labels=None, groups=None, seed=0):
    return [part[:, 0, 0, 0].long() for part in split_held_out(IMAGES, labels, groups, seed)]


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_in_both_and_all_is_used(seed):
    known, held, shown = split(seed=seed)
    assert sorted([*known.tolist(), *held.tolist()]) == list(range(100))
    assert len(held) == 25
    assert set(shown.tolist()) <= set(held.tolist())
    assert held.tolist() != split(seed=seed + 1)[1].tolist()


@pytest.mark.parametrize("size", [1, 5, 20, 50])
def test_groups_are_held_out_whole(size):
    groups = torch.arange(100) // size
    for seed in range(5):
        known, held, _ = split(groups=groups, seed=seed)
        assert not set(groups[known].tolist()) & set(groups[held].tolist())
        assert len(known) + len(held) == 100
        assert 25 <= len(held) < 25 + size
    known, held, _ = split()
    pairs = torch.arange(100) // 5
    assert set(pairs[known].tolist()) & set(pairs[held].tolist())  # without groups they are torn


def test_a_group_of_nearly_all_leaves_something_to_learn_from():
    groups = torch.tensor([0] * 98 + [1] * 2)
    for seed in range(4):
        known, held, _ = split(groups=groups, seed=seed)
        assert min(len(known), len(held)) == 2


def test_images_are_of_all_classes_and_of_one_if_there_is_one():
    labels = torch.tensor([0] * 90 + [1] * 10)
    assert set(labels[split(labels)[2]].tolist()) == {0, 1}
    assert len(split(torch.zeros(100))[2]) == 8


def test_groups_that_will_not_do():
    x = torch.rand(40, 6, 6)
    with pytest.raises(ShapeError, match=r"groups that are all \[0\].*two at least.*Give each"):
        discover(x, groups=["north"] * 40, quiet=True)
    with pytest.raises(ShapeError, match=r"groups leave .* images to learn .*expected 8 of each"):
        discover(x, groups=[0] * 36 + [1] * 4, quiet=True)
    with pytest.raises(ShapeError, match="got 3 groups for 40 images, expected one for each"):
        discover(x, groups=[1, 2, 3], quiet=True)
