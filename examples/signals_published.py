"""Ablation of the published network for signals: one change at a time.

    python examples/signals_published.py            # 500 training sets, half a minute each
    python examples/signals_published.py --quick    # four seconds of a core for each
    python examples/signals_published.py --smoke    # smoke test of a few steps

Needs: pip install "eqsets[cli,translations]"

The paper's network for signals has 3 convolutions as long as the signal (100, 50, 25), raw input
(amplitudes 1 to 10, offsets -5 to 5, noise three times the amplitude), and a sum of features over
all positions and copies. Here it is reimplemented with the padding of current torch, and trained
for the same CPU time as the small network of `signals.py`, with the same optimiser and selection of
the learning rate. Further networks differ from it in one respect.

Expected (accuracy in %; chance 33.3; half an hour of one core): published 43, with standardised
input 37, with a mean for the sum 43 (25 steps each), with kernels of 9 54, with all three 82 (120
steps), the small network 89 (460 steps). --quick: 70 for the small network, the others near chance.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor, nn

from eqsets import InvariantFeatures
from experiments import (
    Data,
    Experiment,
    Recipe,
    Size,
    build_model,
    run_command,
    shuffled,
)
from signals import COPIES, PLAN, SIGNALS, TEST, VALIDATION, make_sets, standardise

WIDTHS = (160, 160, 80)
SMALL = replace(PLAN, budget=35_000, head=32)
LONG, SHORT = (100, 50, 25), (9, 9, 9)
CLASSES = 3


class PublishedLayer(nn.Module):
    """relu(BN1(L1 x_i) + BN2(L2 max_j x_j)), by circular convolutions with stride 2."""

    def __init__(self, source: int, target: int, kernel: int) -> None:
        super().__init__()
        self.margin = ((kernel - 1) // 2, kernel // 2)
        self.own, self.context = (nn.Conv1d(source, target, kernel, stride=2) for _ in range(2))
        self.own_norm, self.context_norm = (nn.BatchNorm1d(target) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (B, N, C, L)`` to ``(B, N, C', L / 2)``."""
        own, context = (
            norm(convolve(F.pad(rows, self.margin, mode="circular")))
            for rows, convolve, norm in (
                (x.flatten(0, 1), self.own, self.own_norm),
                (x.amax(1), self.context, self.context_norm),
            )
        )
        return F.relu(own.unflatten(0, x.shape[:2]) + context.unsqueeze(1))


class Published(nn.Module):
    """The published network, or one that differs in one thing."""

    def __init__(
        self, kernels: tuple[int, ...] = LONG, standard: bool = False, mean: bool = False
    ) -> None:
        super().__init__()
        pairs = zip((1, *WIDTHS), WIDTHS, kernels, strict=False)
        self.layers = nn.Sequential(*[PublishedLayer(*options) for options in pairs])
        self.last = nn.Linear(WIDTHS[-1], CLASSES)
        self.standard, self.mean = standard, mean
        self.in_type, self.out_type = SIGNALS.feature_type(1), InvariantFeatures(CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (B, N, 1, L)`` to ``(B, CLASSES)``."""
        features = self.layers(standardise(x) if self.standard else x)
        read = features.mean((1, 3)) if self.mean else features.sum((1, 3))
        answer: Tensor = self.last(read)
        return answer


class Small(nn.Module):
    """The network of `signals.py`, wider, on signals as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.body = build_model(SMALL, "dss-max")
        self.in_type, self.out_type = self.body.in_type, self.body.out_type

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (B, N, 1, L)`` to ``(B, CLASSES)``."""
        answer: Tensor = self.body(standardise(x))
        return answer


MODELS: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "published": ("published", Published),
    "standard": ("... with standardised input", lambda: Published(standard=True)),
    "mean": ("... with a mean for the sum", lambda: Published(mean=True)),
    "short": ("... with kernels of 9", lambda: Published(SHORT)),
    "all": ("... with all three", lambda: Published(SHORT, standard=True, mean=True)),
    "dss-max": ("the DSS (max) of signals.py", Small),
}


def data(setting: str, seed: int) -> Data:
    """Return raw sets, the same as in `signals.py`."""
    return Data(
        shuffled(*make_sets(int(setting), 10 + seed)), make_sets(VALIDATION, 1), make_sets(TEST, 2)
    )


RATES = (1e-2, 3e-2)
ENDLESS = 10**9
EXPERIMENT = Experiment(
    name="signals-published",
    title="The published network for signals, and variants",
    figure="accuracy in %",
    axis="training sets",
    models={name: build for name, (_, build) in MODELS.items()},
    titles={name: title for name, (title, _) in MODELS.items()},
    data=data,
    chance=100 / CLASSES,
    set_size=COPIES,
    sizes={
        "full": Size(Recipe(ENDLESS, seconds=30), ("500",), (0, 1, 2), RATES, "500", tests=150),
        "quick": Size(Recipe(ENDLESS, seconds=4), ("500",), (0, 1, 2), RATES[1:], "500", tests=60),
        "smoke": Size(Recipe(2, batch=2), ("20",), (0,), RATES[:1], "20", tests=4),
    },
)

if __name__ == "__main__":
    sys.exit(run_command(EXPERIMENT))
