"""Restore one sharp photo from a burst of blurred ones: section 6.6 of the DSS paper.

    python examples/deblur_bursts.py            # eleven models
    python examples/deblur_bursts.py --quick    # few steps: two CPU minutes
    python examples/deblur_bursts.py --smoke    # smoke test of a few steps
    python examples/deblur_bursts.py --figure deblurred.png    # input and output

Needs: pip install "eqsets[demo,translations]"

A set is 6 frames of one scene from a static camera, with different blur, linear motion or defocus,
and different noise. The network has the architecture of the paper, a U-Net of set layers, then the
maximum over the set and two convolutions, at half the resolution; its output is added to the mean
frame. Training and test sets have different photos. (In `restore_bursts.py` the camera also moves
between frames.)

Expected (PSNR in dB; 16 CPU minutes): mean frame 28.1, DSS with normalised parts 30.6, DSS
(centred) 30.5, Siamese + DeepSets 30.0, early aggregation 29.9, DSS (mean) 29.6, Sridhar 28.8.
"""

from __future__ import annotations

import math
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from torch import Tensor

import eqsets
from eqsets_demo.figure import Column, draw_figure
from eqsets_demo.photos import load_photo
from experiments import Data, Experiment, Recipe, Size, Training, endless
from experiments.command import command_line, run_parsed
from experiments.data.images import absolute_error, pixels, psnr, scaled, ssim
from experiments.models.unet import UNetPlan, unets_of

FRAMES = 6
SIZE = 32  # height and width of a frame, in pixels
REACH = 6  # of the blur kernels, in pixels
TRAIL = (2.0, 10.0)  # length of motion blur, in pixels
FOCUS = (0.4, 2.0)  # standard deviation of defocus blur, in pixels
NOISE = (0.01, 0.06)  # standard deviation, for values in [0, 1]
VALIDATION, TEST = 60, 200  # sets
PHOTOS = {
    "train": ("coffee", "rocket", "immunohistochemistry", "retina"),
    "validation": ("stereo_motorcycle",),
    "test": ("astronaut", "chelsea"),
}
# Photo, first row and column of the crops in the figure: chosen by eye, before any result.
SHOWN = (("chelsea", 12, 60), ("astronaut", 14, 60), ("astronaut", 140, 130))

# ---------------------------------------------------------------------------- data


@cache
def photos(split: str) -> tuple[Tensor, ...]:
    """Return the photos of a split at half resolution, (3, H, W) in [0, 1]."""
    return tuple(F.avg_pool2d(load_photo(name), 2) for name in PHOTOS[split])


def uniform(bounds: tuple[float, float], sets: int, generator: torch.Generator) -> Tensor:
    """Return a number for each frame, (sets, FRAMES, 1, 1)."""
    low, high = bounds
    return low + (high - low) * torch.rand(sets, FRAMES, 1, 1, generator=generator)


def blur_kernels(sets: int, generator: torch.Generator) -> Tensor:
    """Return a motion or a Gaussian for each frame, (sets, FRAMES, K, K); each sums to one."""
    pixels = torch.arange(-REACH, REACH + 1)
    angle = uniform((0, math.pi), sets, generator)
    along = torch.linspace(-0.5, 0.5, 24).view(-1, 1) * uniform(TRAIL, sets, generator)
    path = along * torch.cat([angle.sin(), angle.cos()], -1)  # (sets, FRAMES, points, 2)
    near = (1 - (path.unsqueeze(-1) - pixels).abs()).clamp_min(0)  # linear interpolation
    motion = torch.einsum("sfpy,sfpx->sfyx", near[..., 0, :], near[..., 1, :])
    bell = (-0.5 * (pixels / uniform(FOCUS, sets, generator)) ** 2).exp()  # (sets, FRAMES, 1, K)
    moving = torch.rand(sets, FRAMES, 1, 1, generator=generator) < 0.5
    kernels = torch.where(moving, motion, bell.mT * bell)
    return kernels / kernels.sum((-2, -1), keepdim=True)


def take_bursts(scenes: Tensor, generator: torch.Generator) -> Tensor:
    """Return bursts (sets, FRAMES, 3, H, W) of scenes (sets, 3, H + 2 REACH, W + 2 REACH)."""
    sets, size = len(scenes), scenes.shape[-2:]
    kernels = blur_kernels(sets, generator).unsqueeze(2)
    spectrum = torch.fft.rfft2(scenes).unsqueeze(1) * torch.fft.rfft2(kernels, s=size)
    blurred = torch.fft.irfft2(spectrum, s=size)[..., 2 * REACH :, 2 * REACH :]
    level = uniform(NOISE, sets, generator).unsqueeze(2)
    return (blurred + level * torch.randn(blurred.shape, generator=generator)).clamp(0, 1)


def make_sets(split: str, sets: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return bursts (sets, FRAMES, 3, SIZE, SIZE), and the photos, standardised."""
    side, scenes = SIZE + 2 * REACH, []
    for _ in range(sets):
        photo = photos(split)[int(torch.randint(len(photos(split)), (), generator=generator))]
        y, x = (int(torch.randint(n - side, (), generator=generator)) for n in photo.shape[1:])
        scenes.append(photo[:, y : y + side, x : x + side])
    scene = torch.stack(scenes)
    return scaled(take_bursts(scene, generator)), scaled(scene[..., REACH:-REACH, REACH:-REACH])


def data(setting: str, seed: int) -> Data:
    """Return an unlimited number of training sets, and fixed validation and test sets."""
    return endless(make_sets, VALIDATION, TEST)


# ---------------------------------------------------------------------- experiment

RATES = (1e-2, 3e-2, 1e-1)
PLAN = UNetPlan(
    eqsets.element_group("translations", padding_mode="circular", stride=8, grid=SIZE),
    channels=3,
    element=(3, SIZE, SIZE),
    budget=60_000,
    levels=2,
    fuse=True,
    begin=2,
)
EXPERIMENT = Experiment(
    name="deblur-bursts",
    title="One sharp photo of a blurred burst",
    figure="PSNR in dB",
    axis="frames",
    models=unets_of(PLAN),
    data=data,
    plan=PLAN,
    set_size=FRAMES,
    loss=absolute_error,
    score=psnr,
    also={"SSIM": ssim},
    decimals=2,
    references={"mean frame": lambda bursts: bursts.mean(1)},
    sizes={
        "full": Size(Recipe(steps=400, batch=4), (str(FRAMES),), (0, 1, 2), RATES, str(FRAMES)),
        "quick": Size(Recipe(100, 3), (str(FRAMES),), (0, 1, 2), RATES[1:2], str(FRAMES), tests=40),
        "smoke": Size(Recipe(3, 2), (str(FRAMES),), (0,), RATES[:1], str(FRAMES), tests=4),
    },
)


# --------------------------------------------------------------------------- figure


def trained(name: str) -> Training:
    """Train a model with the recipe."""
    recipe, sets = EXPERIMENT.sizes["full"].recipe, data(str(FRAMES), 0)
    build = EXPERIMENT.models[name]
    with TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "model.pt"
        training = Training(build, recipe, RATES[1], 0, sets, absolute_error, checkpoint)
        training.run()
    return training


def draw(path: Path) -> None:
    """Draw the output of two models, the mean frame and the ground truth."""
    side, scenes = 96 + 2 * REACH, []
    for name, y, x in SHOWN:
        (photo,) = (
            one for known, one in zip(PHOTOS["test"], photos("test"), strict=True) if known == name
        )
        scenes.append(photo[:, y : y + side, x : x + side])
    scene = torch.stack(scenes)
    frames = take_bursts(scene, torch.Generator().manual_seed(5))
    truth = scaled(scene[..., REACH:-REACH, REACH:-REACH])
    results = {"mean frame": scaled(frames.mean(1))}
    for title, name in (("Siamese", "siamese-late"), ("DSS", "dss-parts")):
        results[title] = trained(name).answer(scaled(frames))
    columns = [
        Column(
            title,
            pixels(images),
            [psnr(*pair) for pair in zip(images[:, None], truth[:, None], strict=True)],
        )
        for title, images in results.items()
    ]
    draw_figure(
        path,
        frames,
        [*columns, Column("ground truth", pixels(truth))],
        best="DSS",
        note="each its own blur and noise",
        caption="Photos that were not trained on, from examples/deblur_bursts.py",
    )


if __name__ == "__main__":
    parser = command_line(EXPERIMENT.title)
    parser.add_argument("--figure", type=Path, help="only draw before and after, to this file")
    given = parser.parse_args()
    if given.figure is not None:
        sys.exit(draw(given.figure))
    sys.exit(run_parsed(EXPERIMENT, given))
