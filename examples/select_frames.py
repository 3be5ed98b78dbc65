"""Select the best frame of a set: sections 6.2 and 6.4 of the DSS paper, on photos and faces.

    python examples/select_frames.py            # photos and faces; noise, blur, occlusion
    python examples/select_frames.py --long     # occluded faces, four times as long
    python examples/select_frames.py --quick    # two of the six, few steps: two CPU minutes
    python examples/select_frames.py --smoke    # smoke test of a few steps
    python examples/select_frames.py --celeba img_align_celeba   # faces from a folder
    python examples/select_frames.py --ucf101 UCF-101            # the first frame of clips

Needs: pip install "eqsets[demo,translations]"

A set is 8 frames of one scene with different gains and degrees of degradation; which is degraded
least? The undegraded scene is unknown: blur and occlusion are best recognised by comparison.
Training and test sets have different photos and faces.

Expected (accuracy in %; chance 12.5; 40 CPU minutes): noise 89 to 93 for most; blurred photos 89 to
90 for Sridhar and DSS with normalised parts, 88 for Siamese + DeepSets, 82 for DSS (centred);
occluded photos 68 for Sridhar, 65 to 66 for DSS (centred), 60 for DSS (mean).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from skimage import data as packaged
from torch import Tensor

import eqsets
from eqsets_demo.photos import load_photo
from experiments import Data, Experiment, Plan, Recipe, Size, endless, models_of
from experiments.command import command_line, run_parsed
from experiments.data.folders import load_clips, load_images
from experiments.data.images import random_crops

FRAMES = 8
SIZE = 24  # height and width of a frame, in pixels
NOISE = 0.3  # maximum standard deviation of the noise, for values in [0, 1]
BLUR = 2.0  # maximum standard deviation of the blur, in pixels
COVER = 0.7  # maximum side of the patch, relative to the frame
GAIN = 0.2  # maximum relative change of the exposure
VALIDATION, TEST = 200, 600  # sets
PHOTOS = {
    "train": ("coffee", "rocket", "immunohistochemistry"),
    "validation": ("stereo_motorcycle",),
    "test": ("astronaut", "chelsea"),
}

# -------------------------------------------------------------------------- scenes


def faces() -> dict[str, Tensor]:
    """Return the faces of scikit-image, (faces, 1, 25, 25) for each split."""
    pixels = torch.tensor(packaged.lfw_subset()[:100], dtype=torch.float32).unsqueeze(1)
    return dict(zip(("train", "validation", "test"), pixels.split([70, 10, 20]), strict=True))


def photos() -> dict[str, Tensor]:
    """Return grey tiles of photos at half resolution, (tiles, 1, 48, 48) for each split."""
    tiles_by_split: dict[str, Tensor] = {}
    for split, names in PHOTOS.items():
        grey = [F.avg_pool2d(load_photo(name).mean(0, keepdim=True), 2) for name in names]
        tiles = [x.unfold(1, 48, 24).unfold(2, 48, 24).flatten(1, 2).movedim(0, 1) for x in grey]
        tiles_by_split[split] = torch.cat(tiles).contiguous()
    return tiles_by_split


# -------------------------------------------------------------------------- damage


def noise(frames: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Add noise to ``frames: (B, N, 1, H, W)``; ``strength: (B, N, 1, 1, 1)`` in [0, 1]."""
    return frames + NOISE * strength * torch.randn(frames.shape, generator=generator)


def blur(frames: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Convolve each frame with a different Gaussian, with reflection at the border."""
    position = torch.arange(-6, 7)
    kernel = (-0.5 * (position / (0.2 + BLUR * strength.reshape(-1, 1))) ** 2).exp()
    kernel = kernel / kernel.sum(1, keepdim=True)
    rows = F.pad(frames.reshape(1, -1, SIZE, SIZE), (6, 6, 6, 6), mode="reflect")
    rows = F.conv2d(rows, kernel.view(-1, 1, 1, 13), groups=len(kernel))
    return F.conv2d(rows, kernel.view(-1, 1, 13, 1), groups=len(kernel)).view(frames.shape)


def occlusion(frames: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Replace a random square of each frame by that of another scene."""
    side = COVER * SIZE * strength
    position = torch.arange(SIZE)
    inside = []
    for shape in ((SIZE, 1), (1, SIZE)):
        start = (SIZE - side) * torch.rand(strength.shape, generator=generator)
        inside.append((position.view(shape) >= start) & (position.view(shape) < start + side))
    return torch.where(inside[0] & inside[1], frames.roll(1, 0), frames)


Damage = Callable[[Tensor, Tensor, torch.Generator], Tensor]
DAMAGES: Mapping[str, Damage] = {"noise": noise, "blur": blur, "occlusion": occlusion}


def make_sets(
    images: Tensor, damage: Damage, sets: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return frames (sets, FRAMES, 1, SIZE, SIZE), and the index of the least degraded one."""
    frames = random_crops(images, SIZE, sets, generator).unsqueeze(1).expand(-1, FRAMES, -1, -1, -1)
    strength = torch.rand(sets, FRAMES, 1, 1, 1, generator=generator)
    gain = 1 + GAIN * (2 * torch.rand(strength.shape, generator=generator) - 1)
    damaged = damage(frames, strength, generator) * gain
    return (damaged - 0.5) / 0.25, strength.flatten(1).argmin(1)


def first_of(clips: Tensor, sets: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return shuffled clips, and the indices of their first frames."""
    indices = torch.randint(len(clips), (sets, 1), generator=generator)
    order = torch.rand(sets, clips.shape[1], generator=generator).argsort(1)
    return (clips[indices, order] - 0.5) / 0.25, order.argmin(1)


# ---------------------------------------------------------------------- experiment

RATES, OCCLUDED = (1e-2, 3e-2, 1e-1), "faces occlusion"
PLAN = Plan(
    symmetry=eqsets.element_group("translations", padding_mode="circular", stride=4, grid=SIZE),
    in_features=1,
    element=(1, SIZE, SIZE),
    layers=(
        {"kernel_size": 5, "stride": 2},
        {"kernel_size": 3, "stride": 2},
        {"kernel_size": 3},
    ),
    outputs=1,
    select=True,
    budget=30_000,
)


def experiment(celeba: Path | None = None, ucf101: Path | None = None) -> Experiment:
    """Return the experiment on packaged images, or on those of a folder."""
    if ucf101 is not None:
        clips = load_clips(ucf101, FRAMES, SIZE)
        fixed = endless(
            lambda split, sets, rng: first_of(clips[split], sets, rng), VALIDATION, TEST
        )
        return _experiment("-ucf101", "First frame of a clip", ("clips",), lambda s, seed: fixed)
    sources = (
        {"faces": faces(), "photos": photos()}
        if celeba is None
        else {"celeba": load_images(celeba, SIZE + 8)}
    )

    def data(setting: str, seed: int) -> Data:
        source, kind = setting.split()
        images, damage = sources[source], DAMAGES[kind]
        return endless(
            lambda part, n, rng: make_sets(images[part], damage, n, rng), VALIDATION, TEST
        )

    settings = tuple(f"{source} {kind}" for source in sources for kind in DAMAGES)
    return _experiment("-celeba" if celeba else "", "Best frame of a set", settings, data)


def _experiment(
    suffix: str, title: str, settings: tuple[str, ...], data: Callable[[str, int], Data]
) -> Experiment:
    few, at = settings[2:4] or settings, settings[-1]
    return Experiment(
        name=f"select-frames{suffix}",
        title=title,
        figure="accuracy in %",
        axis="damage",
        models=models_of(PLAN),
        data=data,
        plan=PLAN,
        chance=100 / FRAMES,
        set_size=FRAMES,
        sizes={
            "full": Size(Recipe(steps=100), settings, (0, 1, 2), RATES, at),
            "quick": Size(Recipe(steps=60), few, (0, 1, 2), RATES[1:2], few[0]),
            "smoke": Size(Recipe(steps=3, batch=4), (at,), (0,), RATES[:1], at, tests=8),
        },
    )


def longer(short: Experiment) -> Experiment:
    """Return the experiment for occlusion, or for a folder, with four times as many steps."""
    at = OCCLUDED if OCCLUDED in short.sizes["full"].settings else short.sizes["full"].settings[-1]
    sizes = {**short.sizes, "full": Size(Recipe(steps=400), (at,), (0, 1, 2), RATES[1:2], at)}
    return replace(short, name=f"{short.name}-long", title=f"{short.title}, longer", sizes=sizes)


if __name__ == "__main__":
    parser = command_line("Select the best frame of a set")
    parser.add_argument("--celeba", type=Path, help="folder of CelebA images")
    parser.add_argument("--ucf101", type=Path, help="folder of UCF101 clips")
    parser.add_argument("--long", action="store_true", help="occluded faces, four times as long")
    given = parser.parse_args()
    chosen = experiment(given.celeba, given.ucf101)
    sys.exit(run_parsed(longer(chosen) if given.long else chosen, given))
