"""Restore the colours of each frame of a set by a set U-Net: section 6.5 of the DSS paper.

    python examples/match_colours.py            # a static and a moving camera
    python examples/match_colours.py --quick    # one of the two, few steps
    python examples/match_colours.py --smoke    # smoke test of a few steps

Needs: pip install "eqsets[demo,translations]"

A set is 6 frames of one scene; each has only one of three colour channels. The missing channels are
in other frames, at the same position or a few pixels away. Training and test sets have different
photos. The measure is the PSNR of all channels of all frames.

Expected (dB, static and moving camera; 16 CPU minutes): Sridhar 28.1 and 25.8, DSS (centred) 28.0
and 25.4, Siamese + late aggregation 27.5 and 25.5, early aggregation 27.1 and 25.1, DSS (mean) 26.3
and 24.2.
"""

from __future__ import annotations

import sys
from functools import cache

import torch
from torch import Tensor

import eqsets
from eqsets_demo.photos import load_photo
from experiments import Data, Experiment, Recipe, Size, endless, run_command
from experiments.data.images import absolute_error
from experiments.models.unet import UNetPlan, unets_of

FRAMES = 6
SIZE = 32  # height and width of a frame, in pixels
SHIFTS = {"still": 0, "moving": 2}  # maximum motion of the camera between frames, in pixels
VALIDATION, TEST = 60, 200  # sets
PHOTOS = {
    "train": ("coffee", "rocket", "immunohistochemistry", "retina"),
    "validation": ("stereo_motorcycle",),
    "test": ("astronaut", "chelsea"),
}

# ---------------------------------------------------------------------------- data


@cache
def photos(split: str) -> tuple[Tensor, ...]:
    """Return the photos of a split, each (3, H, W) in [0, 1]."""
    return tuple(load_photo(name) for name in PHOTOS[split])


def make_sets(
    split: str, shift: int, sets: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return frames with one channel each, and with all: both (sets, FRAMES, 3, SIZE, SIZE)."""
    margin, scenes = shift * FRAMES, []
    for _ in range(sets):
        number = int(torch.randint(len(photos(split)), (), generator=generator))
        photo = photos(split)[number]
        steps = torch.randint(-shift, shift + 1, (FRAMES, 2), generator=generator)
        free = torch.tensor(photo.shape[1:]) - SIZE - 2 * margin
        corner = margin + (torch.rand(2, generator=generator) * free).long()
        scenes += [
            photo[:, y : y + SIZE, x : x + SIZE]
            for y, x in (corner + steps.cumsum(0) - steps[0]).tolist()
        ]
    whole = (torch.stack(scenes).unflatten(0, (sets, FRAMES)) - 0.5) / 0.25
    channels = torch.rand(sets, FRAMES, generator=generator).argsort(1) % 3  # each channel twice
    shown = torch.nn.functional.one_hot(channels, 3).view(sets, FRAMES, 3, 1, 1)
    return whole * shown, whole


def data(setting: str, seed: int) -> Data:
    """Return an unlimited number of training sets, and fixed validation and test sets."""
    return endless(
        lambda split, sets, rng: make_sets(split, SHIFTS[setting], sets, rng), VALIDATION, TEST
    )


# -------------------------------------------------------------------------- figure


def psnr(output: Tensor, answer: Tensor) -> float:
    """Return the mean over sets of the peak signal-to-noise ratio, in dB, without clipping."""
    error = (0.25 * (output - answer)).square().flatten(1).mean(1)
    return float(-10 * error.log10().mean())


# ---------------------------------------------------------------------- experiment

RATES = (1e-2, 3e-2, 1e-1)
PLAN = UNetPlan(
    eqsets.element_group("translations", padding_mode="circular", stride=4, grid=SIZE),
    channels=3,
    element=(3, SIZE, SIZE),
    budget=60_000,
)
EXPERIMENT = Experiment(
    name="match-colours",
    title="Colours from other frames",
    figure="PSNR in dB",
    axis="camera",
    models=unets_of(PLAN),
    data=data,
    plan=PLAN,
    set_size=FRAMES,
    loss=absolute_error,
    score=psnr,
    sizes={
        "full": Size(Recipe(steps=100, batch=4), tuple(SHIFTS), (0, 1, 2), RATES, "moving"),
        "quick": Size(Recipe(60, 2), ("moving",), (0, 1, 2), RATES[1:2], "moving", tests=60),
        "smoke": Size(Recipe(steps=3, batch=2), ("moving",), (0,), RATES[:1], "moving", tests=4),
    },
)

if __name__ == "__main__":
    sys.exit(run_command(EXPERIMENT))
