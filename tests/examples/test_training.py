"""Training reduces the loss, and an interrupted run resumes exactly."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from experiments import Data, Recipe, Training, accuracy, set_cross_entropy, shuffled

RECIPE = Recipe(steps=12, batch=8)


class Scores(nn.Module):
    """Score the elements of a set by themselves, with a norm that has running statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(4), nn.Linear(4, 1)

    def forward(self, x):
        return self.linear(self.norm(x.flatten(0, 1)).unflatten(0, x.shape[:2]))


def largest_first() -> Data:
    x = torch.randn(64, 5, 4, generator=torch.Generator().manual_seed(0))
    y = x[..., 0].argmax(1)
    return Data(shuffled(x, y), (x[:16], y[:16]), (x[16:], y[16:]))


def start(folder, recipe=RECIPE, rate=0.1, seed=0) -> Training:
    checkpoint = folder / "model.pt"
    return Training(Scores, recipe, rate, seed, largest_first(), set_cross_entropy, checkpoint)


def run(training, stop_after=None) -> list[float]:
    losses, stop = [], threading.Event()

    def report(step, loss):
        losses.append(loss)
        if step == stop_after:
            stop.set()

    training.report_to(report)
    training.run(stop)
    return losses


def test_it_learns(tmp_path):
    training = start(tmp_path, Recipe(steps=60, batch=16))
    losses = run(training)
    assert losses[-1] < 0.7 * losses[0]
    assert accuracy(training.answer(training.data.test[0]), training.data.test[1]) > 60


def test_a_stopped_training_goes_on_exactly(tmp_path):
    whole = start(tmp_path / "whole")
    run(whole)
    run(start(tmp_path / "parts"), stop_after=5)
    resumed = start(tmp_path / "parts")
    assert resumed.step == 5
    assert len(run(resumed)) == RECIPE.steps - 5
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert resumed.recent == whole.recent


@pytest.mark.parametrize(
    "other", [{"rate": 0.2}, {"seed": 1}, {"recipe": Recipe(steps=13, batch=8)}], ids=str
)
def test_the_checkpoint_of_another_training_is_left_alone(tmp_path, other):
    run(start(tmp_path), stop_after=5)
    assert start(tmp_path, **other).step == 0
    assert start(tmp_path).step == 5  # the control: the same one


def test_seeds_decide_on_weights_and_nothing_else_does(tmp_path):
    before = torch.get_rng_state()
    first, again, other = (start(tmp_path, seed=seed).model.linear.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_time_can_end_a_training_too(tmp_path):
    training, shown = start(tmp_path, Recipe(steps=10**9, seconds=0.05)), []
    training.report_to(lambda done, loss: shown.append(done))
    training.run()
    assert set(shown) <= {0, 1}, "seconds of one, not steps of a billion"
    assert training.recipe.length == 1
    assert training.finished
    assert 0 < training.step < 10**6
    assert training.seconds >= 0.05


def test_the_learning_rate_rises_and_falls():
    recipe = Recipe(steps=100, warm_up=0.1)
    rates = [recipe.schedule(recipe.done(step, 0.0)) for step in range(101)]
    assert rates[:11] == pytest.approx([0.1 * step for step in range(11)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0)
    assert Recipe(steps=100, seconds=2.0).done(10, 1.0) == 0.5
