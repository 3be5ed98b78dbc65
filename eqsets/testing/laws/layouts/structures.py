"""S: elements with side information of their own, and examples that another library batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eqsets.testing.bench import BATCH, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.symmetry.sets import set_modules
from eqsets.testing.spec import CollatedCase, ContractSpec, SetCase
from eqsets.testing.tolerance import coarse, rounding
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]

_BUDGET = rounding(torch.float64)
_N = 3


def _sides(case: SetCase, trial: Trial) -> list[list[Any]]:
    """Return a structure for each element of each set."""
    if case.structure is None:
        raise AssertionError("the law ranges over modules that take a structure")
    seeds = iter(range(trial.seed, trial.seed + BATCH * _N))
    return [
        [case.structure(torch.Generator().manual_seed(next(seeds))) for _ in range(_N)]
        for _ in range(BATCH)
    ]


def _stacked(case: SetCase, sides: list[list[Any]]) -> Any:
    if case.stack is None:
        raise AssertionError("the law ranges over modules whose structures can be stacked")
    return case.stack([side for one in sides for side in one], len(sides), len(sides[0]))


@law(
    "EQS15-structure-of-each-element",
    "Where each element has a structure of its own, the two are reordered and moved together, each "
    "set gives what it gives alone, and equal elements on different structures differ.",
    breaks="a structure of the first element that serves for all, or of another row",
    cases=set_modules(
        lambda case: case.stack is not None, "no module takes a structure of each element"
    ),
    once=True,
    after=("EQL10-set-permutation", "EQL11-set-element-group", "EQS11-sets-are-strangers"),
)
def structure_of_each_element(case: SetCase, trial: Trial) -> None:
    bench, sides = SetBench(trial, case, _N), _sides(case, trial)
    bench.module.requires_grad_(False)

    def run(x: Tensor, of: list[list[Any]], g: Tensor | None = None) -> Tensor:
        bench.structure = _stacked(case, of)
        return bench.run(x, g=g)

    y, order = run(bench.x, sides), torch.arange(_N).roll(1)
    reordered = [[one[int(position)] for position in order] for one in sides]
    expected = bench.reorder(y, order)
    bench.compare(run(bench.reorder_in(bench.x, order), reordered), expected, _BUDGET, "reordered")
    alone = torch.cat(
        [run(x[None], [one]) for x, one in zip(bench.x, sides, strict=True)],
    )
    bench.compare(alone, y, _BUDGET, "a set alone")
    with randomness(trial.seed):
        g = case.group.sample(generator=trial.generator())
    moved = run(bench.move_in(g, bench.x), sides, g)
    bench.compare_moved(moved, bench.move_out(g, y), coarse(case.tolerance))
    if not case.reduces:
        same = run(bench.x[:1, :1].expand_as(bench.x), sides).flatten(0, 1)
        spread = float((same - same[:1]).norm() / same.norm())
        trial.expect(spread > 1e-6, f"{case.label}: the structure of an element changes nothing")


def collated(subject: ContractSpec) -> Sequence[CollatedCase] | str:
    """Return the batches that a subject declares."""
    if not subject.collated and not subject.sets:
        return ()
    return subject.collated or "no batches of another library are declared"


@law(
    "EQS16-batched-by-a-library",
    "Examples that the library of the elements puts into one batch, of unequal sizes as well, give "
    "what each gives alone.",
    breaks="indices that count the examples of a batch by the size of the first one",
    cases=collated,
    once=True,
)
def batched_by_a_library(case: CollatedCase, trial: Trial) -> None:
    module = trial.build(case.build).double().eval()
    examples = case.examples(trial.generator())
    alone = torch.cat([module(case.collate([one])) for one in examples])
    trial.compare(module(case.collate(examples)), alone, _BUDGET, f"{case.label}: one batch")
    back = module(case.collate(examples[::-1]))
    parts = [module(case.collate([one])) for one in reversed(examples)]
    trial.compare(back, torch.cat(parts), _BUDGET, f"{case.label}: in another order")
    trial.expect(
        not torch.equal(parts[0][:1], parts[-1][:1]), f"{case.label}: examples do not matter"
    )


LAWS: tuple[Law, ...] = (structure_of_each_element, batched_by_a_library)
"""The laws of the family about side information."""
