"""S: dense and ragged sets of any size, and a plain loop over elements, are one and the same."""

from __future__ import annotations

import torch

from eqsets.sets import SetBatch
from eqsets.testing import strategies
from eqsets.testing.bench import BATCH, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.numbers.validity import gradients
from eqsets.testing.laws.symmetry.sets import set_modules
from eqsets.testing.spec import SetCase
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial

__all__ = ["LAWS"]

_BUDGET = rounding(torch.float64)

ragged = set_modules(lambda case: case.capabilities.ragged, "no module claims to take a SetBatch")
looped = set_modules(lambda case: case.oracle is not None, "no module comes with a loop as oracle")


@law(
    "EQS02-dense-is-ragged",
    "A SetBatch, whatever the order of its rows, gives what each set gives alone.",
    breaks="a ragged path that expects rows sorted by set, or leaves out the context",
    cases=ragged,
    after=("EQS06-single-element",),
)
def dense_is_ragged(case: SetCase, trial: Trial) -> None:
    sizes = [trial.draw(f"n{i}", strategies.set_sizes(1, 4)) for i in range(BATCH)]
    bench = SetBench(trial, case, max(sizes))
    sets = [x[:size] for x, size in zip(bench.x, sizes, strict=True)]
    batch = SetBatch.from_list(sets)
    order = torch.randperm(len(batch.index), generator=trial.generator())
    batch = SetBatch(batch.values[order], batch.index[order], BATCH)
    actual = bench.call(batch)
    expected = [bench.run(x[None])[0] for x in sets]
    if case.reduces:
        bench.compare(actual, torch.stack(expected), _BUDGET)
        return
    trial.expect(isinstance(actual, SetBatch), f"{case.label} returned {type(actual).__name__}")
    trial.expect(torch.equal(actual.index, batch.index), f"{case.label} has changed the index")
    for which, dense in enumerate(expected):
        rows = order[batch.index == which] - sum(sizes[:which])
        bench.compare(actual.values[batch.index == which], dense[rows], _BUDGET)


@law(
    "EQS03-plain-loop",
    "The layer gives what a plain Python loop over the elements gives.",
    breaks="another aggregation than the one declared; it is equivariant all the same",
    cases=looped,
    after=("EQL12-set-joint", "EQS06-single-element"),
)
def plain_loop(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(1)))
    bench.compare(bench.run(bench.x), torch.stack(bench.looped(bench.x)), _BUDGET)


@law(
    "EQS06-single-element",
    "A set of one element is a set.",
    breaks="a variance over the set that divides by n - 1",
    cases=set_modules(),
    after=("EQV04-finite-gradients",),
)
def single_element(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 1)
    trial.expect(bool(bench.run(bench.x).isfinite().all()), f"{case.label}: n = 1 gives no numbers")
    finite = all(bool(grad.isfinite().all()) for grad in gradients(bench, bench.x).values())
    trial.expect(finite, f"{case.label}: n = 1 gives gradients that are not finite")


@law(
    "EQS07-any-size",
    "One module takes sets of any size, one after the other, and remembers nothing of them.",
    breaks="a positional table allocated for the first size that was seen",
    cases=set_modules(),
)
def any_size(case: SetCase, trial: Trial) -> None:
    first, other = (trial.draw(name, strategies.set_sizes(2, 9)) for name in ("n", "then n"))
    bench = SetBench(trial, case, first)
    before = bench.run(bench.x)
    unseen = bench.run(bench.sets(BATCH, other, shift=1))
    lead = BATCH if case.reduces else (BATCH, other)
    shape = torch.Size([lead]) if isinstance(lead, int) else torch.Size(lead)
    trial.expect(
        unseen.shape[: len(shape)] == shape and bool(unseen.isfinite().all()),
        f"{case.label}: n = {other} after n = {first} gave {tuple(unseen.shape)}",
    )
    bench.compare(bench.run(bench.x), before, 0.0, f"n = {first} again after n = {other}")
    fresh = SetBench(trial, case, other)
    expected = fresh.run(fresh.sets(BATCH, other, shift=1))
    bench.compare(unseen, expected, _BUDGET, f"n = {other} after n = {first}, and first of all")
    if bench.structure is not None and case.structure is not None:
        bench.structure = fresh.structure = case.structure(torch.Generator().manual_seed(1))
        bench.compare(bench.run(fresh.x), fresh.run(fresh.x), _BUDGET, "another structure")


@law(
    "EQS10-duplicates",
    "Equal elements get equal outputs.",
    breaks="marking the largest element by argmax, which picks the first of two equal ones",
    cases=set_modules(lambda case: not case.reduces, "every module gives one output for the set"),
    after=("EQL10-set-permutation",),
)
def duplicates(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(1, 3)))
    y = bench.run(torch.cat([bench.x, bench.x], 1))
    first, second = y.chunk(2, 1)
    bench.compare(first, second, _BUDGET)


@law(
    "EQS11-sets-are-strangers",
    "The sets of a batch do not see each other: each gives what it gives alone.",
    breaks="a mean over the batch, even of invariants",
    cases=set_modules(),
    after=("EQL12-set-joint", "EQS06-single-element"),
)
def sets_are_independent(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(1)))
    alone = torch.cat([bench.run(x[None]) for x in bench.x])
    bench.compare(bench.run(bench.x), alone, _BUDGET)


@law(
    "EQS12-declared-type",
    "The output has the layout of out_type, in the batch and set axes of the input, and its dtype.",
    breaks="an out_type that was copied from another layer; a constant that promotes to float64",
    cases=set_modules(),
)
def declared_type(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(1))
    dtype = trial.draw("dtype", strategies.dtypes())
    bench = SetBench(trial, case, size, dtype)
    y, layout = bench.run(bench.x), case.out_type.layout
    lead = y.shape[: y.dim() - len(layout)]
    fits = lead == ((BATCH,) if case.reduces else (BATCH, size)) and all(
        isinstance(axis, str) or axis == actual
        for axis, actual in zip(layout, y.shape[len(lead) :], strict=True)
    )
    declared = case.out_type.describe(("B",) if case.reduces else ("B", "N"))
    trial.expect(fits, f"{case.label} gave {tuple(y.shape)}, declared {declared}")
    trial.expect(y.dtype == dtype, f"{case.label} gave {y.dtype} for {dtype}")


LAWS: tuple[Law, ...] = (
    dense_is_ragged,
    plain_loop,
    single_element,
    any_size,
    duplicates,
    sets_are_independent,
    declared_type,
)
"""The laws of the family about layouts, in order."""
