"""Classify sine, square and sawtooth waves from 25 noisy copies: section 6.1 of the DSS paper.

    python examples/signals.py            # all sizes of the training set
    python examples/signals.py --long     # 3000 training sets, three forms of DSS, 2000 steps
    python examples/signals.py --quick    # 500 training sets, few steps: two CPU minutes
    python examples/signals.py --smoke    # smoke test of a few steps

Needs: pip install "eqsets[cli,translations]"

A set is 25 copies of one signal of unknown frequency, phase, amplitude and offset, each with
independent noise that is three times as strong as the signal. The label is invariant under
permutations of the copies and common shifts. `best_answer` computes the upper bound: it compares
the mean copy with all possible waves by Bayes' rule.

Expected (accuracy in % with 100, 500, 3000 training sets; chance 33.3; 40 CPU minutes): DSS (sum)
96, 98, 98; DSS (mean) and early aggregation 96 to 97, DSS (centred) 95 to 97, DSS (max) 86 to 91,
Aittala 85 to 89, Siamese 50 to 70, Sridhar at chance; Bayes' rule 100. --quick: DSS (sum) 88 with
500.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import torch
from torch import Tensor

import eqsets
from experiments import Data, Experiment, Plan, Recipe, Size, models_of, shuffled
from experiments.command import command_line, run_parsed

COPIES = 25
LENGTH = 100
NOISE = 3.0  # standard deviation, in heights of the signal
VALIDATION, TEST = 300, 1000  # sets
FREQUENCY = (1.0, 10.0)  # periods in a signal

# ---------------------------------------------------------------------------- data


def waves(turns: Tensor) -> Tensor:
    """Return sine, square and sawtooth at so many periods."""
    sine = (2 * torch.pi * turns).sin()
    return torch.stack([sine, sine.sign(), 2 * (turns % 1) - 1])


def make_sets(sets: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return sets ``(sets, COPIES, 1, LENGTH)`` as the paper generates them, and their labels."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(sets, 1, generator=generator)

    label = torch.randint(3, (sets,), generator=generator)
    turns = uniform(*FREQUENCY) * torch.linspace(0, 1, LENGTH) + uniform(0, 1)
    clean = waves(turns)[label, torch.arange(sets)]
    noise = NOISE * torch.randn(sets, COPIES, LENGTH, generator=generator)
    copies = (clean.unsqueeze(1) + noise) * uniform(1, 10).unsqueeze(1)
    return (copies + uniform(-5, 5).unsqueeze(1)).unsqueeze(2), label


def standardise(sets: Tensor) -> Tensor:
    """Standardise each set: amplitude and offset are not informative."""
    spread, mean = torch.std_mean(sets, dim=(1, 2, 3), keepdim=True)
    return (sets - mean) / spread


def moved(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Shift all copies of a set cyclically, and reflect half of the sets in time and amplitude.

    The class does not change: a sawtooth still rises.
    """
    shift = torch.randint(LENGTH, (len(sets), 1, 1, 1), generator=generator)
    index = (torch.arange(LENGTH) + shift) % LENGTH
    shifted = sets.gather(3, index.expand(sets.shape))
    mirrored = torch.rand(len(sets), 1, 1, 1, generator=generator) < 0.5
    return torch.where(mirrored, -shifted.flip(3), shifted)


def best_answer(sets: Tensor, step: float = 0.02) -> Tensor:
    r"""Return the log likelihoods of the classes, ``(B, 3)``, by Bayes' rule.

    The variance between copies gives the product of amplitude and noise. So the mean copy, divided
    by the amplitude, is a wave plus an offset plus noise of a known :math:`\sigma^2`. Integrated
    over the offset :math:`o` with a flat prior, and over a grid of frequencies and phases,

    .. math:: p(x | c) \propto \sum_{f, \phi} \int do \, e^{-|x - o - w_{c f \phi}|^2 / 2 \sigma^2}
    """
    mean = sets.mean(1)[:, 0]
    spread = (sets[:, :, 0] - mean.unsqueeze(1)).square().sum((1, 2)) / (sets.shape[1] - 1) / LENGTH
    scaled = NOISE * mean / spread.sqrt().unsqueeze(1)
    scaled = scaled - scaled.mean(1, keepdim=True)
    frequency = torch.arange(FREQUENCY[0] + step / 2, FREQUENCY[1], step).view(-1, 1, 1)
    phase = torch.arange(step / 2, 1, step).view(-1, 1)
    likely = []
    for wave in waves((frequency * torch.linspace(0, 1, LENGTH) + phase).flatten(0, 1)):
        known = wave - wave.mean(1, keepdim=True)
        fit = scaled @ known.T - 0.5 * known.square().sum(1)
        likely.append((fit * sets.shape[1] / NOISE**2).logsumexp(1))
    return torch.stack(likely, 1)


def data(setting: str, seed: int) -> Data:
    """Return a number of training sets, different for each seed, and fixed validation and test."""
    (train, label), validation, test = (
        make_sets(count, number)
        for count, number in ((int(setting), 10 + seed), (VALIDATION, 1), (TEST, 2))
    )
    draw = shuffled(standardise(train), label)

    def draw_moved(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        drawn, answer = draw(count, generator)
        return moved(drawn, generator), answer

    return Data(
        draw_moved,
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
    budget=12_000,
    head=24,
    head_aggregation="mean",  # a maximum over copies would pick noise
)

# ----------------------------------------------------------------------- experiment

RATES = (1e-2, 3e-2, 1e-1)
EXPERIMENT = Experiment(
    name="signals",
    title="Signals from noisy copies",
    figure="accuracy in %",
    axis="training sets",
    models=models_of(PLAN),
    data=data,
    plan=PLAN,
    chance=100 / 3,
    set_size=COPIES,
    references={"Bayes' rule (upper bound)": best_answer},
    sizes={
        "full": Size(Recipe(steps=300), ("100", "500", "3000"), (0, 1, 2), RATES, tune_at="500"),
        "quick": Size(Recipe(steps=60), ("500",), (0, 1, 2), RATES[1:2], tune_at="500", tests=500),
        "smoke": Size(Recipe(steps=3, batch=4), ("20",), (0,), RATES[:1], tune_at="20", tests=8),
    },
)
LONG = replace(
    EXPERIMENT,
    name="signals-long",
    title="Signals from noisy copies, trained for longer",
    models={name: EXPERIMENT.models[name] for name in ("dss-centered", "dss-sum", "dss-mean")},
    sizes={
        **EXPERIMENT.sizes,
        "full": Size(Recipe(steps=2000), ("3000",), (0, 1, 2), RATES[1:2], tune_at="3000"),
    },
)

if __name__ == "__main__":
    parser = command_line(EXPERIMENT.title)
    parser.add_argument(
        "--long", action="store_true", help="three models, seven times as many steps"
    )
    given = parser.parse_args()
    sys.exit(run_parsed(LONG if given.long else EXPERIMENT, given))
