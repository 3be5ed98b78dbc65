"""What a training is given: data to draw from, a recipe, a loss and a figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn

__all__ = ["Data", "Recipe", "accuracy", "endless", "set_cross_entropy", "shuffled"]

Batch: TypeAlias = tuple[Tensor, Tensor]


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
