"""Training: the loss decreases, and an interrupted run resumes exactly."""

from __future__ import annotations

import os
import signal
import threading

import pytest
import torch

from eqsets.training.interrupt import deferred_interrupt
from eqsets_demo.bursts import BurstSource
from eqsets_demo.models import dss
from eqsets_demo.photos import TRAINING_PHOTOS
from eqsets_demo.recipe import Recipe
from eqsets_demo.training import Training, train

RECIPE = Recipe(steps=6, bursts=1, size=16)


def small() -> torch.nn.Module:
    return dss(width=4, blocks=1)


def start(folder, recipe=RECIPE, build=small) -> Training:
    return Training(build, recipe, folder / "checkpoint.pt")


def ignore(step: int, gain: float) -> None: ...


def run(training: Training, steps: int | None = None) -> None:
    """Train to the end, or stop as Ctrl-C does after some steps."""
    stop = threading.Event()

    def report(step: int, gain: float) -> None:
        if step == steps:
            stop.set()

    training.average.report = report
    training.run(stop)


def same_weights(one: Training, two: Training) -> bool:
    first, second = one.model.state_dict(), two.model.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("steps", [1, 4])
def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path, steps):
    whole, part = start(tmp_path / "whole"), start(tmp_path / "parts")
    run(whole)
    run(part, steps)
    rest = start(tmp_path / "parts")
    assert rest.step == steps
    assert same_weights(part, rest)
    run(rest)
    assert rest.finished
    assert rest.gain == whole.gain
    assert same_weights(whole, rest)


def test_a_finished_model_is_not_trained_again(tmp_path):
    run(start(tmp_path))
    again = start(tmp_path)
    assert again.finished
    assert again.seconds > 0
    before = start(tmp_path)
    run(again)
    assert same_weights(before, again)


def test_a_checkpoint_of_another_recipe_is_not_used(tmp_path):
    run(start(tmp_path))
    assert start(tmp_path, Recipe(steps=6, bursts=1, size=16, seed=1)).step == 0


def test_a_checkpoint_is_replaced_as_a_whole(tmp_path, monkeypatch):
    training = start(tmp_path)
    run(training, 1)

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="no space"):
        run(training)
    assert start(tmp_path).step == 1


def test_parallel_training_is_the_same_and_does_not_change_global_state(tmp_path):
    alone = start(tmp_path / "alone")
    train([alone], [ignore])
    before = torch.get_rng_state(), torch.get_num_threads()
    together = [start(tmp_path / folder) for folder in ("a", "b", "c")]
    steps: list[list[int]] = [[], [], []]
    train(together, [lambda step, gain, seen=seen: seen.append(step) for seen in steps])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]
    assert steps == [[1, 2, 3, 4, 5, 6]] * 3
    assert all(same_weights(alone, training) for training in together)


def test_ctrl_c_stops_all_with_their_checkpoints_written(tmp_path):
    recipe = Recipe(steps=100_000, bursts=1, size=16)
    trainings = [start(tmp_path / folder, recipe) for folder in ("a", "b")]

    def interrupt(step: int, gain: float) -> None:
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(trainings, [interrupt, ignore])
    for training, folder in zip(trainings, ("a", "b"), strict=True):
        assert 0 < training.step < recipe.steps
        assert start(tmp_path / folder, recipe).step == training.step
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_one_training_stops_the_others(tmp_path):
    recipe = Recipe(steps=100_000, bursts=1, size=16)
    trainings = [start(tmp_path / folder, recipe) for folder in ("a", "b")]

    def fail(step: int, gain: float) -> None:
        raise OSError("the terminal is gone")

    with pytest.raises(OSError, match="the terminal is gone"):
        train(trainings, [ignore, fail])


def test_a_short_run_reduces_the_loss(tmp_path):
    """On bursts that were not used in training, against the initial network."""
    recipe = Recipe(steps=40, bursts=1, size=32)
    training = start(tmp_path, recipe, lambda: dss(width=8, blocks=1))
    source = BurstSource(TRAINING_PHOTOS, recipe.camera, size=32, seed=0, augment=True)

    def loss() -> float:
        batches = [source.batch(1000 + number, 4) for number in range(4)]
        with torch.no_grad():
            errors = [(training.model(frames) - truth).abs().mean() for frames, truth in batches]
        return float(sum(errors))

    before = loss()
    run(training)
    assert loss() < 0.99 * before


def test_outside_of_the_main_thread_the_handler_does_not_change():
    seen = []

    def enter() -> None:
        with deferred_interrupt(threading.Event()):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_the_learning_rate_rises_and_falls_to_nearly_zero():
    rates = [Recipe(steps=50).rate(step) for step in range(50)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 0.01 * max(rates)
