"""A training that was stopped is resumed exactly, and a damaged checkpoint is named."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from eqsets import OptionError
from eqsets.training import (
    FitOptions,
    MovingAverage,
    Objective,
    StagePlan,
    Training,
    run_in_parallel,
    run_stage,
)
from eqsets.training.loop import seed_torch

PLAN = StagePlan(12, batch=4, check_every=4, learning_rate=0.05)


class Line(Objective):
    """Least squares with dropout, so that torch's generator matters."""

    def __init__(self, width: int = 3, *, stop_at: int = -1, stop: threading.Event | None = None):
        self.network = nn.Sequential(nn.Dropout(0.5), nn.Linear(width, 1))
        with torch.no_grad():
            for parameter in self.network.parameters():
                parameter.fill_(0.1)
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(20, width, generator=generator)
        self.y = self.x.sum(1, keepdim=True)
        self.stop_at, self.stop = stop_at, stop

    def loss(self, step):
        if step.number == self.stop_at and self.stop is not None:
            self.stop.set()
        chosen = step.choose(len(self.x))
        return {"loss": (self.network(self.x[chosen]) - self.y[chosen]).square().mean()}

    def check(self):
        self.network.eval()
        value = float((self.network(self.x) - self.y).square().mean())
        self.network.train()
        return {"loss": value}


class TwoRates(Line):
    """The same with two optimisers."""

    def optimizers(self, plan):
        weight, bias = self.network.parameters()
        return [torch.optim.SGD([weight], lr=0.1), torch.optim.Adam([bias], lr=0.01)]


def weights(objective: Objective) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in objective.network.parameters()])


@pytest.mark.parametrize("kind", [Line, TwoRates])
@pytest.mark.parametrize("stop_at", [0, 3, 6])
def test_stopped_and_resumed_is_bit_for_bit_the_same(kind, stop_at, tmp_path):
    whole, path = kind(), tmp_path / "c.pt"
    Training(whole, PLAN).run()
    stop = threading.Event()
    first = Training(kind(stop_at=stop_at, stop=stop), PLAN, checkpoint=path)
    first.run(stop)
    assert first.step == stop_at + 1
    assert not first.finished
    second = Training(kind(), PLAN, checkpoint=path)
    second.run()
    assert second.finished
    assert torch.equal(weights(whole), weights(second.objective))
    other = kind()
    Training(other, PLAN, seed=1).run()
    assert not torch.equal(weights(whole), weights(other))  # control


def test_the_global_generator_is_seeded_for_a_step_only_and_only_if_asked():
    line = Line()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    Training(line, PLAN).run()
    assert torch.equal(torch.get_rng_state(), before)
    line.draws_from_torch = False
    Training(line, PLAN).run()
    assert not torch.equal(torch.get_rng_state(), before)  # control: dropout drew from it
    with torch.random.fork_rng(devices=[]):
        seed_torch(5, torch.device("cpu"))
        first = torch.rand(3)
        torch.manual_seed(5)
        assert torch.equal(first, torch.rand(3))


def test_a_checkpoint_of_another_training_is_refused_or_not_used(tmp_path):
    path = tmp_path / "c.pt"
    Training(Line(), PLAN, identity="one", checkpoint=path).run()
    with pytest.raises(OptionError, match=r"is of another fit .one."):
        Training(Line(), PLAN, identity="two", checkpoint=path)
    assert Training(Line(), PLAN, identity="two", checkpoint=path, resume="same").step == 0
    assert Training(Line(), PLAN, identity="one", checkpoint=path, resume=False).step == 0
    assert Training(Line(), PLAN, identity="one", checkpoint=path, resume="same").step == 12
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(OptionError, match=r"is of another fit .unreadable"):
        Training(Line(), PLAN, identity="one", checkpoint=path)


def test_ctrl_c_writes_the_checkpoint_of_its_step(tmp_path):
    class Interrupted(Line):
        def loss(self, step):
            if step.number == 5:
                os.kill(os.getpid(), signal.SIGINT)
            return super().loss(step)

    options = FitOptions.of(folder=tmp_path, quiet=True)
    with pytest.raises(KeyboardInterrupt):
        run_stage(Interrupted(), PLAN, name="line", identity="", options=options)
    assert torch.load(tmp_path / "line.ckpt", weights_only=True)["step"] == 6
    whole, resumed = Line(), Line()
    expected = run_stage(whole, PLAN, name="line", identity="", options=FitOptions(quiet=True))
    assert run_stage(resumed, PLAN, name="line", identity="", options=options) == expected
    assert torch.equal(weights(whole), weights(resumed))
    assert (tmp_path / "line.csv").read_text().count("\n") == 4


@dataclass(frozen=True)
class ByTime:
    """A plan that ends after a time."""

    seconds: float
    steps: int = 10**9
    batch: int = 4
    clip: float = 1.0

    def rate(self, step, seconds=0.0):
        return 1.0

    def finished(self, step, seconds):
        return seconds >= self.seconds


def test_each_step_of_each_seed_draws_by_itself():
    """Regression: seeds of a small range would repeat after some steps."""
    drawn = []
    for seed in range(3):
        objective = Line()
        objective.loss = lambda step, objective=objective: (
            drawn.append(tuple(step.choose(10**6).tolist())) or Line.loss(objective, step)
        )
        Training(objective, StagePlan(150, batch=4), seed=seed).run()
    assert len(set(drawn)) == len(drawn) == 450


def test_a_plan_may_end_by_time():
    line = TwoRates()
    training = Training(line, ByTime(0.05))
    training.run()
    assert training.seconds >= 0.05
    assert training.step > 0


def test_trainings_side_by_side_are_as_they_are_alone():
    def training() -> Training:
        line = Line()
        line.network[0] = nn.Identity()
        line.draws_from_torch = False
        return Training(line, PLAN, callbacks=[MovingAverage("loss", 0.1)])

    alone, together = training(), [training() for _ in range(3)]
    alone.run()
    stop = threading.Event()
    jobs = [lambda one=one: one.run(stop) for one in together]
    run_in_parallel(jobs, stop, workers=3)
    assert all(torch.equal(weights(alone.objective), weights(t.objective)) for t in together)


def test_a_job_that_fails_stops_the_others():
    stop, waited = threading.Event(), []

    def fails():
        raise ValueError("no")

    def waits():
        waited.append(stop.wait(20))

    with pytest.raises(ValueError, match="no"):
        run_in_parallel([waits, fails], stop, workers=2)
    assert waited == [True]
