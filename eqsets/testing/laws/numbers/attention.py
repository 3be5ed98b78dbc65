"""W: the weights of attention, which modules return with ``return_weights=True``.

Weights are ``(B, N, heads)``, or ``(B, N, N, heads)`` where each element weighs all; the weighted
elements are on the last axis but one. Ragged sets have a row for each element, ``(R, heads)`` or
``(R, size of the largest set, heads)``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eqsets.sets import SetBatch
from eqsets.testing import strategies
from eqsets.testing.bench import BATCH, SetBench, permute
from eqsets.testing.law import Law, law
from eqsets.testing.laws.symmetry.sets import set_modules
from eqsets.testing.spec import SetCase
from eqsets.testing.tolerance import coarse, rounding
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]

_BUDGET = rounding(torch.float64)

weighing = set_modules(lambda case: case.weighs, "no module returns weights of attention")


def _call(
    bench: SetBench, x: Tensor | SetBatch, mask: Tensor | None = None, g: Tensor | None = None
) -> tuple[Any, Any]:
    """Return output and weights."""
    with randomness(bench.trial.seed):
        y, weights = bench.module(x, **bench.options(mask, g), return_weights=True)
    return y, weights


def _weights(
    bench: SetBench, x: Tensor, mask: Tensor | None = None, g: Tensor | None = None
) -> Tensor:
    weights: Tensor = _call(bench, x, mask, g)[1]
    return weights


@law(
    "EQW01-weights-sum-to-one",
    "The weights of attention are not negative, and those of each head sum to one over the set.",
    breaks="a sigmoid of each score in place of a softmax, a softmax over another axis",
    cases=weighing,
)
def sum_to_one(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(1))
    bench = SetBench(trial, case, size)
    y, weights = _call(bench, bench.x)
    bench.compare(y, bench.run(bench.x), 0.0, "the output that comes with weights")
    lead = tuple(weights.shape[:-1])
    pairs = (BATCH, size, size)
    trial.expect(lead in (pairs, pairs[:2]), f"{case.label}: weights {tuple(weights.shape)}")
    trial.expect(bool((weights >= 0).all()), f"{case.label}: a weight is negative")
    total = weights.sum(-2)
    bench.compare(total, torch.ones_like(total), _BUDGET, "sum of the weights")


@law(
    "EQW02-weights-in-all-layouts",
    "Padding has weight zero, and neither padding, NaN included, nor the layout changes a weight.",
    breaks="weights that are normalised before elements that are not present are left out",
    cases=set_modules(
        lambda case: case.weighs and case.capabilities.padded, "no module returns weights"
    ),
    after=("EQW01-weights-sum-to-one", "EQS01-dense-is-padded", "EQS04-padding-never-leaks"),
)
def in_all_layouts(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(2))
    bench = SetBench(trial, case, size)
    mask = trial.draw("mask", strategies.masks(BATCH, size))
    behind = mask.reshape(BATCH, size, *[1] * (bench.x.dim() - 2))
    padded = _weights(bench, torch.where(behind, bench.x, torch.nan), mask)
    rows = _ragged_weights(bench, mask)
    pairs = padded.dim() == 4
    for which, present in enumerate(mask):
        alone = _weights(bench, bench.x[which, present][None])[0]
        own = padded[which]
        trial.expect(not bool(own[~present].any()), f"{case.label}: padding has a weight")
        if pairs:
            trial.expect(not bool(own[:, ~present].any()), f"{case.label}: padding has a weight")
            own = own[:, present]
        bench.compare(own[present], alone, _BUDGET, "weights of a padded set")
        if rows is not None:
            ragged = rows.values[rows.index == which]
            count = len(alone)
            bench.compare(ragged[:, :count] if pairs else ragged, alone, _BUDGET, "of a ragged set")
            rest = ragged[:, count:] if pairs else ragged[:0]
            trial.expect(not bool(rest.any()), f"{case.label}: weights beyond the size of a set")


def _ragged_weights(bench: SetBench, mask: Tensor) -> SetBatch | None:
    if not bench.case.capabilities.ragged:
        return None
    sets = [x[present] for x, present in zip(bench.x, mask, strict=True)]
    weights: SetBatch = _call(bench, SetBatch.from_list(sets))[1]
    return weights


@law(
    "EQW03-repeated-elements",
    "Repeated elements share: copies have equal weights, and where every element of a set is there "
    "twice, each copy has half of its weight and the outputs are those of the set without copies.",
    breaks="a temperature that depends on the number of elements, a bonus for the first maximum",
    cases=weighing,
    after=("EQW01-weights-sum-to-one", "EQL10-set-permutation", "EQS10-duplicates"),
)
def repeated_elements(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(1, 4))
    bench = SetBench(trial, case, size)
    y, weights = _call(bench, bench.x)
    twice_y, twice = _call(bench, torch.cat([bench.x, bench.x], 1))
    first, second = twice.chunk(2, -2)
    bench.compare(first, second, _BUDGET, "weights of two copies")
    halves = 2 * first
    if weights.dim() == 4:  # copies weigh the set as their element does
        halves, other = halves.chunk(2, 1)
        bench.compare(other, halves, _BUDGET, "weights that a copy gives")
    bench.compare(halves, weights, _BUDGET, "weights of two copies together")
    bench.compare(twice_y if case.reduces else twice_y[:, :size], y, _BUDGET, "output with copies")
    once = _weights(bench, torch.cat([bench.x, bench.x[:, :1]], 1))
    first, last = once.select(-2, 0), once.select(-2, size)
    bench.compare(first, last, _BUDGET, "weights of one element that is there twice")


@law(
    "EQW04-weights-are-invariant",
    "No element of the group changes a weight, and reordering the set reorders the weights.",
    breaks="scores of coordinates in place of invariants",
    cases=weighing,
    after=("EQL03-invariant", "EQL10-set-permutation", "EQW01-weights-sum-to-one"),
)
def are_invariant(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(2))
    bench = SetBench(trial, case, size)
    order = trial.draw("permutation", strategies.permutations(size))
    weights = _weights(bench, bench.x)
    expected = permute(weights, order)
    if weights.dim() == 4:
        expected = expected[:, :, order]
    bench.compare(_weights(bench, bench.x[:, order]), expected, coarse(0), "reordered")
    g = bench.draw()
    moved = _weights(bench, bench.move_in(g, bench.x), g=g)
    bench.compare(moved, weights, coarse(case.tolerance), "moved by the group")


LAWS: tuple[Law, ...] = (sum_to_one, in_all_layouts, repeated_elements, are_invariant)
"""The laws of the family, in order."""
