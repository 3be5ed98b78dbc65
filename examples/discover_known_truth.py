"""Verdicts of `discover` on data sets of every kind whose symmetries are known.

    python examples/discover_known_truth.py                   # all; resumes after an interruption
    python examples/discover_known_truth.py --seconds 1200    # as many as that time allows
    python examples/discover_known_truth.py --table           # the table of what has been run
    python examples/discover_known_truth.py --smoke           # one, smaller; writes nothing

Letters, sprites, pulses, clouds, volumes and vectors are transformed by amounts that are known: not
at all, within a range, by multiples of a part of a circle, or by anything; 50 to 1,000 elements,
with noise or clutter. Each data set is planned twice: the tuning half may be used to choose
thresholds, the held-out half not. The plan is in random order, so that what has been run is a
sample of it. A verdict is right, declined ("not resolved"), missed ("absent" of what is there) or a
false claim.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from math import pi
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from discover_discrete_poses import TRUTHS, images_of
from discover_kinds import boosted, clouds, densities, moved, pairs, pulses, turned
from eqsets.families import MatrixFamily
from eqsets.generative import Claim, Preset, StagePlan, discover
from experiments.advice import error_of_advice
from experiments.data.clutter import angles_up_to, background, letters, on
from experiments.data.sprites import sampled

HALVES = ("tuning", "held-out")
POOL = 1000  # elements of each half
SMOKE = Preset(StagePlan(5, batch=16), StagePlan(5, batch=16), prototypes=1)
Truth = dict[str, tuple[str | int, float | None]]


class Case(NamedTuple):
    """A data set: what makes it of a half, options of `discover`, and the truth; else absent."""

    kind: str
    name: str
    n: int
    make: Callable[[int], Tensor]
    options: dict[str, Any]
    truth: Truth


def part(x: Tensor, n: int, half: int) -> Tensor:
    """Return elements of one half of ``2 * POOL``."""
    return x[half * POOL : half * POOL + n]


def noisy(x: Tensor, size: float, half: int) -> Tensor:
    """Return elements with normal noise."""
    return x + size * torch.randn(x.shape, generator=torch.Generator().manual_seed(700 + half))


def grainy(make: Callable[[int], Tensor], half: int) -> Tensor:
    """Return images with noise, in ``[-1, 1]``."""
    return noisy(make(half), 0.2, half).clamp(-1, 1)


def cluttered(n: int, reach: float, behind: str, strength: float, half: int) -> Tensor:
    """Return rotated letters in front of a background."""
    generator = torch.Generator().manual_seed(60 + half)
    x = letters(n, 28, angles_up_to(reach, n, generator), generator)
    return on(x, background(behind, n, 28, half, generator), strength)


def of_signals(n: int, family: str, ranges: dict[str, float], half: int) -> Tensor:
    """Return transformed pulses of three shapes, with noise."""
    x = moved(part(pulses(2 * POOL), n, half), family, 80 + half, **ranges)
    return noisy(x, 0.02, half)


def of_clouds(n: int, ranges: dict[str, float] | None, half: int) -> Tensor:
    """Return transformed clouds of four shapes; ``None``: rotated by anything."""
    if ranges is None:
        return part(turned(clouds(2 * POOL)), n, half)
    return moved(part(clouds(2 * POOL), n, half), "cloud-similarity", 90 + half, **ranges)


def of_volumes(n: int, reach: float, half: int) -> Tensor:
    """Return densities ``(n, 1, 12, 12, 12)`` of clouds that are rotated about z."""
    return densities(of_clouds(n, {"rotation_z": reach} if reach else {}, half) * 0.4)


def of_vectors(n: int, what: str, reach: float, half: int) -> Tensor:
    """Return boosted vectors, or rotated pairs of vectors."""
    return part(
        boosted(2 * POOL, reach) if what == "boost" else pairs(2 * POOL, bool(reach)), n, half
    )


def plan() -> Iterator[Case]:
    """Yield all data sets of one half."""
    named = {one.name: one for one in TRUTHS}
    extents = {"up to 30 degrees": pi / 6}
    plain = [one for one in TRUTHS if not one.digits and one.shapes[0] != "square"]
    for one in plain:
        truth: Truth = {key: (value, extents.get(one.name)) for key, value in one.expected.items()}
        for n in (50, 100, 300):
            yield Case("images", one.name, n, partial(images_of, one, n), {}, truth)
    for name in ("fixed", "up to 30 degrees", "any angle", "multiples of 90"):
        one = named[name]
        truth = {key: (value, extents.get(name)) for key, value in one.expected.items()}
        yield Case("images", name, 1000, partial(images_of, one, 1000), {}, truth)
        make = partial(grainy, partial(images_of, one, 300))
        yield Case("images", f"{name}, noise 0.2", 300, make, {}, truth)
    for behind, strength in (("texture", 0.4), ("photo", 0.5), ("photo", 1.0)):
        for reach, verdict in ((0.0, "absent"), (30.0, "partial"), (180.0, "full")):
            make = partial(cluttered, 300, reach, behind, strength)
            truth = {"rotation": (verdict, reach * pi / 180)}
            yield Case("clutter", f"{behind} {strength}, ±{reach:.0f}°", 300, make, {}, truth)
    for settings, expected in (
        ({"shift": 0.18}, {"shift_x": ("partial", 0.18), "shift_y": ("partial", 0.18)}),
        ({"hue": 0.08}, {"hue": ("partial", 0.08)}),
    ):
        for n in (100, 300):
            make = partial(sprites, n, settings)
            yield Case("images", f"sprites {settings}", n, make, {}, dict(expected))
    yield from elements()


def sprites(n: int, settings: dict[str, float], half: int) -> Tensor:
    """Return sprites, shifted or in different hues."""
    return sampled(n, 200 + half, **settings)


def elements() -> Iterator[Case]:
    """Yield data sets of other kinds than images."""
    time_shift: Truth = {"time_shift": ("partial", 0.2)}
    for n in (50, 100, 300):
        for ranges, truth in (
            ({}, {}),
            ({"time_shift": 0.2}, time_shift),
            ({"gain": 0.4}, {"gain": ("partial", 0.4)}),
            ({"polarity": 1.0}, {"polarity": ("full", None)}),
        ):
            make = partial(of_signals, n, "time+amplitude", ranges)
            yield Case("signals", str(ranges or "nothing"), n, make, {"kind": "signals"}, truth)
        make = partial(of_signals, n, "circular-time", {"circular_shift": 0.5})
        circle = {"kind": "signals", "family": "circular-time"}
        truth = {"circular_shift": ("full", None)}
        yield Case("signals", "any circular shift", n, make, circle, truth)
        about: dict[str, tuple[dict[str, float] | None, Truth]] = {
            "nothing": ({}, {}),
            "any rotation about z": ({"rotation_z": pi}, {"rotation_z": ("full", None)}),
            "mirror": ({"mirror": 1.0}, {"mirror": ("full", None)}),
            "any rotation": (None, {f"rotation_{axis}": ("full", None) for axis in "xyz"}),
        }
        for name, (reach, truth) in about.items():
            make = partial(of_clouds, n, reach)
            yield Case("clouds", name, n, make, {"kind": "clouds"}, truth)
    volumes = {"kind": "volumes", "family": "volume-rotation"}
    for reach, truth in ((0.0, {}), (pi, {"rotation_z": ("full", None)})):
        make = partial(of_volumes, 100, reach)
        yield Case("volumes", f"rotation about z, ±{reach:.2f}", 100, make, volumes, truth)
    boost = MatrixFamily([[[0.0, 1.0], [1.0, 0.0]]], names=("boost",))
    planes = MatrixFamily.rotations(3)
    blocks = torch.stack([torch.block_diag(one, one) for one in planes.basis])
    both = MatrixFamily(blocks, names=planes.names)
    for n in (100, 300):
        for reach in (0.0, 0.25):
            truth = {"boost": ("partial" if reach else "absent", reach)}
            make, options = partial(of_vectors, n, "boost", reach), {"kind": "vectors"}
            yield Case("vectors", f"boost {reach}", n, make, options | {"family": boost}, truth)
        for some in (1, 3):
            truth = dict.fromkeys(both.names[:some], ("full", None))
            make = partial(of_vectors, n, "pairs", float(some > 1))
            yield Case("vectors", f"pairs, {some} axes", n, make, options | {"family": both}, truth)


def outcome(claim: Claim, expected: str | int) -> str:
    """Return ``right``, ``declined``, ``missed`` or ``false claim``."""
    order = claim.discrete.order if claim.discrete else None
    discrete = isinstance(expected, int)
    if claim.verdict == ("discrete" if discrete else expected) and (
        not discrete or order == expected
    ):
        return "right"
    if claim.verdict == "unresolved":
        return "declined"
    return "missed" if claim.verdict == "absent" else "false claim"


def row_of(case: Case, half: int, preset: str | Preset) -> dict[str, Any]:
    """Run `discover` on one data set."""
    start = time.process_time()
    report = discover(case.make(half), preset=preset, quiet=True, **case.options)
    claims = {}
    for claim in report.claims:
        expected, extent = case.truth.get(claim.name, ("absent", None))
        claims[claim.name] = {
            "outcome": outcome(claim, expected),
            "interval": list(claim.interval),
            "true": extent if expected == claim.verdict == "partial" else None,
            "sentence": claim.sentence,
        }
    seconds = round(time.process_time() - start, 1)
    return {"half": HALVES[half], "kind": case.kind, "name": case.name, "n": case.n,
            "seconds": seconds, "code": report.recommendation.code, "claims": claims}  # fmt: skip


def table(rows: list[dict[str, Any]], planned: int) -> str:
    """Return a table of verdicts for each half and kind, and the coverage of intervals."""
    lines = [
        "| half | kind | data sets | right | declined | missed | false | truth in interval |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for half in HALVES:
        kinds = sorted({one["kind"] for one in rows if one["half"] == half})
        for kind in (*kinds, "all"):
            some = [o for o in rows if o["half"] == half and kind in (o["kind"], "all")]
            every = [claim for one in some for claim in one["claims"].values()]
            words = ("right", "declined", "missed", "false claim")
            counts = [sum(one["outcome"] == word for one in every) for word in words]
            known = [one for one in every if one["true"]]
            inside = sum(one["interval"][0] <= one["true"] <= one["interval"][1] for one in known)
            cells = [half, kind, len(some), *counts, f"{inside} of {len(known)}"]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, "", f"{len(rows)} of {planned} planned data sets have been run."])


def main() -> None:
    """Run `discover` on each data set that has no row yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="when to stop")
    parser.add_argument("--output", type=Path, default=Path("results/discover-known-truth.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = [(case, half) for case in plan() for half in range(len(HALVES))]
    order = torch.randperm(len(cases), generator=torch.Generator().manual_seed(0)).tolist()
    cases = [cases[index] for index in order]
    rows: list[dict[str, Any]] = []
    if options.smoke:
        case = next(one for one, _ in cases if one.kind == "vectors" and one.n == 100)
        rows, cases = [row_of(case, 0, SMOKE)], []
    elif options.output.exists():
        rows = json.loads(options.output.read_text())["data"]
    done = {(row["half"], row["kind"], row["name"], row["n"]) for row in rows}
    began = time.monotonic()
    for case, half in cases:
        key = (HALVES[half], case.kind, case.name, case.n)
        if options.table or key in done or time.monotonic() - began > options.seconds:
            continue
        rows.append(row_of(case, half, "quick"))
        bad = [f"{k}: {v['outcome']}" for k, v in rows[-1]["claims"].items()
               if v["outcome"] != "right"]  # fmt: skip
        print(*key, f"{rows[-1]['seconds']} s", "; ".join(bad) or "all right", flush=True)
        content = {"planned": len(cases), "data": rows}
        options.output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    print(table(rows, len(cases)))
    if rows and "code" in rows[-1]:  # of the layer that is recommended for the last data set
        print(f"equivariance error {error_of_advice(rows[-1]['code']):.1e}")


if __name__ == "__main__":
    main()
