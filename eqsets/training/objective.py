"""What is minimised, and one step of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = ["Objective", "Step"]


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
    """A loss, the network that it trains, and an evaluation on held-out data.

    Attributes:
        network: what is trained.
        monitor: which of the numbers of :meth:`check` decides; smaller is better.
        draws_from_torch: whether torch's generator is to be seeded for each step, for dropout.
            Without it, trainings in several threads do not disturb each other.
    """

    network: nn.Module
    monitor: str = "loss"
    draws_from_torch: bool = True

    @abstractmethod
    def loss(self, step: Step) -> dict[str, Tensor]:
        """Return the terms of the loss of one step; ``"loss"`` is minimised."""

    def check(self) -> dict[str, float]:
        """Return numbers of held-out data, of the same draws each time; without gradients."""
        return {}

    def to(self, device: torch.device) -> None:  # noqa: B027  (data on the CPU need not move)
        """Move the data to a device."""

    def trained(self) -> list[nn.Parameter]:
        """Return the parameters that are trained."""
        return [one for one in self.network.parameters() if one.requires_grad]

    def optimizers(self, plan: Any) -> Sequence[Optimizer]:
        """Return the optimisers, each with its highest learning rate."""
        decay = plan.weight_decay
        return [torch.optim.AdamW(self.trained(), lr=plan.learning_rate, weight_decay=decay)]
