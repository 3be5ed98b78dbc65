"""Training: it learns, it can be interrupted, and goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import threading

import pytest
import torch

from eqsets.demo.interrupt import PoliteInterrupt
from eqsets.demo.models import dss
from eqsets.demo.recipe import Recipe
from eqsets.demo.training import Checkpoint, Training

RECIPE = Recipe(steps=6, bursts=1, size=16)


def small() -> torch.nn.Module:
    return dss(width=4, blocks=1)


def start(folder, recipe=RECIPE, build=small) -> Training:
    return Training("dss", build, recipe, Checkpoint(folder / "checkpoint.pt", recipe))


def ignore(step: int, gain: float) -> None: ...


def interrupt_at(wanted: int):
    def report(step: int, gain: float) -> None:
        if step == wanted:
            os.kill(os.getpid(), signal.SIGINT)

    return report


def test_an_interrupted_run_ends_exactly_where_an_uninterrupted_one_does(tmp_path):
    whole = start(tmp_path / "whole")
    whole.run(ignore)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "parts").run(interrupt_at(2))
    rest = start(tmp_path / "parts")
    assert rest.step == 2
    rest.run(ignore)
    assert rest.step == whole.step == RECIPE.steps
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, rest.model.state_dict()[name]), name


def test_a_finished_model_is_not_trained_again(tmp_path):
    start(tmp_path).run(ignore)
    again = start(tmp_path)
    again.run(interrupt_at(RECIPE.steps))
    assert again.step == RECIPE.steps
    assert again.seconds > 0


def test_a_checkpoint_of_another_recipe_is_not_used(tmp_path):
    start(tmp_path).run(ignore)
    assert start(tmp_path, Recipe(steps=6, bursts=1, size=16, seed=1)).step == 0


def test_a_checkpoint_is_replaced_as_a_whole(tmp_path, monkeypatch):
    training = start(tmp_path)
    training.train_step()
    training.save()

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", fail)
    training.train_step()
    with pytest.raises(OSError, match="no space"):
        training.save()
    assert start(tmp_path).step == 1


def test_training_is_a_function_of_the_seed_and_leaves_the_global_generator_alone(tmp_path):
    before = torch.get_rng_state()
    runs = [start(tmp_path / folder) for folder in ("a", "b")]
    for run in runs:
        run.run(ignore)
    assert torch.equal(torch.get_rng_state(), before)
    one, two = (run.model.state_dict() for run in runs)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_short_run_learns(tmp_path):
    """On bursts that it has not seen, against itself before training."""
    recipe = Recipe(steps=40, bursts=1, size=32)
    training = start(tmp_path, recipe, lambda: dss(width=8, blocks=1))

    def loss() -> float:
        batches = [training.source.batch(1000 + number, 4) for number in range(4)]
        with torch.no_grad():
            errors = [(training.model(frames) - truth).abs().mean() for frames, truth in batches]
        return float(sum(errors))

    before = loss()
    training.run(ignore)
    assert loss() < 0.99 * before


def test_a_second_interrupt_stops_at_once():
    with PoliteInterrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_outside_of_the_main_thread_interrupts_are_left_alone():
    seen = []

    def enter() -> None:
        with PoliteInterrupt():
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
