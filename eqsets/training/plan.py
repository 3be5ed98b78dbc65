"""How long an objective is trained, and with which learning rate at each step."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi
from typing import Protocol

from eqsets.errors import OptionError

__all__ = ["Plan", "StagePlan", "warm_up_cosine"]


class Plan(Protocol):
    """What the loop needs to know of a plan.

    Attributes:
        batch: elements of a step, over all processes.
        clip: largest norm of the gradient.
    """

    @property
    def steps(self) -> int:
        """Steps of the optimiser, at most."""

    @property
    def batch(self) -> int: ...

    @property
    def clip(self) -> float: ...

    def rate(self, step: int, seconds: float = 0.0) -> float:
        """Return the factor of the learning rates of a step, counted from 0.

        Args:
            step: its number.
            seconds: of CPU time spent before it.
        """

    def finished(self, step: int, seconds: float) -> bool:
        """Return whether training ends before this step."""


@dataclass(frozen=True)
class StagePlan:
    """The optimisation of one stage.

    Attributes:
        steps: of the optimiser, at most.
        batch: images of a step, over all processes.
        learning_rate: the highest.
        warmup: fraction of the steps over which the rate rises linearly.
        final: the last rate, as a fraction of the highest; it falls along a cosine.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        samples: random draws for each image of a step.
        check_every: steps between two evaluations on the held-out images; a checkpoint is written.
        patience: evaluations without a better result before stopping early; 0: never.

    Raises:
        OptionError: a number is out of range.
    """

    steps: int
    batch: int = 128
    learning_rate: float = 2e-3
    warmup: float = 0.1
    final: float = 0.01
    weight_decay: float = 1e-4
    clip: float = 2.0
    samples: int = 1
    check_every: int = 100
    patience: int = 0

    def __post_init__(self) -> None:
        counts = {
            name: getattr(self, name) for name in ("steps", "batch", "samples", "check_every")
        }
        low = {name: value for name, value in counts.items() if value < 1}
        if low or self.patience < 0 or self.learning_rate < 0:
            raise OptionError(
                f"got {self!r}, expected at least 1 of {', '.join(low or counts)}, and patience "
                "and learning_rate that are not negative. Leave them out for the defaults."
            )

    def rate(self, step: int, seconds: float = 0.0) -> float:
        """Return the learning rate of a step, as a fraction of the highest."""
        return warm_up_cosine(step, self.steps, self.warmup, self.final)

    def finished(self, step: int, seconds: float) -> bool:
        """Return whether all steps are done."""
        return step >= self.steps


def warm_up_cosine(step: int, steps: int, warm_up: float, final: float = 0.0) -> float:
    """Return a factor of the learning rate: a linear rise, then a cosine down to ``final``.

    One closed form of the step: torch's ``LinearLR`` and ``CosineAnnealingLR`` multiply factors
    step by step, and after a resume the products round differently.

    Args:
        step: counted from 0.
        steps: in all.
        warm_up: fraction of the steps in which it rises.
        final: the last factor.

    Example:
        >>> [round(warm_up_cosine(step, 100, 0.1), 2) for step in (0, 9, 10, 55, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    rising = max(1, round(warm_up * steps))
    if step < rising:
        return (step + 1) / rising
    done = min(1.0, (step - rising) / max(1, steps - rising))
    return final + (1 - final) * (1 + cos(pi * done)) / 2
