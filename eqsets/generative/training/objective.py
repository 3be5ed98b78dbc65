"""What a stage of the fit minimises, whoever runs the loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Fit", "Objective", "Step"]


class Step(NamedTuple):
    """Which step of a fit is to be done, and its only source of randomness.

    Attributes:
        number: of optimiser steps done before.
        total: number of steps of the plan.
        batch: images for this process.
        generator: seeded by the seed of the fit, the number of the step and the process, so that a
            step is the same whether the fit was interrupted before it or not.
    """

    number: int
    total: int
    batch: int
    generator: torch.Generator

    def choose(self, count: int) -> Tensor:
        """Return the numbers of random images out of ``count``: ``(batch,)``."""
        return torch.randint(count, (self.batch,), generator=self.generator)


class Objective(ABC):
    """A loss, the network that it trains, and a measure on held-out images.

    Attributes:
        network: what is trained.
        monitor: which of the numbers of :meth:`check` decides; small is good.
    """

    network: nn.Module
    monitor: str = "loss"

    @abstractmethod
    def loss(self, step: Step) -> dict[str, Tensor]:
        """Return the terms of the loss of one step; ``"loss"`` is minimised."""

    @abstractmethod
    def check(self) -> dict[str, float]:
        """Return numbers of held-out images, always the same draws; called without gradients."""

    @abstractmethod
    def to(self, device: torch.device) -> None:
        """Move the data to a device."""


class Fit(NamedTuple):
    """The curves of a fit: a row for each look at the held-out images."""

    inference: list[dict[str, float]]
    density: list[dict[str, float]]
