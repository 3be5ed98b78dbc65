"""Tell sine, square and sawtooth apart from 25 noisy copies: section 6.1 of the DSS paper.

    python examples/signals.py            # all sizes of the training set
    python examples/signals.py --quick    # 500 training sets, few steps: five CPU minutes
    python examples/signals.py --smoke    # a few steps, shows only that it runs

Needs: pip install "eqsets[cli,translations]"

A set is 25 copies of one signal of unknown frequency, phase, height and offset, each with noise of
its own that is three times as strong as the signal. The label changes neither if the copies are
reordered nor if all are shifted together.

Expected of --quick (% right; chance 33.3): DSS (sum) 97, DSS (mean) and early aggregation 96,
DSS (max) 84, Aittala 76, Siamese 61 to 66, Sridhar at chance.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

import eqsets
from experiments import Data, Experiment, Plan, Recipe, Size, models_of, run_command, shuffled

COPIES = 25
LENGTH = 100
NOISE = 3.0  # standard deviation, in heights of the signal
VALIDATION, TEST = 300, 1000  # sets

# ---------------------------------------------------------------------------- data


def make_sets(sets: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return sets ``(sets, COPIES, 1, LENGTH)`` as the paper generates them, and their labels."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(sets, 1, generator=generator)

    label = torch.randint(3, (sets,), generator=generator)
    turns = uniform(1, 10) * torch.linspace(0, 1, LENGTH) + uniform(0, 1)  # of a whole period
    sine = (2 * torch.pi * turns).sin()
    waves = torch.stack([sine, sine.sign(), 2 * (turns % 1) - 1])
    clean = waves[label, torch.arange(sets)]
    noise = NOISE * torch.randn(sets, COPIES, LENGTH, generator=generator)
    copies = (clean.unsqueeze(1) + noise) * uniform(1, 10).unsqueeze(1)
    return (copies + uniform(-5, 5).unsqueeze(1)).unsqueeze(2), label


def standardise(sets: Tensor) -> Tensor:
    """Give each set mean 0 and standard deviation 1: heights and offsets say nothing."""
    spread, mean = torch.std_mean(sets, dim=(1, 2, 3), keepdim=True)
    return (sets - mean) / spread


def data(setting: str, seed: int) -> Data:
    """Return as many training sets as the setting says, drawn anew for each seed."""
    (train, label), validation, test = (
        make_sets(count, number)
        for count, number in ((int(setting), 10 + seed), (VALIDATION, 1), (TEST, 2))
    )
    return Data(
        shuffled(standardise(train), label),
        (standardise(validation[0]), validation[1]),
        (standardise(test[0]), test[1]),
    )


# -------------------------------------------------------------------------- models

SIGNALS = eqsets.element_group(
    "translations", dims=1, padding_mode="circular", stride=4, grid=LENGTH
)
PLAN = Plan(
    symmetry=SIGNALS,
    in_features=1,
    element=(1, LENGTH),
    layers=(
        {"kernel_size": 9, "stride": 2},
        {"kernel_size": 5, "stride": 2},
        {"kernel_size": 5},
        {"kernel_size": 5},
    ),
    outputs=3,
    select=False,
    budget=35_000,
    head_aggregation="mean",  # a maximum over copies would pick noise
)

# ----------------------------------------------------------------------- experiment

RATES = (1e-2, 3e-2)
EXPERIMENT = Experiment(
    name="signals",
    title="Signals from noisy copies",
    figure="% right",
    axis="training sets",
    models=models_of(PLAN),
    data=data,
    plan=PLAN,
    chance=100 / 3,
    set_size=COPIES,
    sizes={
        "full": Size(Recipe(steps=300), ("100", "500", "3000"), (0, 1, 2), RATES, tune_at="500"),
        "quick": Size(Recipe(steps=100), ("500",), (0, 1, 2), RATES, tune_at="500"),
        "smoke": Size(Recipe(steps=3, batch=4), ("20",), (0,), RATES[:1], tune_at="20", tests=8),
    },
)

if __name__ == "__main__":
    sys.exit(run_command(EXPERIMENT))
