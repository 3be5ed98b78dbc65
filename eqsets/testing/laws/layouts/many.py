"""Many sets, large sets, many rows: what is cut into pieces or indexed gives the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from eqsets.sets import SetBatch
from eqsets.testing.bench import RowBench, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.numbers.gradients import every_row
from eqsets.testing.laws.symmetry.rows import role
from eqsets.testing.laws.symmetry.sets import set_modules
from eqsets.testing.spec import ContractSpec, RowCase, SetCase
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]

_BUDGET = rounding(torch.float64)
_SIZES = (3, 33, 1, 40, 2)
_ROWS = 70

many_layouts = set_modules(
    lambda case: case.capabilities.padded or case.capabilities.ragged,
    "no module claims to take sets of different sizes",
)


@law(
    "EQS14-many-sets",
    "Five sets of unequal sizes, two of more than 32 elements, give in any layout and any order of "
    "rows what each set gives alone.",
    breaks="an index that counts sets of equal size, a branch for large sets",
    cases=many_layouts,
    once=True,
    after=(
        "EQL14-rows-are-independent",
        "EQS01-dense-is-padded",
        "EQS02-dense-is-ragged",
        "EQS06-single-element",
    ),
)
def many_sets(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 1)
    sets = [bench.sets(1, size, shift)[0] for shift, size in enumerate(_SIZES)]
    expected = [bench.run(one[None])[0] for one in sets]
    batch = SetBatch.from_list(sets)
    if case.capabilities.padded:
        x, mask = batch.to_padded()
        y = bench.run(x, mask)
        for one, right, present in zip(y, expected, mask, strict=True):
            bench.compare(one if case.reduces else one[present], right, _BUDGET, "padded")
    if case.capabilities.ragged:
        order = torch.randperm(len(batch.index), generator=trial.generator())
        mixed = SetBatch(batch.values[order], batch.index[order], len(_SIZES))
        result = bench.call(mixed)
        if case.reduces:
            bench.compare(result, torch.stack(expected), _BUDGET, "ragged")
            return
        rows = torch.cat(expected)[order]
        bench.compare(result.values, rows, _BUDGET, "ragged, rows in any order")


@law(
    "EQL14-rows-are-independent",
    "After training every row gives what it gives alone, in a batch of any size; called twice, a "
    "module gives the same, and does not write to its input.",
    breaks="a large batch that is cut into pieces, an in-place ReLU, a buffer that is reused",
    cases=every_row,
    once=True,
)
def rows_are_independent(case: RowCase, trial: Trial) -> None:
    bench = RowBench(trial, case)
    bench.x = case.in_type.sample(_ROWS, generator=trial.generator(), dtype=torch.float64)
    x = bench.x.clone()
    y = bench.run(x)
    if case.role == "embed":
        return  # what is written there does not come from the rows
    for which in (0, 1, 31, 32, 33, 63, 64, _ROWS - 1):
        alone = bench.run(x[which : which + 1])
        trial.compare(alone, y[which : which + 1], _BUDGET, f"{case.label}: row {which} alone")
    trial.compare(bench.run(x[:5]), y[:5], _BUDGET, f"{case.label}: five rows")
    trial.compare(bench.run(x), y, 0.0, f"{case.label}: called again")
    if bench.structure is None:
        given = x.clone()
        with torch.no_grad():
            bench.module(given)
        trial.expect(torch.equal(given, x), f"{case.label} writes to its input")


@law(
    "EQL15-invariant-sees-everything",
    "Every component of an element takes part in its invariants.",
    breaks="reading the middle pixel, or all points but one",
    cases=role("invariant"),
    once=True,
    after=("EQL03-invariant",),
)
def invariant_sees_everything(case: RowCase, trial: Trial) -> None:
    bench = RowBench(trial, case)
    bench.x = case.in_type.sample(64, generator=trial.generator(), dtype=torch.float64)
    x = bench.x.clone().requires_grad_()
    y = bench.run(x)
    weights = torch.randn(y.shape, generator=trial.generator(), dtype=y.dtype)
    (slope,) = torch.autograd.grad((weights * y).sum(), x)
    largest = bench.x.abs().amax(0)  # of smooth samples that vanish at the border, not all count
    size = slope.abs().amax(0)[largest > 1e-3 * largest.max()]
    unseen = int((size <= 1e-9 * size.max()).sum())
    trial.expect(unseen == 0, f"{case.label}: {unseen} of {size.numel()} components change nothing")


_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "elu": nn.functional.elu,
    "gelu": nn.functional.gelu,
    "leaky-relu": nn.functional.leaky_relu,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "silu": nn.functional.silu,
    "softplus": nn.functional.softplus,
    "tanh": torch.tanh,
}


def pointwise(subject: ContractSpec) -> Sequence[RowCase] | str:
    """Return one nonlinearity of each type that is pointwise."""
    cases = [case for case in subject.rows if case.role == "nonlinearity"]
    chosen = {case.in_type: case for case in cases if case.in_type.pointwise}
    return list(chosen.values()) or ("no feature type is pointwise" if cases else ())


@law(
    "EQL16-nonlinearity-by-name",
    "On pointwise types every nonlinearity is the function of torch that it is named after.",
    breaks="a table of names in which two are exchanged",
    cases=pointwise,
    once=True,
    after=("EQL06-nonlinearity",),
)
def nonlinearity_by_name(case: RowCase, trial: Trial) -> None:
    x = case.in_type.sample(4, generator=trial.generator(), dtype=torch.float64)
    for name, function in _FUNCTIONS.items():
        with randomness(trial.seed):
            module = case.symmetry.nonlinearity(case.in_type, name).double().eval()
        trial.compare(module(x.clone()), function(x), _BUDGET, f"{case.label}, {name}")


LAWS: tuple[Law, ...] = (
    many_sets,
    rows_are_independent,
    invariant_sees_everything,
    nonlinearity_by_name,
)
"""The laws about many sets and rows, of several families."""
