"""Quality of prototypes against CPU time: the published network and ours, on the same digits.

``python -m benchmarks.discovery.inference_networks published --seconds 1800`` trains the papers'
configuration for half an hour of CPU time, with regular evaluations on 300 held-out digits;
``tuned`` is the same network with the best settings for that time (``--rate``, ``--batch``,
``--samples``, ``--order`` set others); ``ours`` fits frames and short corrections. Each adds a row
to ``--rows``. With ``--folder`` an interrupted training resumes, and its time is counted;
``--collect`` adds the row of an unfinished training.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from eqsets.generative import PRESETS, SymmetryModel
from eqsets.training.files import write_text
from examples.digits.data import SHAPE, digits
from examples.digits.measures import quality
from examples.digits.published import PUBLISHED, TUNED, Settings, train, with_time_limit

KNOWN, HELD_OUT, CHECKS = 4_500, 300, 30


def reference(args: argparse.Namespace) -> dict[str, Any]:
    """Train the published network for about ``args.seconds`` of CPU time, return its row."""
    x, labels = digits()
    known = x[:KNOWN]
    measure = quality(x[KNOWN : KNOWN + HELD_OUT], labels[KNOWN : KNOWN + HELD_OUT])
    settings = PUBLISHED if args.runner == "published" else TUNED
    plan = settings.plan
    plan = replace(
        plan,
        batch=args.batch or plan.batch,
        samples=args.samples or plan.samples,
        learning_rate=args.rate or plan.learning_rate,
    )
    settings = replace(settings, plan=plan, order=args.order or settings.order)
    settings = _sized(settings, known, args)
    if args.collect:
        with (args.folder / "inference.csv").open() as file:
            rows = list(csv.DictReader(file))
        curve = [{name: float(value) for name, value in row.items()} for row in rows]
    else:
        _, curve = train(known, settings, measure, seed=args.seed, folder=args.folder)
    return {**_about(settings), "curve": curve}


def _sized(settings: Settings, known: torch.Tensor, args: argparse.Namespace) -> Settings:
    """Return settings for ``args.seconds``, stored in the folder."""
    note = None if args.folder is None else args.folder / "steps.json"
    if note is None or not note.exists():
        settings = with_time_limit(settings, known, args.seconds, checks=CHECKS)
        if note is not None:
            write_text(note, json.dumps(settings.plan.steps))
        return settings
    steps = int(json.loads(note.read_text()))
    plan = replace(settings.plan, steps=steps, check_every=max(1, steps // CHECKS))
    return replace(settings, plan=plan)


def _about(settings: Settings) -> dict[str, Any]:
    plan = settings.plan
    return {
        "steps": plan.steps,
        "batch": plan.batch,
        "samples": plan.samples,
        "rate": plan.learning_rate,
        "order": settings.order,
    }


def ours(args: argparse.Namespace) -> dict[str, Any]:
    """Fit frame and correction with ``args.steps`` steps, return the row."""
    x, labels = digits()
    preset = PRESETS["quick"]
    preset = replace(
        preset,
        inference=replace(preset.inference, steps=max(1, args.steps)),
        density=replace(preset.density, steps=1),
        prototypes=1,
    )
    backbone = "canonical" if args.steps else "analytic"
    start = time.process_time()
    model = SymmetryModel("affine-no-shear", SHAPE, backbone=backbone)
    model.fit(x[:KNOWN], preset=preset, quiet=True, seed=args.seed)
    cpu = time.process_time() - start
    measure = quality(x[KNOWN : KNOWN + HELD_OUT], labels[KNOWN : KNOWN + HELD_OUT])
    return {"steps": args.steps, "curve": [{"cpu": cpu, **measure(model.inference)}]}


def main() -> None:
    """Run one of the networks, add its row."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.discovery.inference_networks", description=__doc__
    )
    parser.add_argument("runner", choices=["published", "tuned", "ours"])
    parser.add_argument("--seconds", type=float, default=1800.0, help="of CPU, of the references")
    parser.add_argument("--steps", type=int, default=0, help="of ours; 0: the frame alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--order", type=int, choices=[1, 3])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--collect", action="store_true", help="add the row of an unfinished run")
    parser.add_argument("--rows", type=Path, default=Path("results/inference-networks.json"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    result = ours(args) if args.runner == "ours" else reference(args)
    row = {"runner": args.runner, "seed": args.seed, "seconds": args.seconds, **result}
    known = json.loads(args.rows.read_text()) if args.rows.exists() else []
    args.rows.write_text(json.dumps([*known, row], indent=1) + "\n")
    best = min(row["curve"], key=lambda point: point["share"])
    print(json.dumps({**row, "curve": best}))


if __name__ == "__main__":
    main()
