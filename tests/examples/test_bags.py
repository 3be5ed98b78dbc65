"""The bags of digits: labels, splits, the measure, and models that see present digits only."""

from __future__ import annotations

import itertools

import pytest
import torch

import bags_of_digits
from bags_of_digits import EXPERIMENT, MODELS, area, data, digits, make_bags


def test_no_digit_is_in_two_splits() -> None:
    seen = [{tuple(image.flatten().tolist()) for image in part[0]} for part in digits().values()]
    assert [len(part[1]) for part in digits().values()] == [3000, 1000, 1000]
    assert all(not one & other for one, other in itertools.combinations(seen, 2))
    assert all(
        torch.bincount(classes).tolist() == [len(classes) // 10] * 10
        for _, classes in digits().values()
    )


def test_a_bag_is_positive_if_it_holds_a_nine() -> None:
    x, label = make_bags("test", 200, torch.Generator().manual_seed(0))
    images, classes = digits()["test"]
    known = {
        tuple(image.flatten().tolist()): int(c) for image, c in zip(images, classes, strict=True)
    }
    present = x[:, :, 0, 0, 0].isfinite()
    for bag, there, value in zip(x, present, label[:, 0], strict=True):
        held = {known[tuple(image.flatten().tolist())] for image in bag[there]}
        assert (9 in held) == bool(value)
    sizes = present.sum(1).double()
    assert 9.5 < float(sizes.mean()) < 10.5
    assert 1.7 < float(sizes.std()) < 2.3


def test_training_bags_depend_on_the_seed_and_test_bags_do_not() -> None:
    one, other = data("50", 0), data("50", 1)
    assert torch.equal(one.test[1], other.test[1])
    drawn = [each.draw(50, torch.Generator().manual_seed(0))[0] for each in (one, other)]
    assert drawn[0].shape != drawn[1].shape or not torch.equal(*(x.nan_to_num() for x in drawn))


def test_the_area_is_the_share_of_ordered_pairs() -> None:
    label = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    assert area(torch.tensor([[3.0], [2.0], [1.0], [0.0]]), label) == 75.0
    assert area(torch.zeros(4, 1), label) == 50.0
    assert area(label, label) == 100.0


@pytest.mark.parametrize("name", MODELS)
def test_models_see_present_digits_only(name: str) -> None:
    torch.manual_seed(0)
    model = EXPERIMENT.models[name]().double().eval()
    x = make_bags("test", 2, torch.Generator().manual_seed(0))[0].double()
    y = model(x)
    for b in range(2):
        alone = x[b][x[b, :, 0, 0, 0].isfinite()][None]
        assert torch.allclose(model(alone), y[b : b + 1], atol=1e-10)
        assert torch.allclose(model(alone.flip(1)), y[b : b + 1], atol=1e-10)
    assert y.shape == (2, 1)
    if MODELS[name][2] in (bags_of_digits.GATED, bags_of_digits.PLAIN):
        weights = model.weights(x)
        assert torch.allclose(weights.sum(1), torch.ones(2).double())
        assert not weights[~x[:, :, 0, 0, 0].isfinite()].any()
    else:
        sizes = [p.numel() for p in model.parameters()]
        assert 6_500 < sum(sizes) < 7_500
