"""Levels of the tests of `discover`, by simulation under their null hypotheses.

    python -m benchmarks.discovery.levels               # writes levels.json next to this file
    python -m benchmarks.discovery.levels --draws 50    # fewer draws

Objects on a circle: an object is a random direction in a space of Fourier features, its pose is an
angle, and what is seen is the object at this angle with noise. References are compared with
held-out objects as images are, with the same kernels, choice of a subgroup and tests; only the
pixels are left out. Each line is the share of data sets on which a true null hypothesis is rejected
at the nominal level of 1 %.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from math import pi
from pathlib import Path

import torch
from torch import Tensor

from eqsets.families import Parameter
from eqsets.generative.analysis.comparison.kernel import Distances
from eqsets.generative.analysis.comparison.similarity import ImageSimilarity
from eqsets.generative.analysis.comparison.widths import tune
from eqsets.generative.analysis.component import steps_of
from eqsets.generative.analysis.evidence import Evidence
from eqsets.generative.analysis.hypotheses import one_sided_t_test
from eqsets.generative.analysis.peaks import peaks_of, rank_of_moves
from eqsets.generative.analysis.subgroup import Subgroup, choose_order

COUNTS = (8, 20, 50, 300)
LEVEL = 0.01
ANGLE = Parameter("rotation", "radians", -pi, pi, 2 * pi, role="rotation")
_FREQUENCIES = 8
_KINDS = 3

Poses = Callable[[int, torch.Generator], Tensor]


def uniform(n: int, generator: torch.Generator) -> Tensor:
    """Return any angles."""
    return 2 * pi * torch.rand(n, generator=generator)


def within(extent: float) -> Poses:
    """Return angles up to an extent."""
    return lambda n, generator: extent * (2 * torch.rand(n, generator=generator) - 1)


def multiples_of(order: int, *, jitter: float = 0.0, first: float | None = None) -> Poses:
    """Return multiples of a part of a turn; the first more often than the others if given."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        weights = torch.full((order,), 1.0)
        if first is not None:
            weights[0] = first / (1 - first) * (order - 1)
        which = torch.multinomial(weights, n, replacement=True, generator=generator)
        return which * (2 * pi / order) + within(jitter)(n, generator)

    return draw


class _Circle(ImageSimilarity):
    """Widths as those of whole images; nothing is interpolated."""

    pose_widths = tuple(2.0 ** (k / 2) for k in range(-8, 7))
    shape_widths = (1.0,)

    def describe(self, images: Tensor) -> Tensor:
        return images

    def shapes(self, upright: Tensor) -> Tensor:
        return upright


def evidence_of(
    poses: Poses,
    count: int,
    generator: torch.Generator,
    *,
    references: int = 60,
    symmetry: int = 1,
    noise: float = 0.2,
) -> Evidence:
    """Return the evidence that held-out objects give.

    Args:
        poses: draws angles.
        count: of the held-out objects.
        generator: source of randomness.
        references: how many objects they are compared with.
        symmetry: order of the rotations that each object is invariant under.
        noise: of the features, whose own standard deviation is 1.
    """
    steps = steps_of(ANGLE)
    orders = symmetry * torch.arange(1, _FREQUENCIES + 1)
    kinds = torch.randn(_KINDS, _FREQUENCIES, 2, generator=generator)
    total = references + count
    which = torch.randint(_KINDS, (total,), generator=generator)
    objects = torch.view_as_complex(kinds)[which]
    seen = objects * torch.exp(1j * orders * poses(total, generator)[:, None])
    seen = seen + noise * torch.view_as_complex(
        torch.randn(total, _FREQUENCIES, 2, generator=generator)
    )
    turned = seen[:, None] * torch.exp(1j * orders * steps[:, None])
    features = torch.view_as_real(turned).flatten(2)  # (n, A, f)
    zero = int(steps.abs().argmin())
    known, held_out = features[:references], features[references:]
    none = torch.zeros(1)

    def distances(some: Tensor) -> Distances:
        square = torch.cdist(some.flatten(0, 1), known[:, zero]).square()
        return Distances(
            square.unflatten(0, some.shape[:2]), none.expand(len(some), references).clone()
        )

    tuned = tune(_Circle(), distances(known[:40]), ANGLE, zero)
    gains = {order: one.gain for order, one in tuned.items()}
    order, asked = choose_order(gains), distances(held_out)
    subgroup = None
    if order > 1:
        kernel = tuned[order].kernel
        change = (held_out - held_out[:, zero : zero + 1]).square().sum(-1)
        own = (-change / kernel.pose).softmax(-1)
        subgroup = Subgroup(order, kernel.probabilities(asked), own, gains)
    ones = torch.ones(count)
    seen_by = tuned[1].kernel.probabilities(asked)
    return Evidence(ANGLE, steps, seen_by, ones, ones, 100.0, subgroup=subgroup)


def p_values(evidence: Evidence, generator: torch.Generator) -> dict[str, float]:
    """Return the p-values of the tests; 1 where no subgroup is tested."""
    logs = evidence.probabilities.double().roll(-evidence.zero, 1).clamp_min(1e-30).log()
    known = {"uniform": rank_of_moves(logs, logs.shape[1], generator)}
    group = evidence.subgroup
    peaks = None if group is None else peaks_of(group, evidence.zero, generator)
    known["discrete"] = 1.0 if peaks is None else peaks.p_discrete
    known["equal"] = 1.0 if peaks is None else peaks.p_equal
    return known


NULLS: tuple[tuple[str, str, Poses], ...] = (
    ("uniform", "any angle", uniform),
    ("discrete", "any angle", uniform),
    ("discrete", "up to 30°", within(pi / 6)),
    ("discrete", "up to 90°", within(pi / 2)),
    ("discrete", "up to 150°", within(5 * pi / 6)),
    ("equal", "multiples of 90°", multiples_of(4)),
    ("equal", "multiples of 180°", multiples_of(2, jitter=0.1)),
)


def levels(draws: int, seed: int = 0) -> list[dict[str, object]]:
    """Return a row for each test, truth and number of held-out objects."""
    generator = torch.Generator().manual_seed(seed)
    rows: list[dict[str, object]] = []
    for count in COUNTS:
        by_truth: dict[str, list[dict[str, float]]] = {}
        for test, truth, poses in NULLS:
            if truth not in by_truth:
                by_truth[truth] = [
                    p_values(evidence_of(poses, count, generator), generator) for _ in range(draws)
                ]
            rejected = sum(one[test] < LEVEL for one in by_truth[truth]) / draws
            rows.append({"test": test, "truth": truth, "held_out": count, "rejected": rejected})
            print(rows[-1], flush=True)
        for name, scores in (
            ("normal scores", torch.randn(20 * draws, count, generator=generator)),
            ("skewed scores", torch.empty(20 * draws, count).exponential_(generator=generator) - 1),
        ):
            p = [one_sided_t_test(row) for row in scores.double()]
            rejected = sum(one < LEVEL for one in p) / len(p)
            rows.append({"test": "absent", "truth": name, "held_out": count, "rejected": rejected})
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure the levels and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("levels.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    content = {"draws": options.draws, "level": LEVEL, "rows": levels(options.draws)}
    options.output.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
