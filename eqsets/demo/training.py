"""Train models, each on a core of its own, with checkpoints from which a run goes on exactly.

The bursts of a step and its learning rate are functions of its number, and nothing else here is
random: weights, optimisers and the number of the step are the whole state.

A network of this size is best trained by one thread: two that wait for each other in every layer
gain little, and lose everything on a busy machine. So the models are trained side by side instead.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.demo.bursts import BurstSource, psnr
from eqsets.demo.interrupt import polite_interrupt
from eqsets.demo.muon import Muon
from eqsets.demo.photos import TRAINING_PHOTOS
from eqsets.demo.recipe import Recipe
from eqsets.threads import one_thread

__all__ = ["Training", "train"]

_SAVE_EVERY = 10.0  # seconds


class Training:
    """The training of one model by a recipe, on bursts of the training photos.

    Arguments:
        build: makes the model; the seed of the recipe decides on its weights.
        recipe: how to train.
        checkpoint: file from which to go on, if it exists and is of this recipe.
    """

    def __init__(self, build: Callable[[], nn.Module], recipe: Recipe, checkpoint: Path) -> None:
        self.recipe, self.checkpoint = recipe, checkpoint
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.model = build()
        # Laid out like the features that it meets, a kernel is used as it lies in memory.
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        kernels = [weight for weight in self.model.parameters() if weight.dim() > 1]
        offsets = [weight for weight in self.model.parameters() if weight.dim() <= 1]
        self.optimisers = (Muon(kernels), torch.optim.Adam(offsets, betas=(0.9, 0.99)))
        self.source = BurstSource(
            TRAINING_PHOTOS, recipe.camera, size=recipe.size, seed=recipe.seed, augment=True
        )
        self.step = 0
        self.seconds = 0.0  # of a core
        self.gain = 0.0  # over the mean frame in dB, of late: single bursts differ much
        if checkpoint.exists():
            self._load(torch.load(checkpoint, weights_only=True))

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.recipe.steps

    def run(self, report: Callable[[int, float], None], stop: threading.Event) -> None:
        """Train to the last step, or until ``stop`` is set, and write the checkpoint.

        Arguments:
            report: is called with the steps done and the gain over the mean frame in dB.
            stop: set it to stop after the step that is under way.
        """
        before, began, saved = self.seconds, time.thread_time(), time.monotonic()
        while not (self.finished or stop.is_set()):
            self.gain += 0.02 * (self.train_step() - self.gain)
            self.seconds = before + time.thread_time() - began
            report(self.step, self.gain)
            if time.monotonic() - saved > _SAVE_EVERY:
                self.save()
                saved = time.monotonic()
        self.save()

    def train_step(self) -> float:
        """Do one step; return by how many dB its bursts came out better than their mean frame."""
        frames, truth = self.source.batch(self.step, self.recipe.bursts)
        restored: Tensor = self.model(frames)
        loss = (restored - truth).abs().mean()
        self.model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        highest = (self.recipe.learning_rate, self.recipe.offset_learning_rate)
        for optimiser, rate in zip(self.optimisers, highest, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * self.recipe.schedule(self.step)
            optimiser.step()
        self.step += 1
        return float((psnr(restored.detach(), truth) - psnr(frames.mean(1), truth)).mean())

    def save(self) -> None:
        """Write the checkpoint: all of it, or nothing."""
        state = {
            "recipe": self.recipe.to_dict(),
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "step": self.step,
            "seconds": self.seconds,
            "gain": self.gain,
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)

    def _load(self, state: dict[str, Any]) -> None:
        if state["recipe"] != self.recipe.to_dict():
            return  # of another run: it will be overwritten
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.seconds, self.gain = (state[key] for key in ("step", "seconds", "gain"))


def train(trainings: Sequence[Training], reports: Sequence[Callable[[int, float], None]]) -> None:
    """Train models side by side, one thread for each.

    Arguments:
        trainings: of the models.
        reports: for each, what :meth:`Training.run` calls.

    Raises:
        KeyboardInterrupt: on Ctrl-C, after the checkpoints have been written.
    """
    stop = threading.Event()

    def run(training: Training, report: Callable[[int, float], None]) -> None:
        torch.set_num_threads(1)  # of this thread
        training.run(report, stop)

    with polite_interrupt(stop), one_thread(), ThreadPoolExecutor(len(trainings)) as pool:
        futures = [pool.submit(run, *pair) for pair in zip(trainings, reports, strict=True)]
        ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in ended):
            stop.set()  # nobody goes on for nothing
        for future in futures:
            future.result()
    if not all(training.finished for training in trainings):
        raise KeyboardInterrupt
