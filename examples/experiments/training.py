"""Train one model by the loop of `eqsets.training`, which resumes an interrupted training exactly.

Kernels are trained by Muon, as in the demo; biases and norms by Adam.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from eqsets.optim import Muon
from eqsets.training import MovingAverage, Objective, Step
from eqsets.training import Training as Loop
from experiments.recipe import Data, Recipe

__all__ = ["Training"]

_SEEDING = threading.Lock()  # the global generator of torch is shared by all threads

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class _Plan:
    """A recipe at a learning rate."""

    recipe: Recipe
    learning_rate: float

    @property
    def steps(self) -> int:
        return self.recipe.steps

    @property
    def batch(self) -> int:
        return self.recipe.batch

    @property
    def clip(self) -> float:
        return self.recipe.clip

    def rate(self, step: int, seconds: float = 0.0) -> float:
        done = self.recipe.done(step + 1, seconds)
        return self.learning_rate * self.recipe.schedule(min(1.0, done))

    def finished(self, step: int, seconds: float) -> bool:
        return self.recipe.done(step, seconds) >= 1


class _Supervised(Objective):
    """A loss of outputs and targets; batches are a function of seed and step."""

    draws_from_torch = False  # several trainings run in threads

    def __init__(self, network: nn.Module, data: Data, loss: Loss, seed: int, offsets: float):
        self.network, self.data, self.error = network, data, loss
        self.seed, self.offsets = seed, offsets

    def loss(self, step: Step) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(1_000_003 * (self.seed + 1) + step.number)
        x, answer = self.data.draw(step.batch, generator)
        return {"loss": self.error(self.network(x), answer)}

    def optimizers(self, plan: Any) -> Sequence[Optimizer]:
        named = list(self.network.named_parameters())
        offsets = [x for name, x in named if x.dim() <= 1 or name.endswith("bias")]
        kernels = [x for name, x in named if not (x.dim() <= 1 or name.endswith("bias"))]
        # The plan has the learning rate: these are factors of it.
        return [Muon(kernels, lr=1.0), torch.optim.Adam(offsets, lr=self.offsets)]


class Training(Loop):
    """The training of one model with a recipe.

    Arguments:
        build: returns the model; its weights follow from the seed.
        recipe: the training configuration.
        learning_rate: the maximum.
        seed: of weights and batches.
        data: training data.
        loss: of output and target.
        checkpoint: file to resume from, if it exists and is of this training.
    """

    checkpoint: Path

    def __init__(
        self,
        build: Callable[[], nn.Module],
        recipe: Recipe,
        learning_rate: float,
        seed: int,
        data: Data,
        loss: Loss,
        checkpoint: Path,
    ) -> None:
        with _SEEDING, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = build()
        shapes = {name: list(value.shape) for name, value in self.model.state_dict().items()}
        identity = {**asdict(recipe), "lr": learning_rate, "seed": seed, "shapes": shapes}
        self.recipe, self.data = recipe, data
        self.average = MovingAverage("loss", 0.05)
        super().__init__(
            _Supervised(self.model, data, loss, seed, recipe.offsets),
            _Plan(recipe, learning_rate),
            seed=seed,
            identity=json.dumps(identity),
            checkpoint=checkpoint,
            callbacks=[self.average],
            resume="same",
        )

    @property
    def recent(self) -> float:
        """The loss, an exponential moving average."""
        return self.average.value

    def report_to(self, report: Callable[[int, float], None]) -> None:
        """Call ``report`` after each step with the progress and the running mean of the loss."""
        by_steps = self.recipe.seconds is None
        self.average.report = lambda step, value: report(
            step if by_steps else int(self.seconds), value
        )

    def answer(self, sets: Tensor) -> Tensor:
        """Return the output of the model for many sets."""
        self.model.eval()
        with torch.inference_mode():
            return torch.cat([self.model(chunk) for chunk in sets.split(self.recipe.batch)])
