"""Train models in parallel, one thread for each, with checkpoints for an exact resume.

The bursts and the learning rate of a step are functions of its number, and nothing else is random:
weights, optimiser states and the step number are the whole state.

Networks of this size gain little from several threads, which synchronise in every layer. So each
model is trained by one thread, and the models are trained in parallel.
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

from eqsets.threads import one_thread
from eqsets.training.interrupt import deferred_interrupt
from eqsets_demo.bursts import BurstSource, psnr
from eqsets_demo.muon import Muon
from eqsets_demo.photos import TRAINING_PHOTOS
from eqsets_demo.recipe import Recipe

__all__ = ["Training", "train"]

_SAVE_EVERY = 10.0  # seconds


class Training:
    """The training of one model on bursts of the training photos.

    Arguments:
        build: returns the model; its weights follow from the seed of the recipe.
        recipe: the training configuration.
        checkpoint: file to resume from, if it exists and has the same recipe.
    """

    def __init__(self, build: Callable[[], nn.Module], recipe: Recipe, checkpoint: Path) -> None:
        self.recipe, self.checkpoint = recipe, checkpoint
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.model = build()
        # Kernels in the memory format of the features are used without a copy.
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        kernels = [weight for weight in self.model.parameters() if weight.dim() > 1]
        offsets = [weight for weight in self.model.parameters() if weight.dim() <= 1]
        self.optimisers = (Muon(kernels), torch.optim.Adam(offsets, betas=(0.9, 0.99)))
        self.source = BurstSource(
            TRAINING_PHOTOS, recipe.camera, size=recipe.size, seed=recipe.seed, augment=True
        )
        self.step = 0
        self.seconds = 0.0  # CPU time
        self.gain = 0.0  # over the mean frame in dB, an exponential moving average
        if checkpoint.exists():
            self._load(torch.load(checkpoint, weights_only=True))

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.recipe.steps

    def run(self, report: Callable[[int, float], None], stop: threading.Event) -> None:
        """Train to the last step, or until ``stop`` is set, and write the checkpoint.

        Arguments:
            report: called with the step number and the gain over the mean frame in dB.
            stop: when set, training stops after the current step.
        """
        before, start, saved = self.seconds, time.thread_time(), time.monotonic()
        while not (self.finished or stop.is_set()):
            self.gain += 0.02 * (self.train_step() - self.gain)
            self.seconds = before + time.thread_time() - start
            report(self.step, self.gain)
            if time.monotonic() - saved > _SAVE_EVERY:
                self.save()
                saved = time.monotonic()
        self.save()

    def train_step(self) -> float:
        """Do one step; return the gain of its bursts over their mean frame in dB."""
        frames, truth = self.source.batch(self.step, self.recipe.bursts)
        restored: Tensor = self.model(frames)
        loss = (restored - truth).abs().mean()
        self.model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        maxima = (self.recipe.learning_rate, self.recipe.offset_learning_rate)
        for optimiser, rate in zip(self.optimisers, maxima, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * self.recipe.schedule(self.step)
            optimiser.step()
        self.step += 1
        return float((psnr(restored.detach(), truth) - psnr(frames.mean(1), truth)).mean())

    def save(self) -> None:
        """Write the checkpoint atomically."""
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
            return  # of another recipe: it will be overwritten
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.seconds, self.gain = (state[key] for key in ("step", "seconds", "gain"))


def train(trainings: Sequence[Training], reports: Sequence[Callable[[int, float], None]]) -> None:
    """Train models in parallel, one thread for each.

    Arguments:
        trainings: one for each model.
        reports: the ``report`` of :meth:`Training.run`, for each training.

    Raises:
        KeyboardInterrupt: on Ctrl-C, after the checkpoints have been written.
    """
    stop = threading.Event()

    def run(training: Training, report: Callable[[int, float], None]) -> None:
        torch.set_num_threads(1)  # in this thread
        training.run(report, stop)

    with deferred_interrupt(stop), one_thread(), ThreadPoolExecutor(len(trainings)) as pool:
        futures = [pool.submit(run, *pair) for pair in zip(trainings, reports, strict=True)]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in done):
            stop.set()  # one failed: stop the others
        for future in futures:
            future.result()
    if not all(training.finished for training in trainings):
        raise KeyboardInterrupt
