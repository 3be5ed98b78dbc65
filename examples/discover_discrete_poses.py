"""Validation of `discover` on discrete poses: sprites and digits at multiples of a part of a turn.

    python examples/discover_discrete_poses.py                     # the tuning half
    python examples/discover_discrete_poses.py --half held-out     # 18 data sets
    python examples/discover_discrete_poses.py --smoke             # one of them

Half turns (equally frequent, and 80 to 20), multiples of 90, 45 and 120 degrees, with reflections,
hue by thirds; controls that are not discrete; symmetric objects. Poses are those of the closed-form
frame: nothing is fitted. The two halves have different seeds, and different digits.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from math import pi
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

import eqsets
from eqsets.generative import Claim, SymmetryModel
from eqsets.generative.analysis.examine import examine
from experiments.advice import error_of_advice
from experiments.data.clutter import upright_digits
from experiments.data.sprites import draw

HALVES = {"tuning": 0, "held-out": 1}
SIZE, LETTERS = 20, ("L", "P", "arrow")


class Truth(NamedTuple):
    """A data set: how poses are drawn, and the claims and the group that are right."""

    name: str
    order: int = 0
    expected: Mapping[str, str | int] = MappingProxyType({})
    first: float = 0.0
    extent: float = 0.0
    mirrored: bool = False
    hues: int = 0
    shapes: tuple[str, ...] = LETTERS
    digits: bool = False

    def angles(self, n: int, generator: torch.Generator) -> Tensor:
        """Return angles: multiples, of which the first may be more frequent, plus a range."""
        weights = torch.ones(max(self.order, 1))
        if self.first:
            weights[0] = self.first / (1 - self.first) * (self.order - 1)
        which = torch.multinomial(weights, n, replacement=True, generator=generator)
        jitter = self.extent * (2 * torch.rand(n, generator=generator) - 1)
        return which * (2 * pi / len(weights)) + jitter


TRUTHS = (
    Truth("fixed"),
    Truth("up to 30 degrees", extent=pi / 6, expected={"rotation": "partial"}),
    Truth("any angle", extent=pi, expected={"rotation": "full"}),
    Truth("half turns", 2, {"rotation": 2}),
    Truth("half turns, 80 to 20", 2, {"rotation": 2}, first=0.8),
    Truth("multiples of 120", 3, {"rotation": 3}),
    Truth("multiples of 90", 4, {"rotation": 4}),
    Truth("multiples of 90, each up to 10", 4, {"rotation": 4}, extent=pi / 18),
    Truth("multiples of 45", 8, {"rotation": 8}),
    Truth("flips", 1, {"mirror": "full"}, mirrored=True),
    Truth("multiples of 90 and flips", 4, {"rotation": 4, "mirror": "full"}, mirrored=True),
    Truth("hue by thirds", expected={"hue": 3}, hues=3),
    Truth("squares, fixed", shapes=("square",)),
    Truth("squares, multiples of 45", 8, {"rotation": 8}, shapes=("square",)),
    Truth("digits, half turns", 2, {"rotation": 2}, digits=True),
    Truth("digits, multiples of 90", 4, {"rotation": 4}, digits=True),
    Truth("digits, up to 30 degrees", extent=pi / 6, expected={"rotation": "partial"}, digits=True),
    Truth("digits, fixed", digits=True),
)


def images_of(truth: Truth, n: int, seed: int) -> Tensor:
    """Return images ``(n, 1 or 3, H, W)`` in [-1, 1]."""
    generator = torch.Generator().manual_seed(100 + seed)
    angles = truth.angles(n, generator)
    flips = torch.ones(n)
    if truth.mirrored:
        flips = 1 - 2.0 * torch.randint(2, (n,), generator=generator)
    if truth.digits:
        return _turned(upright_digits(n, seed, generator), angles)
    c, s, zero = angles.cos(), angles.sin(), torch.zeros(n)
    rows = [c * flips, -s, zero, s * flips, c, zero, zero, zero, zero + 1]
    poses = torch.stack(rows, -1).reshape(n, 3, 3)
    kinds = torch.randint(len(truth.shapes), (n,), generator=generator).tolist()
    drawn = [draw(truth.shapes[k], g[None] * 1.0, SIZE) for k, g in zip(kinds, poses, strict=True)]
    grey = torch.cat(drawn)[:, None]
    if truth.hues:
        turns = torch.randint(truth.hues, (n,), generator=generator)
        color = torch.tensor([1.0, 0.5, 0.2]).expand(n, 3)
        color = torch.stack([one.roll(int(k)) for one, k in zip(color, turns, strict=True)])
        grey = grey * color[:, :, None, None]
    noise = 0.05 * torch.rand(grey.shape, generator=generator)
    return (2 * grey - 1 + noise).clamp(-1, 1)


def _turned(x: Tensor, angles: Tensor) -> Tensor:
    family = eqsets.transformation("rotation")
    return family.act(family.element(angles[:, None]), x)


def right(claim: Claim, expected: str | int) -> bool:
    """Return whether a claim is what it should be: a verdict, or the order of a subgroup."""
    if isinstance(expected, int):
        order = claim.discrete.order if claim.discrete else None
        return claim.verdict == "discrete" and order == expected
    return claim.verdict == expected


def main() -> None:
    """Examine each data set, and count the right claims about rotation, mirror and hue."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--half", choices=sorted(HALVES), default="tuning")
    parser.add_argument("--output", type=Path, help="a file for the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results: list[dict[str, Any]] = []
    for truth in TRUTHS[3:4] if options.smoke else TRUTHS:
        start, seed = time.process_time(), HALVES[options.half]
        images = images_of(truth, 160 if options.smoke else 300, seed)
        family = "similarity+hue" if truth.hues else "similarity"
        model = SymmetryModel(family, tuple(images.shape[1:]), backbone="analytic")
        known, held_out = images[len(images) // 4 :], images[: len(images) // 4]
        model.inference.frame.calibrate(known)
        report = examine(model.inference, known, held_out, seed=seed, reflections=True)
        by_name = {claim.name: claim for claim in report.claims}
        group = model.family.domain.recommend(report.claims, tuple(images.shape[1:]))
        names = ("rotation", "mirror", *["hue"] * bool(truth.hues))
        claims = {name: by_name[name] for name in names}
        asked = {"rotation": "absent", **truth.expected}
        good = all(right(claims[name], expected) for name, expected in asked.items())
        results.append(
            {
                "truth": truth.name,
                "right": good,
                "sentences": [claim.sentence for claim in claims.values()],
                "group": [group.group, dict(group.options)],
                "seconds": round(time.process_time() - start),
            }
        )
        print(json.dumps(results[-1], ensure_ascii=False), flush=True)
        if options.output:
            content = {"half": options.half, "results": results}
            options.output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    print(f"right: {sum(one['right'] for one in results)} of {len(results)}")
    # of the layer that is recommended for the last data set
    print(f"equivariance error {error_of_advice(group.code):.1e}")


if __name__ == "__main__":
    main()
