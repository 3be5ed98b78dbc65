"""Train one model, with checkpoints from which an interrupted run goes on exactly.

The bursts of a step and its learning rate are functions of its number, and nothing else here is
random: weights, optimiser and number of the step are the whole state.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.demo.bursts import BurstSource, psnr
from eqsets.demo.interrupt import PoliteInterrupt
from eqsets.demo.photos import TRAINING_PHOTOS
from eqsets.demo.recipe import Recipe

__all__ = ["Checkpoint", "Training"]

_SAVE_EVERY = 10.0  # seconds


class Checkpoint:
    """What is known of a run, in one file that is replaced as a whole.

    Arguments:
        path: of the file; read now if it exists and is of the same recipe.
        recipe: a checkpoint of another recipe is left alone until the first :meth:`save`.
    """

    def __init__(self, path: Path, recipe: Recipe) -> None:
        self.path = path
        self._recipe = recipe.to_dict()
        self._states: dict[str, dict[str, Any]] = {}
        if path.exists():
            found = torch.load(path, weights_only=True)
            if found["recipe"] == self._recipe:
                self._states = found["states"]

    def __getitem__(self, name: str) -> dict[str, Any] | None:
        return self._states.get(name)

    def save(self, name: str, state: dict[str, Any]) -> None:
        """Add the state of a model, and write all of it or nothing."""
        self._states[name] = state
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        torch.save({"recipe": self._recipe, "states": self._states}, partial)
        os.replace(partial, self.path)

    def remove(self) -> None:
        """Delete the file: the run has come to its end."""
        self.path.unlink(missing_ok=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread, and put the number back.

    The features of a step are small: a step of the Siamese network took 34 ms on one thread and
    770 ms on two of a busy machine, where threads wait for each other in every layer.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Training:
    """Train a model by a recipe, on bursts of the training photos.

    Arguments:
        name: of the model in the checkpoint.
        build: makes the model; the seed of the recipe decides on its weights.
        recipe: how to train.
        checkpoint: goes on from the state that it has of this model.
    """

    def __init__(
        self, name: str, build: Callable[[], nn.Module], recipe: Recipe, checkpoint: Checkpoint
    ) -> None:
        self.name, self.recipe, self.checkpoint = name, recipe, checkpoint
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.model = build()
        # Strided like the features that run through it, a kernel is used as it lies in memory.
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), betas=(0.9, 0.99), weight_decay=1e-4
        )
        self.source = BurstSource(
            TRAINING_PHOTOS, recipe.camera, size=recipe.size, seed=recipe.seed, augment=True
        )
        self.step = 0
        self.seconds = 0.0
        state = checkpoint[name]
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.seconds = state["step"], state["seconds"]

    def run(self, report: Callable[[int, float], None]) -> None:
        """Train to the last step, calling ``report(steps done, gain over the mean frame in dB)``.

        Raises:
            KeyboardInterrupt: on Ctrl-C, with the checkpoint written.
        """
        began = saved = time.perf_counter()
        before, gain = self.seconds, 0.0
        with _one_thread(), PoliteInterrupt() as interrupt:
            while self.step < self.recipe.steps:
                gain += 0.02 * (self.train_step() - gain)  # of late: single bursts differ much
                report(self.step, gain)
                self.seconds = before + time.perf_counter() - began
                if interrupt.requested:
                    self.save()
                    raise KeyboardInterrupt
                if time.perf_counter() - saved > _SAVE_EVERY:
                    self.save()
                    saved = time.perf_counter()
        self.save()

    def train_step(self) -> float:
        """Do one step; return by how many dB its bursts came out better than their mean frame."""
        frames, truth = self.source.batch(self.step, self.recipe.bursts)
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate(self.step)
        restored: Tensor = self.model(frames)
        loss = (restored - truth).abs().mean()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimiser.step()
        self.step += 1
        return float((psnr(restored.detach(), truth) - psnr(frames.mean(1), truth)).mean())

    def save(self) -> None:
        """Write the state into the checkpoint."""
        self.checkpoint.save(
            self.name,
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
            },
        )
