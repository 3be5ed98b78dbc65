"""Train one model, with a checkpoint from which an interrupted training goes on exactly.

Kernels are trained by Muon, as in the demo; biases and norms by Adam.

The batch of a step and its learning rate are functions of the seed and the number of the step, so
weights, optimiser and that number are the whole state.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from eqsets.demo import Muon

__all__ = ["Data", "Recipe", "Training", "accuracy", "endless", "set_cross_entropy", "shuffled"]

Batch: TypeAlias = tuple[Tensor, Tensor]

_SAVE_EVERY = 10.0  # seconds
_SEEDING = threading.Lock()  # torch has one global generator


@dataclass(frozen=True)
class Data:
    """Where a model learns and where it is tested.

    Arguments:
        draw: ``draw(sets, generator)`` returns a batch to train on.
        validation: sets and answers, to choose the learning rate on.
        test: sets and answers.
    """

    draw: Callable[[int, torch.Generator], Batch]
    validation: Batch
    test: Batch


@dataclass(frozen=True)
class Recipe:
    """How every model of an experiment is trained.

    Arguments:
        steps: of the optimiser, at most.
        seconds: of a core after which to stop, or ``None``; then the numbers differ a little from
            machine to machine, and after an interruption.
        batch: sets in a step.
        warm_up: part of the steps in which the learning rate rises; then it falls like a cosine.
        offsets: learning rate of biases and norms (by Adam), as part of that of the kernels.
        clip: largest norm of a gradient.
    """

    steps: int
    batch: int = 16
    seconds: float | None = None
    warm_up: float = 0.1
    offsets: float = 0.3
    clip: float = 1.0

    @property
    def length(self) -> int:
        """Steps, or seconds where these decide."""
        return self.steps if self.seconds is None else math.ceil(self.seconds)

    def done(self, step: int, seconds: float) -> float:
        """Return the part of a training that is done, at least 1 when it is finished."""
        by_time = 0.0 if self.seconds is None else seconds / self.seconds
        return max(step / self.steps, by_time)

    def schedule(self, done: float) -> float:
        """Return the part of the highest learning rate where a part of the training is done."""
        if done < self.warm_up:
            return done / self.warm_up
        return (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up))) / 2


def shuffled(x: Tensor, y: Tensor) -> Callable[[int, torch.Generator], Batch]:
    """Return a ``draw`` that picks sets at random from ``x`` and ``y``."""

    def draw(sets: int, generator: torch.Generator) -> Batch:
        picked = torch.randint(len(x), (sets,), generator=generator)
        return x[picked], y[picked]

    return draw


def endless(draw: Callable[[str, int, torch.Generator], Batch], validation: int, test: int) -> Data:
    """Return training sets without end, and fixed sets to validate and test on.

    Arguments:
        draw: ``draw(split, sets, generator)`` of ``"train"``, ``"validation"`` or ``"test"``.
        validation: number of sets.
        test: number of sets.
    """
    fixed = [
        draw(split, sets, torch.Generator().manual_seed(sets))
        for split, sets in (("validation", validation), ("test", test))
    ]
    return Data(partial(draw, "train"), *fixed)


def set_cross_entropy(output: Tensor, answer: Tensor) -> Tensor:
    """Return the cross-entropy of classes ``(B, C)``, or of scores ``(B, N, 1)`` over the set."""
    return nn.functional.cross_entropy(output.flatten(1), answer)


def accuracy(output: Tensor, answer: Tensor) -> float:
    """Return the part of right answers, in per cent."""
    return 100 * float((output.flatten(1).argmax(1) == answer).double().mean())


class Training:
    """The training of one model by a recipe.

    Arguments:
        build: makes the model; the seed decides on its weights.
        recipe: how to train.
        learning_rate: the highest.
        seed: of weights and batches.
        data: to train on.
        loss: of output and answer.
        checkpoint: file from which to go on, if it exists and is of this training.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        recipe: Recipe,
        learning_rate: float,
        seed: int,
        data: Data,
        loss: Callable[[Tensor, Tensor], Tensor],
        checkpoint: Path,
    ) -> None:
        self.recipe, self.seed, self.data, self.loss = recipe, seed, data, loss
        self.highest, self.checkpoint = learning_rate, checkpoint
        with _SEEDING, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = build()
        named = list(self.model.named_parameters())
        offsets = [x for name, x in named if x.dim() <= 1 or name.endswith("bias")]
        kernels = [x for name, x in named if not (x.dim() <= 1 or name.endswith("bias"))]
        self.optimisers = {Muon(kernels): 1.0, torch.optim.Adam(offsets): recipe.offsets}
        self.step, self.seconds, self.recent = 0, 0.0, math.nan
        if checkpoint.exists():
            self._load(torch.load(checkpoint, weights_only=True))

    @property
    def finished(self) -> bool:
        """Whether all steps are done, or the time is up."""
        return self.recipe.done(self.step, self.seconds) >= 1

    def run(self, report: Callable[[int, float], None], stop: threading.Event) -> None:
        """Train to the last step, or until ``stop`` is set, and write the checkpoint.

        Arguments:
            report: is called with what is done of the length of the recipe, and the recent loss.
            stop: set it to stop after the step that is under way.
        """
        before, began, saved = self.seconds, time.thread_time(), time.monotonic()
        self.model.train()
        while not (self.finished or stop.is_set()):
            loss = self.train_step()
            old = loss if math.isnan(self.recent) else self.recent
            self.recent = old + 0.05 * (loss - old)
            self.seconds = before + time.thread_time() - began
            report(self.step if self.recipe.seconds is None else int(self.seconds), self.recent)
            if time.monotonic() - saved > _SAVE_EVERY:
                self.save()
                saved = time.monotonic()
        self.save()

    def train_step(self) -> float:
        """Do one step and return its loss."""
        generator = torch.Generator().manual_seed(1_000_003 * (self.seed + 1) + self.step)
        x, answer = self.data.draw(self.recipe.batch, generator)
        loss = self.loss(self.model(x), answer)
        self.model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        done = self.recipe.done(self.step + 1, self.seconds)
        rate = self.highest * self.recipe.schedule(min(1.0, done))
        for optimiser, part in self.optimisers.items():
            optimiser.param_groups[0]["lr"] = part * rate
            optimiser.step()
        self.step += 1
        return float(loss.detach())

    def answer(self, sets: Tensor) -> Tensor:
        """Return what the model makes of many sets."""
        self.model.eval()
        with torch.inference_mode():
            return torch.cat([self.model(few) for few in sets.split(self.recipe.batch)])

    def save(self) -> None:
        """Write the checkpoint: all of it, or nothing."""
        state = {
            "identity": self._identity(),
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "progress": [self.step, self.seconds, self.recent],
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)

    def _identity(self) -> dict[str, Any]:
        shapes = {name: list(value.shape) for name, value in self.model.state_dict().items()}
        return {**asdict(self.recipe), "lr": self.highest, "seed": self.seed, "shapes": shapes}

    def _load(self, state: dict[str, Any]) -> None:
        if state["identity"] != self._identity():
            return  # of another training: it will be overwritten
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.seconds, self.recent = state["progress"]
