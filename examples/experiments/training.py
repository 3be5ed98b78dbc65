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
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from eqsets_demo import Muon
from experiments.recipe import Data, Recipe

__all__ = ["Training"]

_SAVE_EVERY = 10.0  # seconds
_SEEDING = threading.Lock()  # torch has one global generator


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
