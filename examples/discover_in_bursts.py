"""Infer the transformation that all images of a burst share, from noisy or occluded images.

    python examples/discover_in_bursts.py            # about two minutes on one core
    python examples/discover_in_bursts.py --quick    # about one
    python examples/discover_in_bursts.py --smoke    # smoke test of some seconds

Needs: pip install "eqsets[generative,affine,translations]"

A burst is eight images of a scene of three blobs with one common rotation (or shift); each has its
own noise or occlusion. The transformations are unknown. Compared are

    one      inference from one image, trained on halves of one image each
    average  the mean, on the group, of the inferences for all images
    pixels   the inference for the mean image
    set      a DSS network on the set, initially equal to "average"

The error does not depend on the choice of the identity pose: for two bursts of one scene with
different noise and transformations, the inferred and the true relative transformation are compared.

Expected, for 8 rotated images with noise: 7.9 degrees from one, 6.2 by averaging, 1.0 from the mean
image, 1.1 from the set (medians). With occlusions, averaging is as good as the set.
"""

from __future__ import annotations

import argparse
from math import pi, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

import eqsets
from eqsets.generative import StagePlan
from eqsets.set_inference import SetInference, average_element

SIDE, FRAMES = 16, 8
SCENES, TESTS = 300, 300
CENTRES = torch.tensor([[0.0, 0.0], [0.34, 0.06], [-0.1, 0.34]])
HEIGHTS = torch.tensor([1.0, 0.8, 0.6])
SHIFT = 0.25  # maximum, in half widths of the image
CASES = (("rotation", "noise"), ("rotation", "occlusion"), ("translation", "occlusion"))

# ---------------------------------------------------------------------------- data


class Scenes(NamedTuple):
    """Three blobs each."""

    centres: Tensor  # (S, 3, 2)
    heights: Tensor  # (S, 3)


def scenes(count: int, generator: torch.Generator) -> Scenes:
    """Return random similar scenes."""
    centres = CENTRES + 0.04 * torch.randn(count, 3, 2, generator=generator)
    return Scenes(centres, HEIGHTS * (1 + 0.1 * torch.randn(count, 3, generator=generator)))


def bursts(
    of: Scenes, family: str, damage: str, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return bursts ``(S, FRAMES, 1, SIDE, SIDE)`` and their group elements, ``(S, 3, 3)``."""
    count = len(of.centres)
    kind = eqsets.transformation(family)
    bounds = None if family == "rotation" else torch.tensor([[-SHIFT, SHIFT]] * 2)
    g = kind.element(kind.sample(count, generator=generator, bounds=bounds))
    moved = of.centres @ g[:, :2, :2].mT + g[:, None, :2, 2]
    steps = torch.linspace(-1, 1, SIDE)
    x, y = moved[..., 0, None, None], moved[..., 1, None, None]
    away = (steps - x).square() + (steps[:, None] - y).square()
    light = (of.heights[..., None, None] * torch.exp(-away / (2 * 0.15**2))).sum(1)
    clean = (2 * light.clamp(max=1) - 1)[:, None].expand(count, FRAMES, SIDE, SIDE)
    if damage == "occlusion":
        corner = 0.5 * (2 * torch.rand(count, FRAMES, 2, 1, 1, generator=generator) - 1)
        covered = ((steps - corner[:, :, 0]).abs() < 0.25) & (
            (steps[:, None] - corner[:, :, 1]).abs() < 0.25
        )
        clean = torch.where(covered, -1.0, clean)
    noise = (0.4 if damage == "noise" else 0.1) * torch.randn(clean.shape, generator=generator)
    return (clean + noise).clamp(-1, 1)[:, :, None], g


# ---------------------------------------------------------------------------- measuring


class Pair(NamedTuple):
    """Two bursts of each scene, and their group elements."""

    first: tuple[Tensor, Tensor]
    second: tuple[Tensor, Tensor]


def errors(pair: Pair, family: str, inferred: tuple[Tensor, Tensor]) -> str:
    """Return median and root mean square of the error of one estimate, as text."""
    group = eqsets.transformation(family).group
    true = group.compose(pair.first[1], group.inverse(pair.second[1]))
    relative = group.compose(inferred[0], group.inverse(inferred[1]))
    wrong = group.compose(relative, group.inverse(true))
    if family == "rotation":
        error = torch.atan2(wrong[:, 1, 0], wrong[:, 0, 0]).abs() * (180 / pi)
        unit = "°"
    else:
        error = wrong[:, :2, 2].norm(dim=-1) * ((SIDE - 1) / 2)
        unit = " px"
    middle, root = (error.median() / sqrt(2), error.square().mean().sqrt() / sqrt(2))
    return f"{float(middle):5.2f}{unit} ({float(root):5.2f})"


def averaged(alone: SetInference, x: Tensor) -> Tensor:
    """Return the mean of the inferences from single images."""
    each = alone.element(x.flatten(0, 1)[:, None]).unflatten(0, x.shape[:2])
    return average_element(alone.family, each, torch.ones(x.shape[:2]))


def compare(family: str, damage: str, steps: int) -> SetInference:
    """Fit both inferences on bursts, print a table, return the one on sets."""
    generator = torch.Generator().manual_seed(0)
    known, _ = bursts(scenes(SCENES, generator), family, damage, generator)
    test = scenes(TESTS, generator)
    pair = Pair(bursts(test, family, damage, generator), bursts(test, family, damage, generator))
    torch.manual_seed(0)
    bounds = None if family == "rotation" else torch.tensor([[-SHIFT, SHIFT]] * 2)
    alone = SetInference(family, (1, SIDE, SIDE), background=-0.3)
    plan = StagePlan(steps, batch=32, learning_rate=3e-3, samples=1)
    alone.fit(known, plan=plan, bounds=bounds, quiet=True)
    together = SetInference(family, (1, SIDE, SIDE), frame=alone)
    plan = StagePlan(steps, batch=32, learning_rate=3e-3, samples=FRAMES)
    together.fit(known, plan=plan, bounds=bounds, quiet=True)
    print(f"{family}, {damage}: median error of an estimate (root mean square)")
    for n in (1, 4, 8):
        x, y = pair.first[0][:, :n], pair.second[0][:, :n]
        rows = {
            "average": (averaged(alone, x), averaged(alone, y)),
            "pixels": (alone.element(x.mean(1, True)), alone.element(y.mean(1, True))),
            "set": (together.element(x), together.element(y)),
        }
        rows = {"one": rows["average"], "set": rows["set"]} if n == 1 else rows
        cells = [f"{name} {errors(pair, family, inferred)}" for name, inferred in rows.items()]
        print(f"  of {n}:  " + "   ".join(cells), flush=True)
    return together


def main() -> None:
    """Fit and compare in three cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps, two cases")
    parser.add_argument("--smoke", action="store_true", help="a few steps of one case")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cases, steps = (
        (CASES[:1], 2) if args.smoke else (CASES[:2], 150) if args.quick else (CASES, 300)
    )
    for family, damage in cases:
        network = compare(family, damage, steps)
    generator = torch.Generator().manual_seed(5)
    x, _ = bursts(scenes(4, generator), *cases[-1], generator)
    network = network.double()
    with torch.no_grad():
        output = network(x.double())
        other = network(x.double()[:, torch.randperm(FRAMES, generator=generator)])
    error = float((other - output).norm() / output.norm())
    print(f"equivariance error, permuted burst: {error:.1e}")


if __name__ == "__main__":
    main()
