"""Verdicts of `discover` on signals, clouds, volumes and vectors with known symmetries.

    python examples/discover_kinds.py            # all data sets; writes results/discover-kinds.json
    python examples/discover_kinds.py --smoke    # two of them, smaller; writes nothing

Pulses, clouds, volumes and vectors of three or four shapes are transformed by amounts that are
known: not at all, within a range, or by anything. Two kinds are real: GunPoint of the UCR archive
(motion capture, shipped with sktime), and conformers of three rigid molecules (RDKit), as clouds of
atoms and as densities on a grid. A verdict is right, a false claim, or declined ("not resolved").
Of GunPoint, only what was added is known.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from math import pi
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import eqsets
from eqsets.families import MatrixFamily
from eqsets.generative import Preset, StagePlan, discover
from experiments.advice import error_of_advice
from experiments.data.packages import package_folder

QUICKEST = Preset(
    StagePlan(60, batch=64, check_every=30),
    StagePlan(60, batch=64, check_every=30),
    prototypes=2,
)
MOLECULES = (  # rigid: camphor, pinene, borneol
    "CC1(C)[C@@H]2CC[C@@]1(C)C(=O)C2",
    "CC1=CC[C@H]2C[C@@H]1C2(C)C",
    "C[C@@]12CC[C@@H](C1(C)C)C[C@H]2O",
)
ATOMS = 10  # without hydrogen
ALL = ("rotation_x", "rotation_y", "rotation_z")
Ranges = dict[str, float]
Truth = dict[str, tuple[str, float | None]]
Table = tuple[tuple[str, Ranges, Truth], ...]
Case = tuple[str, Callable[[], Tensor], dict[str, Any], Truth]


def moved(x: Tensor, family: str, seed: int, **ranges: float) -> Tensor:
    """Return elements transformed at random within ``ranges``; discrete ones by any level."""
    known, generator = eqsets.transformation(family), torch.Generator().manual_seed(seed)
    eta = torch.zeros(len(x), len(known.names))
    for name, reach in ranges.items():
        one = known.parameters_of_eta[known.names.index(name)]
        drawn = 2 * torch.rand(len(x), generator=generator) - 1
        levels = torch.randint(one.levels or 1, (len(x),), generator=generator).float()
        eta[:, known.names.index(name)] = levels if one.levels else drawn * reach
    return known.act(known.element(eta), x)


def pulses(n: int) -> Tensor:
    """Return signals ``(n, 1, 96)`` of three shapes."""
    generator = torch.Generator().manual_seed(1)
    t = torch.linspace(-1, 1, 96)
    shapes = torch.stack(
        [
            torch.exp(-(((t + 0.1) / 0.08) ** 2)) + 0.6 * torch.exp(-(((t - 0.1) / 0.05) ** 2)),
            torch.exp(-((t / 0.12) ** 2)) * torch.cos(12 * t + 0.5),
            torch.exp(-((t / 0.06) ** 2)) - 0.5 * torch.exp(-(((t - 0.18) / 0.1) ** 2)),
        ]
    )
    return shapes[torch.randint(3, (n,), generator=generator)][:, None]


def noisy(x: Tensor, size: float) -> Tensor:
    """Return elements with normal noise."""
    return x + size * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))


def clouds(n: int, dims: int = 3) -> Tensor:
    """Return clouds ``(n, 24, dims)`` of four skewed shapes."""
    generator = torch.Generator().manual_seed(3)
    base = torch.randn(4, 24, dims, generator=generator) * torch.tensor([1.0, 0.6, 0.4][:dims])
    base = base + 0.4 * (base**2 - base.square().mean(1, keepdim=True))
    base = base - base.mean(1, keepdim=True)
    return noisy(base[torch.randint(4, (n,), generator=generator)], 0.01)


def turned(x: Tensor) -> Tensor:
    """Return clouds rotated by any rotation of space."""
    group = eqsets.groups.OrthogonalGroup(3, special=True)
    turns = group.sample(len(x), generator=torch.Generator().manual_seed(4)).to(x)
    return x @ turns.mT


def gunpoint(n: int) -> Tensor:
    """Return motions ``(n, 1, 150)`` of the UCR archive."""
    folder = package_folder("sktime", "1.2.0") / "datasets" / "data" / "GunPoint"
    rows = []
    for part in ("TRAIN", "TEST"):
        lines = (folder / f"GunPoint_{part}.ts").read_text().splitlines()
        values_only = [line.rsplit(":", 1)[0] for line in lines if line and line[0] not in "#@"]
        rows += [[float(value) for value in line.split(",")] for line in values_only]
    return torch.tensor(rows)[:n, None]


def conformers(n: int) -> Tensor:
    """Return aligned conformers ``(n, ATOMS, 3)``, about their middle."""
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom, rdMolAlign

    clouds_of_atoms = []
    for smiles in MOLECULES:
        molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
        rdDistGeom.EmbedMultipleConfs(molecule, -(-n // len(MOLECULES)), randomSeed=7)
        rdMolAlign.AlignMolConformers(molecule, list(range(ATOMS)))
        for one in molecule.GetConformers():
            positions = torch.as_tensor(one.GetPositions(), dtype=torch.float32)[:ATOMS]
            clouds_of_atoms.append(positions - positions.mean(0))
    order = torch.randperm(len(clouds_of_atoms), generator=torch.Generator().manual_seed(5))
    return torch.stack(clouds_of_atoms)[order[:n]]


def densities(x: Tensor, side: int = 12) -> Tensor:
    """Return clouds as densities ``(n, 1, side, side, side)``."""
    steps = torch.linspace(-1, 1, side)
    z, y, w = torch.meshgrid(steps, steps, steps, indexing="ij")
    grid = torch.stack([w, y, z], -1).reshape(-1, 3)
    scale = 2.2 * x.norm(dim=-1).amax()
    away = torch.cdist(grid, x * (2 * 0.8 / scale))
    return (-((away / 0.16) ** 2)).exp().sum(-1).clamp(max=1).reshape(len(x), 1, side, side, side)


def boosted(n: int, reach: float) -> Tensor:
    """Return vectors ``(n, 2)`` of three masses, boosted along their axis."""
    generator = torch.Generator().manual_seed(6)
    mass = torch.tensor([1.0, 1.6, 2.5])[torch.randint(3, (n,), generator=generator)]
    speed = (2 * torch.rand(n, generator=generator) - 1) * reach
    return noisy(torch.stack([mass * speed.cosh(), mass * speed.sinh()], -1), 0.01)


def pairs(n: int, everywhere: bool) -> Tensor:
    """Return pairs of vectors ``(n, 6)`` that turn together about the third axis, or by anything.

    A pair, as a single vector does not change by rotations about itself.
    """
    generator = torch.Generator().manual_seed(8)
    base = torch.tensor(
        [
            [[1.0, 0.0, 0.5], [0.2, 0.9, -0.4]],
            [[1.5, 0.0, -1.0], [0.0, 0.8, 0.9]],
            [[0.6, 0.3, 1.4], [1.1, -0.5, 0.0]],
        ]
    )
    x = base[torch.randint(3, (n,), generator=generator)]
    x = turned(x) if everywhere else moved(x, "cloud-rotation", 9, rotation_z=pi)
    return noisy(x.flatten(1), 0.01)


def pulses_under(n: int, family: str, ranges: Ranges) -> Tensor:
    """Return transformed pulses, with noise."""
    return noisy(moved(pulses(n), family, 0, **ranges), 0.02)


def motions_under(n: int, ranges: Ranges) -> Tensor:
    """Return transformed motions of GunPoint."""
    return moved(gunpoint(n), "time+amplitude", 0, **ranges)


def clouds_under(n: int, family: str, ranges: Ranges) -> Tensor:
    """Return transformed clouds; with no ranges and ``any``, rotated by anything."""
    if family == "any":
        return turned(clouds(n))
    return moved(clouds(n, 2 if family.endswith("2d") else 3), family, 0, **ranges)


def molecules_under(n: int, ranges: Ranges | None) -> Tensor:
    """Return rotated conformers; ``None``: by anything."""
    x = conformers(n)
    return turned(x) if ranges is None else moved(x, "cloud-rotation", 0, **ranges)


def densities_under(n: int, ranges: Ranges) -> Tensor:
    """Return densities of rotated conformers, 120 at most."""
    return densities(molecules_under(min(n, 120), ranges))


SIGNALS: Table = (
    ("nothing", {}, {}),
    ("time shift 0.2", {"time_shift": 0.2}, {"time_shift": ("partial", 0.2)}),
    ("gain 0.4", {"gain": 0.4}, {"gain": ("partial", 0.4)}),
    (
        "offset 0.3, time scale 0.2",
        {"offset": 0.3, "time_scale": 0.2},
        {"offset": ("partial", None), "time_scale": ("partial", 0.2)},
    ),
    (
        "polarity, time shift 0.2",
        {"polarity": 1, "time_shift": 0.2},
        {"polarity": ("full", None), "time_shift": ("partial", 0.2)},
    ),
)
MOTIONS: Table = (
    ("time shift 0.3", {"time_shift": 0.3}, {"time_shift": ("partial", 0.3)}),
    ("polarity", {"polarity": 1}, {"polarity": ("full", None)}),
)
CLOUDS: Table = (
    ("nothing", {}, {}),
    ("any rotation about z", {"rotation_z": pi}, {"rotation_z": ("full", pi)}),
    ("rotation about x 30 degrees", {"rotation_x": 0.5}, {"rotation_x": ("partial", 0.5)}),
    ("mirror", {"mirror": 1}, {"mirror": ("full", None)}),
    (
        "shift 0.2, scale 0.2",
        {"shift_x": 0.2, "scale": 0.2},
        {"shift_x": ("partial", None), "scale": ("partial", 0.2)},
    ),
)
ABOUT_Z: Table = (
    ("nothing", {}, {}),
    ("any rotation about z", {"rotation_z": pi}, {"rotation_z": ("full", pi)}),
)
ANY: Truth = dict.fromkeys(ALL, ("full", pi))


def cases(n: int) -> Iterator[Case]:
    """Return name, data, options and the truth of each data set; what is not named is absent."""
    signals, cloud = {"kind": "signals"}, {"kind": "clouds"}
    for name, ranges, truth in SIGNALS:
        yield f"pulses: {name}", partial(pulses_under, n, "time+amplitude", ranges), signals, truth
    for reach, verdict in ((0.1, "partial"), (0.5, "full")):
        yield (
            f"pulses: circular shift {reach}",
            partial(pulses_under, n, "circular-time", {"circular_shift": reach}),
            signals | {"family": "circular-time"},
            {"circular_shift": (verdict, reach)},
        )
    for name, ranges, truth in MOTIONS:
        yield f"GunPoint: {name}", partial(motions_under, n, ranges), signals, truth
    for name, ranges, truth in CLOUDS:
        yield f"clouds: {name}", partial(clouds_under, n, "cloud-similarity", ranges), cloud, truth
    yield "clouds: any rotation", partial(clouds_under, n, "any", {}), cloud, ANY
    yield (
        "clouds of the plane: any rotation",
        partial(clouds_under, n, "cloud-similarity-2d", {"rotation": pi}),
        cloud,
        {"rotation": ("full", pi)},
    )
    yield (
        "clouds: axes exchanged at random",
        partial(clouds_under, n, "axis-permutations", {"axes": 1}),
        cloud | {"family": "axis-permutations"},
        {"axes": ("full", None)},
    )
    rotations = {"family": "cloud-rotation"}
    yield (
        "molecules: any rotation about z",
        partial(molecules_under, n, {"rotation_z": pi}),
        cloud | rotations,
        {"rotation_z": ("full", pi)},
    )
    yield "molecules: any rotation", partial(molecules_under, n, None), cloud | rotations, ANY
    volumes = {"kind": "volumes", "family": "volume-rotation"}
    for name, ranges, truth in ABOUT_Z:
        yield f"densities of molecules: {name}", partial(densities_under, n, ranges), volumes, truth
    vectors: dict[str, Any] = {"kind": "vectors"}
    boost = MatrixFamily([[[0.0, 1.0], [1.0, 0.0]]], names=("boost",))
    for reach, verdict in ((0.0, "absent"), (0.25, "partial")):
        yield (
            f"vectors: boost {reach}",
            partial(boosted, n, reach),
            vectors | {"family": boost},
            {"boost": (verdict, reach)},
        )
    planes = MatrixFamily.rotations(3)
    blocks = torch.stack([torch.block_diag(one, one) for one in planes.basis])
    both = MatrixFamily(blocks, names=planes.names)
    for everywhere in (False, True):
        yield (
            f"vectors: any rotation{'' if everywhere else ' about one axis'}",
            partial(pairs, n, everywhere),
            vectors | {"family": both},
            dict.fromkeys(both.names if everywhere else both.names[:1], ("full", pi)),
        )


def outcome(verdict: str, expected: str) -> str:
    """Return ``right``, ``declined``, ``missed`` or ``false claim``."""
    if verdict == expected:
        return "right"
    if verdict == "unresolved":
        return "declined"
    return "missed" if verdict == "absent" else "false claim"


def main() -> None:
    """Run `discover` on each data set, and count the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--only", default="", help="data sets whose name begins so")
    parser.add_argument("--output", type=Path, default=Path("results/discover-kinds.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [one for one in cases(96 if options.smoke else 240) if one[0].startswith(options.only)]
    chosen = [chosen[0], chosen[-2]] if options.smoke else chosen
    rows: list[dict[str, Any]] = []
    for name, data, settings, truth in chosen:
        start = time.process_time()
        x = data()
        report = discover(x, preset=QUICKEST, quiet=True, **settings)
        claims = {}
        counted = [c for c in report.claims if c.name in truth or not name.startswith("GunPoint")]
        for claim in counted:
            verdict, extent = truth.get(claim.name, ("absent", None))
            claims[claim.name] = {
                "verdict": claim.verdict,
                "outcome": outcome(claim.verdict, verdict),
                "extent": claim.extent,
                "interval": list(claim.interval),
                "true": extent if verdict == "partial" else None,
                "sentence": claim.sentence,
            }
        seconds = time.process_time() - start
        rows.append({"data": name, "shape": list(x.shape), "seconds": seconds, "claims": claims})
        bad = [f"{k} {v['outcome']}" for k, v in claims.items() if v["outcome"] != "right"]
        print(f"{name} {tuple(x.shape)}, {seconds:.0f} s: {'; '.join(bad) or 'all right'}")
        print(f"      {report.sentence}", flush=True)
        if not options.smoke:
            options.output.write_text(json.dumps(summary_of(rows), indent=1) + "\n")
    summary = summary_of(rows)
    print(f"{len(rows)} data sets: {summary['verdicts']}")
    print("intervals of extents that contain the truth: {} of {}".format(*summary["intervals"]))
    # of the layer that is recommended for the last data set
    print(f"equivariance error {error_of_advice(report.recommendation.code):.1e}")


def summary_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return counts of verdicts, and of intervals that contain the truth, with all rows."""
    every = [claim for row in rows for claim in row["claims"].values()]
    counts = {
        kind: sum(claim["outcome"] == kind for claim in every)
        for kind in ("right", "declined", "missed", "false claim")
    }
    known = [c for c in every if c["true"] and c["verdict"] == "partial"]
    inside = sum(c["interval"][0] <= c["true"] <= c["interval"][1] for c in known)
    return {"verdicts": counts, "intervals": [inside, len(known)], "data": rows}


if __name__ == "__main__":
    main()
