"""Test a network on bursts of photos that training never looks at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eqsets.demo.bursts import BurstSource, psnr
from eqsets.demo.photos import TEST_PHOTOS
from eqsets.demo.recipe import Recipe

__all__ = ["SCENES", "Bursts", "restore", "shown_bursts", "unseen_bursts"]

_SEED_OF_TESTS = 1_000  # added to the seed of the recipe
_SHOWN_SIZE = 104

# What the picture shows: photo, first row and first column. Chosen by eye, before any result.
SCENES = (
    ("chelsea", 58, 116),
    ("astronaut", 72, 176),
    ("astronaut", 344, 120),
    ("chelsea", 176, 212),
)


@dataclass(frozen=True)
class Bursts:
    """Bursts and what they should become.

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
    seed = recipe.seed + _SEED_OF_TESTS
    return BurstSource({photo: 1.0}, recipe.camera, size=size, seed=seed)


def unseen_bursts(recipe: Recipe) -> Bursts:
    """Return as many bursts of each test photo as the recipe says, of crops at random places."""
    batches = [
        _source(recipe, photo, recipe.test_size).batch(0, recipe.test_bursts)
        for photo in TEST_PHOTOS
    ]
    frames, truth = zip(*batches, strict=True)
    return Bursts(torch.cat(frames), torch.cat(truth))


def shown_bursts(recipe: Recipe) -> Bursts:
    """Return one burst of each scene that the picture shows."""
    bursts = [_source(recipe, name, _SHOWN_SIZE).at(name, *place) for name, *place in SCENES]
    frames, truth = zip(*bursts, strict=True)
    return Bursts(torch.cat(frames), torch.cat(truth))


def restore(model: nn.Module, frames: Tensor) -> Tensor:
    """Return the restored photos, clipped to [0, 1], ``(B, 3, H, W)``."""
    model.eval()
    with torch.inference_mode():
        photos = [model(few).clamp(0, 1) for few in frames.split(8)]
    return torch.cat(photos)
