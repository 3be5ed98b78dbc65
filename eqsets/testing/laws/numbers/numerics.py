"""N: how many digits hold, in each dtype."""

from __future__ import annotations

from functools import partial
from math import prod

import torch
from torch import Tensor

from eqsets.sets import SetBatch
from eqsets.testing import strategies
from eqsets.testing.bench import BATCH, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.symmetry.sets import set_modules
from eqsets.testing.oracles.bruteforce import element_shape
from eqsets.testing.spec import SetCase
from eqsets.testing.ties import TRIES, away_from_ties
from eqsets.testing.tolerance import rounding, tight
from eqsets.testing.trial import Trial

__all__ = ["LAWS"]

_LARGE = 600  # bfloat16 counts to 256
_NUMBERS = 1000  # in an element: convolutions of 600 large images in bfloat16 take minutes
_SYMMETRY = ("EQL10-set-permutation", "EQL12-set-joint")


def _equivariant(bench: SetBench, budget: float) -> None:
    g, size = bench.draw(BATCH), bench.x.shape[1]
    order = bench.trial.draw("permutation", strategies.permutations(size)).expand(BATCH, size)
    moved = bench.run(bench.reorder_in(bench.move_in(g, bench.x), order), g=g)
    expected = bench.reorder(bench.move_out(g, bench.run(bench.x)), order)
    bench.compare_moved(moved, expected, budget)


@law(
    "EQN01-float64-is-tight",
    "In float64 equivariance holds to the digits of float64 (or as the symmetry declares): "
    "`double()` gains accuracy.",
    breaks="constants stored in float32, which `double()` only converts: eight wrong digits",
    cases=set_modules(),
    after=_SYMMETRY,
)
def float64_is_tight(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(2)))
    _equivariant(bench, tight(torch.float64, case.tolerance))


@law(
    "EQN02-float32-by-the-table",
    "In float32 the output is that of float64, and equivariant, to the digits of float32.",
    breaks="a difference of large numbers; a mean as a sum that overflows",
    cases=set_modules(),
    after=_SYMMETRY,
)
def float32_by_the_table(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(2))
    wide = SetBench(trial, case, size)
    bench = SetBench(trial, case, size, torch.float32)
    bench.module.load_state_dict(wide.module.state_dict())
    bench.compare(bench.run(bench.x), wide.run(bench.x.double()), rounding(bench.dtype))
    _equivariant(bench, tight(torch.float32, case.tolerance))


@law(
    "EQN03-bfloat16-runs",
    "In bfloat16 a module runs, and its numbers are finite and roughly those of float64.",
    breaks="an operation without bfloat16, an eps that rounds to zero",
    cases=set_modules(lambda case: case.capabilities.bfloat16, "bfloat16 is not claimed"),
)
def bfloat16_runs(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(2))
    bench = SetBench(trial, case, size, torch.bfloat16)
    wide = SetBench(trial, case, size)
    wide.module.load_state_dict(bench.module.state_dict())
    y = bench.run(bench.x)
    trial.note(dtype=torch.bfloat16)
    trial.expect(bool(y.isfinite().all()), f"{case.label} gives numbers that are not finite")
    bench.compare(y, wide.run(bench.x.double()), rounding(bench.dtype))


@law(
    "EQN05-float16-runs",
    "In float16 a module runs, and its numbers are finite and those of float64 to three digits.",
    breaks="a sum that stays in float16 where bfloat16 is widened, an eps that rounds to zero",
    cases=set_modules(lambda case: case.capabilities.bfloat16, "half precision is not claimed"),
    after=("EQN03-bfloat16-runs",),
)
def float16_runs(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(2, 4))
    bench, wide = SetBench(trial, case, size, torch.float16), SetBench(trial, case, size)
    wide.module.load_state_dict(bench.module.state_dict())
    for (layout, given, mask), (_, exact, _) in zip(
        bench.layouts(bench.x), bench.layouts(bench.x.double()), strict=True
    ):
        y, right = bench.call(given, mask), wide.call(exact, mask)
        pair = [one.values if isinstance(one, SetBatch) else one for one in (y, right)]
        bench.compare(pair[0], pair[1], rounding(bench.dtype), layout)


@law(
    "EQN06-double-digits",
    "A module that is moved by `double()` gives the numbers of one that was built in float64.",
    breaks="a constant that is rounded to float32 when the module is built",
    cases=set_modules(),
    once=True,
    after=("EQN01-float64-is-tight", "EQD02-state-dict-round-trip"),
)
def double_digits(case: SetCase, trial: Trial) -> None:
    bench, default = SetBench(trial, case, 3), torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        other = SetBench(trial, case, 3)
    finally:
        torch.set_default_dtype(default)
    named = dict(bench.module.named_parameters())
    with torch.no_grad():
        for name, parameter in other.module.named_parameters():
            parameter.copy_(named[name])
    bench.compare(bench.run(bench.x), other.run(bench.x), rounding(torch.float64))


def _learning(bench: SetBench, layout: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return outputs, and all gradients in a row, of a loss that weighs elements differently."""
    mask = torch.ones(x.shape[:2], dtype=torch.bool) if layout == "padded" else None
    y = bench.call(SetBatch.from_list(list(x)) if layout == "ragged" else x, mask)
    y = y.values.reshape(*x.shape[:2], *y.values.shape[1:]) if isinstance(y, SetBatch) else y
    one = y[:1] if bench.case.reduces else y[:1, :1]
    projection = torch.randn(one.shape, generator=bench.trial.generator(), dtype=torch.float64)
    projection = (projection if bench.case.reduces else _two_kinds(projection, x.shape[1])).to(
        y.dtype
    )
    weights = list(bench.module.parameters())
    if not weights or not y.requires_grad:
        return y, y.new_zeros(0)
    actual = torch.autograd.grad((projection * y).sum(), weights, materialize_grads=True)
    return y, torch.cat([grad.double().flatten() for grad in actual])


def _two_kinds(x: Tensor, size: int) -> Tensor:
    """Return a set of three halves of ``x`` and halves of it: no sum over the set cancels."""
    scale = torch.tensor([1.5, 0.5], dtype=x.dtype).repeat(size // 2)
    return x * scale.reshape(-1, *[1] * (x.dim() - 2))


def _comparable(bench: SetBench, wide: SetBench) -> tuple[Tensor, bool]:
    """Return a large set, and whether its gradients can be compared in half precision."""
    inputs = [_two_kinds(bench.sets(BATCH, 1, shift), _LARGE) for shift in range(TRIES)]
    if not bench.case.selects:
        return inputs[0], True
    for x in inputs:
        exact = partial(_gradients, wide, x.double())
        if away_from_ties(wide.module, exact, bench.dtype, bench.trial.seed):
            return x, True
    return inputs[0], False


def _gradients(bench: SetBench, x: Tensor) -> Tensor:
    return _learning(bench, "dense", x)[1]


def _affordable(case: SetCase) -> bool:
    """Return whether a set of many elements in bfloat16 is claimed, and takes seconds.

    A norm of small differences multiplies their rounding: its gradients are no sums that keep
    digits.
    """
    small = prod(element_shape(case.in_type)) <= _NUMBERS
    return case.capabilities.bfloat16 and small and not case.normalizes


@law(
    "EQN04-large-sets-keep-digits",
    "For a set of 600 elements, however it is written, outputs and gradients in bfloat16 "
    "are roughly those of float64: sums over the set are taken in float32.",
    breaks="adding up in bfloat16, where 256 + 1 is 256; counting the elements in it",
    cases=set_modules(
        _affordable, f"bfloat16 is not claimed, or all elements have more than {_NUMBERS} numbers"
    ),
    once=True,
    after=(
        "EQL05-norm",
        "EQL06-nonlinearity",
        "EQS01-dense-is-padded",
        "EQS02-dense-is-ragged",
        "EQN03-bfloat16-runs",
    ),
)
def large_sets_keep_digits(case: SetCase, trial: Trial) -> None:
    bench, wide = SetBench(trial, case, 1, torch.bfloat16), SetBench(trial, case, 1)
    wide.module.load_state_dict(bench.module.state_dict())
    x, steady = _comparable(bench, wide)
    expected = _learning(wide, "dense", x.double())
    claims = case.capabilities
    for layout, claimed in {
        "padded": claims.padded,
        "ragged": claims.ragged,
        "dense": True,
    }.items():
        if not claimed:
            continue
        for actual, right, what in zip(
            _learning(bench, layout, x), expected, ("numbers", "gradients"), strict=True
        ):
            if what == "numbers" or steady:
                bench.compare(actual, right, rounding(torch.bfloat16), f"{layout}, {what}")


LAWS: tuple[Law, ...] = (
    float64_is_tight,
    float32_by_the_table,
    bfloat16_runs,
    large_sets_keep_digits,
    float16_runs,
    double_digits,
)
"""The laws of the family, in order."""
