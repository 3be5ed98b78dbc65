"""Train models in parallel, one thread for each, with checkpoints for an exact resume.

The bursts of a step are a function of its number, so the loop of :mod:`eqsets.training` resumes
exactly.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from eqsets.optim import Muon
from eqsets.tensors.threads import one_thread
from eqsets.training import MovingAverage, Objective, Step, run_in_parallel
from eqsets.training import Training as Loop
from eqsets_demo.bursts import BurstSource, psnr
from eqsets_demo.photos import TRAINING_PHOTOS
from eqsets_demo.recipe import Recipe

__all__ = ["Training", "train"]


class _Restoration(Objective):
    """The mean absolute error of restored photos, and the gain over the mean frame in dB."""

    draws_from_torch = False  # several trainings run in threads

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        self.network, self.recipe = network, recipe
        self.source = BurstSource(
            TRAINING_PHOTOS, recipe.camera, size=recipe.size, seed=recipe.seed, augment=True
        )

    def loss(self, step: Step) -> dict[str, Tensor]:
        frames, truth = self.source.batch(step.number, step.batch)
        restored: Tensor = self.network(frames)
        gain = psnr(restored.detach(), truth) - psnr(frames.mean(1), truth)
        return {"loss": (restored - truth).abs().mean(), "gain": gain.mean()}

    def optimizers(self, plan: Any) -> Sequence[Optimizer]:
        kernels = [weight for weight in self.trained() if weight.dim() > 1]
        offsets = [weight for weight in self.trained() if weight.dim() <= 1]
        adam = torch.optim.Adam(offsets, lr=self.recipe.offset_learning_rate, betas=(0.9, 0.99))
        return [Muon(kernels, lr=self.recipe.learning_rate), adam]


class Training(Loop):
    """The training of one model on bursts of the training photos.

    Arguments:
        build: returns the model; its weights follow from the seed of the recipe.
        recipe: the training configuration.
        checkpoint: file to resume from, if it exists and has the same recipe.
    """

    checkpoint: Path

    def __init__(self, build: Callable[[], nn.Module], recipe: Recipe, checkpoint: Path) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.model = build()
        # Kernels in the memory format of the features are used without a copy.
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe, self.average = recipe, MovingAverage("gain", 0.02, start=0.0)
        super().__init__(
            _Restoration(self.model, recipe),
            recipe,
            identity=json.dumps(recipe.to_dict()),
            checkpoint=checkpoint,
            callbacks=[self.average],
            resume="same",
        )

    @property
    def gain(self) -> float:
        """Gain over the mean frame in dB, an exponential moving average."""
        return self.average.value


def train(trainings: Sequence[Training], reports: Sequence[Callable[[int, float], None]]) -> None:
    """Train models in parallel, one thread for each.

    Arguments:
        trainings: one for each model.
        reports: for each training, called with the step number and the gain over the mean frame
            in dB.

    Raises:
        KeyboardInterrupt: on Ctrl-C, after the checkpoints have been written.
    """
    stop = threading.Event()
    for training, report in zip(trainings, reports, strict=True):
        training.average.report = report
    with one_thread():
        jobs = [partial(training.run, stop) for training in trainings]
        run_in_parallel(jobs, stop, workers=len(trainings))
    if not all(training.finished for training in trainings):
        raise KeyboardInterrupt
