"""N: float16 and bfloat16 where numbers are large: large values, large elements, large sets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from eqsets.equivariance import relative_error
from eqsets.sets import SetBatch
from eqsets.testing.bench import RowBench, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.symmetry.sets import set_modules
from eqsets.testing.oracles.bruteforce import element_shape
from eqsets.testing.spec import ContractSpec, RowCase, SetCase
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial

__all__ = ["LAWS"]

_HALVES = (torch.float16, torch.bfloat16)
_LOUD = 512.0  # its square is above 65504, the largest number of float16
_POSITIONS = 2048  # of a large element; float16 counts to 2048, bfloat16 to 256
_COPIES = 256  # of an element with values up to 300: their sum is above 65504
_NUMBERS = 200  # in an element


def narrowed(subject: ContractSpec) -> Sequence[RowCase] | str:
    """Return the modules on rows that are more than a table, where half precision is claimed."""
    if not subject.capabilities.bfloat16:
        return "half precision is not claimed"
    return [case for case in subject.rows if case.role not in ("dropout", "embed")]


def _enlarged(case: RowCase, x: Tensor) -> Tensor:
    """Return features repeated along their free axes, such as the points of a grid."""
    free = [axis for axis, size in enumerate(case.in_type.layout) if isinstance(size, str)]
    if not free:
        return x
    times = max(
        2, round((_POSITIONS / prod(x.shape[1 + axis] for axis in free)) ** (1 / len(free)))
    )
    repeats = [times if axis - 1 in free else 1 for axis in range(x.dim())]
    return x.repeat(*repeats)


def _compare(case: RowCase, trial: Trial, bench: RowBench, x: Tensor, what: str) -> None:
    """Compare a module in half precision with the same in float64."""
    for dtype in _HALVES:
        given = x.to(dtype)
        expected = bench.run(given.double())
        module, side = bench.module, bench.structure
        bench.structure = pytree.tree_map(partial(_cast, dtype), side)
        bench.module = trial.build(case.build).to(dtype).eval()
        bench.module.load_state_dict(module.state_dict())
        actual = bench.run(given)
        bench.module, bench.structure = module, side
        label = f"{case.label}, {what} in {dtype}"
        trial.expect(bool(actual.isfinite().all()), f"{label}: numbers that are not finite")
        gap = float(torch.finfo(dtype).eps * given.double().norm())
        trial.compare(actual, expected, rounding(dtype), label, gap)


def _cast(dtype: torch.dtype, part: Any) -> Any:
    floating = isinstance(part, Tensor) and part.is_floating_point()
    return part.to(dtype) if floating else part


@law(
    "EQN07-rows-in-half-precision",
    "In float16 and bfloat16 every module on rows gives roughly the numbers of float64: read-outs, "
    "norms and pools of large elements as well, and norms of values up to 512.",
    breaks="squares or sums over the points of an element that stay in half precision",
    cases=narrowed,
    once=True,
    after=("EQL05-norm", "EQL13-norm-normalises"),
)
def rows_in_half_precision(case: RowCase, trial: Trial) -> None:
    bench = RowBench(trial, case)
    _compare(case, trial, bench, bench.x, "rows")
    if case.role == "norm":
        _compare(case, trial, bench, _LOUD * bench.x / bench.x.abs().max(), "large values")
    if case.role in ("invariant", "norm", "pool") and bench.structure is None:
        _compare(case, trial, bench, _enlarged(case, bench.x), "large elements")


@law(
    "EQN08-means-do-not-overflow",
    "What does not depend on how many copies of an element a set has, as a mean does not, stays "
    "finite in float16 where the sum of the copies does not, in every layout.",
    breaks="a mean that adds up in float16 before it divides",
    cases=set_modules(
        lambda case: case.capabilities.bfloat16 and prod(element_shape(case.in_type)) <= _NUMBERS,
        f"half precision is not claimed, or all elements have more than {_NUMBERS} numbers",
    ),
    once=True,
    after=(
        "EQL10-set-permutation",
        "EQN04-large-sets-keep-digits",
        "EQN05-float16-runs",
        "EQS07-any-size",
    ),
)
def means_do_not_overflow(case: SetCase, trial: Trial) -> None:
    bench, wide = SetBench(trial, case, 1, torch.float16), SetBench(trial, case, 1)
    wide.module.load_state_dict(bench.module.state_dict())
    one = 300 * bench.x / bench.x.abs().max()
    many = one.repeat(1, _COPIES, *[1] * (one.dim() - 2))
    alone, expected = (wide.run(x.double()) for x in (one, many))
    first = expected if case.reduces else expected[:, :1]
    if relative_error(alone, first) > 1e-3 or not bool(bench.run(one).isfinite().all()):
        return  # it depends on the number of copies, or is too large for one
    for layout, given, mask in bench.layouts(many):
        y = bench.call(given, mask)
        if isinstance(y, SetBatch):
            y = y.values.reshape(expected.shape)
        if layout == "padded" and not case.reduces:
            y = y[:, :_COPIES]
        bench.compare(y, expected, rounding(torch.float16), layout)


LAWS: tuple[Law, ...] = (rows_in_half_precision, means_do_not_overflow)
"""The laws of the family about half precision of what is large."""
