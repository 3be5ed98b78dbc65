"""Data, training configuration, loss and accuracy of an experiment."""

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
    """Training, validation and test data.

    Arguments:
        draw: ``draw(sets, generator)`` returns a training batch.
        validation: sets and targets, to select the learning rate.
        test: sets and targets.
    """

    draw: Callable[[int, torch.Generator], Batch]
    validation: Batch
    test: Batch


@dataclass(frozen=True)
class Recipe:
    """The training configuration of all models of an experiment.

    Arguments:
        steps: maximum number of optimiser steps.
        seconds: maximum CPU time, or ``None``; with a maximum the results differ slightly between
            machines, and after an interruption.
        batch: sets per step.
        warm_up: fraction of the steps with a linear warm-up; then the learning rate has a cosine
            decay.
        offsets: learning rate of biases and norms (Adam), relative to that of the kernels.
        clip: maximum gradient norm.
    """

    steps: int
    batch: int = 16
    seconds: float | None = None
    warm_up: float = 0.1
    offsets: float = 0.3
    clip: float = 1.0

    @property
    def length(self) -> int:
        """The number of steps, or of seconds if they are limited."""
        return self.steps if self.seconds is None else math.ceil(self.seconds)

    def done(self, step: int, seconds: float) -> float:
        """Return the completed fraction of a training, at least 1 when it is finished."""
        by_time = 0.0 if self.seconds is None else seconds / self.seconds
        return max(step / self.steps, by_time)

    def schedule(self, done: float) -> float:
        """Return the factor of the maximum learning rate at a fraction of the training."""
        if done < self.warm_up:
            return done / self.warm_up
        return (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up))) / 2


def shuffled(x: Tensor, y: Tensor) -> Callable[[int, torch.Generator], Batch]:
    """Return a ``draw`` that selects random sets of ``x`` and ``y``."""

    def draw(sets: int, generator: torch.Generator) -> Batch:
        indices = torch.randint(len(x), (sets,), generator=generator)
        return x[indices], y[indices]

    return draw


def endless(draw: Callable[[str, int, torch.Generator], Batch], validation: int, test: int) -> Data:
    """Return an unlimited number of training sets, and fixed sets for validation and test.

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
    """Return the accuracy in per cent."""
    return 100 * float((output.flatten(1).argmax(1) == answer).double().mean())
