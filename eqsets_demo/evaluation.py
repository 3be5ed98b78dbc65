"""Test a network on bursts of photos that are not used in training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eqsets_demo.bursts import BurstSource, psnr
from eqsets_demo.photos import TEST_PHOTOS
from eqsets_demo.recipe import Recipe

__all__ = ["SCENES", "Bursts", "restore", "shown_bursts", "unseen_bursts"]

_TEST_SEED_OFFSET = 1_000  # added to the seed of the recipe
_SHOWN_SIZE = 104  # pixels

# The crops in the figure: photo, first row, first column. Chosen by eye, before any result.
SCENES = (
    ("chelsea", 58, 116),
    ("astronaut", 72, 176),
    ("astronaut", 344, 120),
    ("chelsea", 176, 212),
)


@dataclass(frozen=True)
class Bursts:
    """Bursts and their ground truth.

    Arguments:
        frames: ``(B, N, 3, H, W)``.
        truth: ``(B, 3, H, W)``.
    """

    frames: Tensor
    truth: Tensor

    def psnr(self, restored: Tensor) -> tuple[float, ...]:
        """Return the PSNR of each restored photo, in dB."""
        return tuple(psnr(restored, self.truth).tolist())


def _source(recipe: Recipe, photo: str, size: int) -> BurstSource:
    seed = recipe.seed + _TEST_SEED_OFFSET
    return BurstSource({photo: 1.0}, recipe.camera, size=size, seed=seed)


def unseen_bursts(recipe: Recipe) -> Bursts:
    """Return ``recipe.test_bursts`` bursts of random crops of each test photo."""
    batches = [
        _source(recipe, photo, recipe.test_size).batch(0, recipe.test_bursts)
        for photo in TEST_PHOTOS
    ]
    frames, truth = zip(*batches, strict=True)
    return Bursts(torch.cat(frames), torch.cat(truth))


def shown_bursts(recipe: Recipe) -> Bursts:
    """Return one burst of each scene in the figure."""
    bursts = [_source(recipe, name, _SHOWN_SIZE).at(name, *corner) for name, *corner in SCENES]
    frames, truth = zip(*bursts, strict=True)
    return Bursts(torch.cat(frames), torch.cat(truth))


def restore(model: nn.Module, frames: Tensor) -> Tensor:
    """Return the restored photos, clipped to [0, 1], ``(B, 3, H, W)``."""
    model.eval()
    with torch.inference_mode():
        photos = [model(chunk).clamp(0, 1) for chunk in frames.split(8)]
    return torch.cat(photos)
