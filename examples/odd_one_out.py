"""Select the leaf of a different species: sets of real outlines with random starting points.

    python examples/odd_one_out.py            # two sizes of sets: 14 CPU minutes
    python examples/odd_one_out.py --quick    # one size, few steps: two CPU minutes
    python examples/odd_one_out.py --smoke    # smoke test of a few steps

Needs: pip install "eqsets[cli,translations]" && pip install --no-deps sktime==1.2.0

An element is the outline of a leaf: its distance from the centre as a function of the angle
(OSULeaf, 442 leaves of six species). The starting point of an outline is arbitrary and differs
between
leaves: elements are not aligned. So another model is added, DSS with independent alignment, in
which elements share invariants only. Only the data files of sktime are read; it is not imported.

Expected (accuracy in % with 4 and 8 leaves; chance 25 and 12.5): DSS with independent alignment and
DSS (mean) 82 and 82, Aittala 80 and 82, Siamese + late aggregation 82 and 79, DSS (sum) 41 and 22,
early aggregation 36 and 40.
"""

from __future__ import annotations

import sys
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

import eqsets
from experiments import (
    Data,
    Experiment,
    Plan,
    Recipe,
    Size,
    build_model,
    endless,
    models_of,
    run_command,
)
from experiments.data.packages import package_folder

POINTS = 104  # of an outline
VALIDATION, TEST = 300, 1000  # sets
HELD_OUT = 5  # every fifth training leaf is for validation

# ---------------------------------------------------------------------------- data


def read_leaves(part: str) -> tuple[Tensor, Tensor]:
    """Return outlines (leaves, POINTS), resampled, and species (leaves,) of TRAIN or TEST."""
    folder = package_folder("sktime", "1.2.0") / "datasets" / "data" / "OSULeaf"
    path = folder / f"OSULeaf_{part}.ts"
    lines = [line for line in path.read_text().splitlines() if line and line[0] not in "#@"]
    pairs = [line.rsplit(":", 1) for line in lines]
    outlines = torch.tensor([[float(value) for value in row.split(",")] for row, _ in pairs])
    closed = torch.cat([outlines, outlines[:, :1]], 1)  # closed: the last point is the first
    resampled = F.interpolate(closed.unsqueeze(1), POINTS + 1, mode="linear", align_corners=True)
    return resampled[:, 0, :-1], torch.tensor([int(species) - 1 for _, species in pairs])


@cache
def leaves() -> dict[str, tuple[Tensor, Tensor]]:
    """Return outlines and species for each split; no leaf is in two of them."""
    outlines, species = read_leaves("TRAIN")
    held = torch.arange(len(outlines)) % HELD_OUT == 0
    return {
        "train": (outlines[~held], species[~held]),
        "validation": (outlines[held], species[held]),
        "test": read_leaves("TEST"),
    }


def make_sets(
    split: str, size: int, sets: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return sets (sets, size, 1, POINTS) of one species except one leaf, and its index."""
    outlines, species = leaves()[split]
    kinds = torch.rand(sets, int(species.max()) + 1, generator=generator).argsort(1)[:, :2]
    odd = torch.randint(size, (sets,), generator=generator)
    target = kinds[:, :1].expand(-1, size).clone()
    target[torch.arange(sets), odd] = kinds[:, 1]
    weights = (target.unsqueeze(2) == species).float().flatten(0, 1)
    leaf = torch.multinomial(weights, 1, generator=generator).view(sets, size)
    turn = torch.randint(POINTS, (sets, size, 1), generator=generator)
    index = (torch.arange(POINTS) + turn) % POINTS
    return outlines[leaf].gather(2, index).unsqueeze(2), odd


def data(setting: str, seed: int) -> Data:
    """Return an unlimited number of training sets, and fixed validation and test sets."""
    return endless(
        lambda split, sets, rng: make_sets(split, int(setting), sets, rng), VALIDATION, TEST
    )


# ---------------------------------------------------------------------- experiment

RATES = (1e-2, 3e-2, 1e-1)
OUTLINES = eqsets.element_group(
    "translations", dims=1, padding_mode="circular", stride=4, grid=POINTS
)
PLAN = Plan(
    symmetry=OUTLINES,
    in_features=1,
    element=(1, POINTS),
    layers=(
        {"kernel_size": 9, "stride": 2},
        {"kernel_size": 5, "stride": 2},
        {"kernel_size": 5},
        {"kernel_size": 5},
    ),
    outputs=1,
    select=True,
    budget=35_000,
)
EXPERIMENT = Experiment(
    name="odd-one-out",
    title="The leaf of a different species",
    figure="accuracy in %",
    axis="leaves in a set",
    models={
        **models_of(PLAN),
        **{
            name: partial(build_model, PLAN, name)
            for name in ("dss-centered-independent", "dss-independent")
        },
    },
    data=data,
    plan=PLAN,
    set_size=4,
    sizes={
        "full": Size(Recipe(steps=400), ("4", "8"), (0, 1, 2), RATES, tune_at="8"),
        "quick": Size(Recipe(steps=100), ("4",), (0, 1, 2), RATES, tune_at="4"),
        "smoke": Size(Recipe(steps=3, batch=4), ("4",), (0,), RATES[:1], tune_at="4", tests=8),
    },
)

if __name__ == "__main__":
    sys.exit(run_command(EXPERIMENT))
