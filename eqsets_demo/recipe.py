"""The training configuration of the demo, the same for all models."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from eqsets.training.plan import warm_up_cosine
from eqsets_demo.bursts import Camera

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """A training recipe: data, optimiser, schedule and test set of a run.

    Arguments:
        seed: of weights and bursts.
        camera: the model of blur and noise.
        steps: number of optimiser steps of each model.
        bursts: batch size, in bursts.
        size: height and width of the frames in training, in pixels.
        learning_rate: maximum for the kernels: linear warm-up, then cosine decay to zero.
        offset_learning_rate: maximum for the biases, with the same schedule.
        warm_up: fraction of the steps.
        clip: maximum gradient norm.
        test_bursts: number of bursts of each test photo.
        test_size: height and width of the test frames, in pixels.
    """

    seed: int = 0
    camera: Camera = field(default_factory=Camera)
    steps: int = 2000
    bursts: int = 2
    size: int = 48
    learning_rate: float = 0.01
    offset_learning_rate: float = 2e-3
    warm_up: float = 0.15
    clip: float = 0.3
    test_bursts: int = 32
    test_size: int = 96

    def quick(self) -> Recipe:
        """Return a recipe for a smoke test of a few seconds."""
        return replace(self, steps=30, size=32, test_bursts=3)

    @property
    def batch(self) -> int:
        """Bursts of a step."""
        return self.bursts

    def rate(self, step: int, seconds: float = 0.0) -> float:
        """Return the factor of the maximum learning rate at a step, counted from 0."""
        return warm_up_cosine(step, self.steps, self.warm_up)

    def finished(self, step: int, seconds: float) -> bool:
        """Return whether all steps are done."""
        return step >= self.steps

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, for JSON and to compare with a checkpoint."""
        plain = asdict(self)
        plain["camera"] = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in plain["camera"].items()
        }
        return plain
