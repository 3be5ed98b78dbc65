"""Pick the best frame of a set: sections 6.2 and 6.4 of the DSS paper, on photos and faces.

    python examples/select_frames.py            # photos and faces; noise, blur, occlusion
    python examples/select_frames.py --long     # covered faces, four times as long
    python examples/select_frames.py --quick    # two of the six, few steps: two CPU minutes
    python examples/select_frames.py --smoke    # a few steps, shows only that it runs
    python examples/select_frames.py --celeba img_align_celeba   # the best of a set of your faces
    python examples/select_frames.py --ucf101 UCF-101            # the first frame of your clips

Needs: pip install "eqsets[demo,translations]"

A set is 8 frames of one scene, each with a gain and a damage of its own; which is damaged least?
Nobody knows the undamaged scene: how much a frame is blurred or covered shows best beside others.
Photos that are tested on are other photos than those that are trained on; so are the faces.

Expected (accuracy in %; chance 12.5; 25 CPU minutes): noise 89 to 93 for most; blurred photos 86 to
88 for Siamese networks, 81 for DSS (mean); covered photos 68 for Sridhar, 60 for DSS (mean).
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
from experiments.folders import load_clips, load_images
from experiments.images import random_crops

FRAMES = 8
SIZE = 24  # height and width of a frame, in pixels
NOISE = 0.3  # strongest noise, of a range of 1
BLUR = 2.0  # strongest blur: standard deviation in pixels
COVER = 0.7  # largest patch: its sides, as part of those of the frame
GAIN = 0.2  # exposure varies from frame to frame by as much, up and down
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
    found: dict[str, Tensor] = {}
    for split, names in PHOTOS.items():
        grey = [F.avg_pool2d(load_photo(name).mean(0, keepdim=True), 2) for name in names]
        tiles = [x.unfold(1, 48, 24).unfold(2, 48, 24).flatten(1, 2).movedim(0, 1) for x in grey]
        found[split] = torch.cat(tiles).contiguous()
    return found


# -------------------------------------------------------------------------- damage


def noise(frames: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Add noise to ``frames: (B, N, 1, H, W)``; ``strength: (B, N, 1, 1, 1)`` in [0, 1]."""
    return frames + NOISE * strength * torch.randn(frames.shape, generator=generator)


def blur(frames: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Convolve each frame with a Gaussian of its own, mirrored at the border."""
    place = torch.arange(-6, 7)
    kernel = (-0.5 * (place / (0.2 + BLUR * strength.reshape(-1, 1))) ** 2).exp()
    kernel = kernel / kernel.sum(1, keepdim=True)
    rows = F.pad(frames.reshape(1, -1, SIZE, SIZE), (6, 6, 6, 6), mode="reflect")
    rows = F.conv2d(rows, kernel.view(-1, 1, 1, 13), groups=len(kernel))
    return F.conv2d(rows, kernel.view(-1, 1, 13, 1), groups=len(kernel)).view(frames.shape)


def occlusion(frames: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Cover a square of each frame, at a random place, with a piece of another scene."""
    side = COVER * SIZE * strength
    place = torch.arange(SIZE)
    inside = []
    for shape in ((SIZE, 1), (1, SIZE)):
        start = (SIZE - side) * torch.rand(strength.shape, generator=generator)
        inside.append((place.view(shape) >= start) & (place.view(shape) < start + side))
    return torch.where(inside[0] & inside[1], frames.roll(1, 0), frames)


Damage = Callable[[Tensor, Tensor, torch.Generator], Tensor]
DAMAGES: Mapping[str, Damage] = {"noise": noise, "blur": blur, "occlusion": occlusion}


def make_sets(
    images: Tensor, damage: Damage, sets: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return frames (sets, FRAMES, 1, SIZE, SIZE), and which one is damaged least."""
    frames = random_crops(images, SIZE, sets, generator).unsqueeze(1).expand(-1, FRAMES, -1, -1, -1)
    strength = torch.rand(sets, FRAMES, 1, 1, 1, generator=generator)
    gain = 1 + GAIN * (2 * torch.rand(strength.shape, generator=generator) - 1)
    damaged = damage(frames, strength, generator) * gain
    return (damaged - 0.5) / 0.25, strength.flatten(1).argmin(1)


def first_of(clips: Tensor, sets: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return shuffled clips, and where their first frames are."""
    picked = torch.randint(len(clips), (sets, 1), generator=generator)
    order = torch.rand(sets, clips.shape[1], generator=generator).argsort(1)
    return (clips[picked, order] - 0.5) / 0.25, order.argmin(1)


# ---------------------------------------------------------------------- experiment

RATES, COVERED = (1e-2, 3e-2), "faces occlusion"
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
    """Return the experiment on packaged images, or on those of a folder of yours."""
    if ucf101 is not None:
        clips = load_clips(ucf101, FRAMES, SIZE)
        made = endless(lambda split, sets, rng: first_of(clips[split], sets, rng), VALIDATION, TEST)
        return _experiment("-ucf101", "First frame of a clip", ("clips",), lambda s, seed: made)
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
            "quick": Size(Recipe(steps=60), few, (0, 1, 2), RATES[1:], few[0]),
            "smoke": Size(Recipe(steps=3, batch=4), (at,), (0,), RATES[:1], at, tests=8),
        },
    )


def longer(short: Experiment) -> Experiment:
    """Return the same for what is covered, or for your data, with four times as many steps."""
    at = COVERED if COVERED in short.sizes["full"].settings else short.sizes["full"].settings[-1]
    sizes = {**short.sizes, "full": Size(Recipe(steps=400), (at,), (0, 1, 2), RATES[1:], at)}
    return replace(short, name=f"{short.name}-long", title=f"{short.title}, longer", sizes=sizes)


if __name__ == "__main__":
    parser = command_line("Pick the best frame of a set")
    parser.add_argument("--celeba", type=Path, help="your folder of CelebA images")
    parser.add_argument("--ucf101", type=Path, help="your folder of UCF101 clips")
    parser.add_argument("--long", action="store_true", help="covered faces, four times as long")
    given = parser.parse_args()
    chosen = experiment(given.celeba, given.ucf101)
    sys.exit(run_parsed(longer(chosen) if given.long else chosen, given))
