"""V: gradients are the derivatives of the numbers, in every module, mode and layout.

A detached branch or a doubled gradient leaves the numbers right, which other laws check.
Derivatives are compared with central differences along one random direction of all parameters
together; where that fails, for each parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from eqsets.sets import SetBatch
from eqsets.testing import strategies
from eqsets.testing.bench import RowBench, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.symmetry.sets import set_modules
from eqsets.testing.spec import ContractSpec, RowCase, SetCase
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]

_STEPS = (1e-6, 1e-7)  # the second where the first crosses a kink, such as a change of maximum
_BUDGET = 1e-5  # central differences of smooth functions: 1e-9; a wrong gradient: above 1e-2


def every_row(subject: ContractSpec) -> Sequence[RowCase]:
    """Return all row modules of a subject."""
    return subject.rows


def _without_ties(x: Tensor, trial: Trial) -> Tensor:
    """Return features with noise on all components: maxima of equal ones have no derivative."""
    return x + 0.1 * torch.randn(x.shape, generator=trial.generator(), dtype=x.dtype)


def _named(parameters: Any, x: Tensor) -> dict[str, Tensor]:
    return {**dict(parameters), "(input)": x}


def _check(
    trial: Trial, label: str, f: Callable[[], Tensor], leaves: dict[str, Tensor], twice: bool
) -> None:
    """Compare the gradients of a scalar function with central differences, leaf by leaf.

    Arguments:
        trial: where errors are reported to.
        label: what is differentiated.
        f: returns a scalar that depends on the leaves.
        leaves: float64 tensors that require gradients.
        twice: whether to differentiate the squared gradient instead.
    """
    generator = trial.generator()

    def value() -> Tensor:
        if not twice:
            return f()
        parts = torch.autograd.grad(
            f(), list(leaves.values()), create_graph=True, allow_unused=True
        )
        return sum((part.square().sum() for part in parts if part is not None), torch.zeros(()))

    total = value()
    if not total.requires_grad:
        return  # linear in all leaves: nothing is left to differentiate
    slopes = torch.autograd.grad(total, list(leaves.values()), materialize_grads=True)
    directions = [
        torch.randn(leaf.shape, generator=generator, dtype=leaf.dtype) for leaf in leaves.values()
    ]
    size = sum(float(slope.norm()) for slope in slopes)
    parts = list(zip(leaves.values(), directions, slopes, strict=True))
    error = _error(value, parts, size)
    if error <= _BUDGET:  # along all leaves together; else it is searched which one is wrong
        trial.require(error, _BUDGET, f"{label}: the gradient")
        return
    for name, part in zip(leaves, parts, strict=True):
        error = _error(value, [part], size)
        trial.require(error, _BUDGET, f"{label}: the gradient of {name}")


def _error(
    value: Callable[[], Tensor], parts: list[tuple[Tensor, Tensor, Tensor]], size: float
) -> float:
    """Return the relative error of gradients along a direction, of the better of two steps.

    Arguments:
        value: the function.
        parts: leaf, direction and gradient, for each leaf that is moved.
        size: of all gradients together.
    """
    expected = sum(float((slope * direction).sum()) for _, direction, slope in parts)
    errors = []
    for step in _STEPS:
        measured, largest = _difference(value, parts, step)
        floor = size + largest  # differences below are cancellation, not a wrong gradient
        scale = abs(measured) + abs(expected) + 1e-3 * floor + 1e-12
        errors.append(abs(measured - expected) / scale)
        if errors[-1] <= _BUDGET:
            break
    return min(errors)


def _difference(
    value: Callable[[], Tensor], parts: list[tuple[Tensor, Tensor, Tensor]], step: float
) -> tuple[float, float]:
    """Return the central difference along a direction, and the size of the value."""
    values = []
    for sign in (step, -step):
        with torch.no_grad():
            for leaf, direction, _ in parts:
                leaf.add_(direction, alpha=sign)
        values.append(float(value().detach()))
        with torch.no_grad():
            for leaf, direction, _ in parts:
                leaf.add_(direction, alpha=-sign)
    return (values[0] - values[1]) / (2 * step), abs(values[0])


@law(
    "EQV06-gradients-are-derivatives",
    "The gradients of the input and of every parameter are the derivatives of the output, while "
    "training and after.",
    breaks="a branch that is detached, a backward that is written by hand and wrong",
    cases=set_modules(),
    after=(
        "EQV03-every-weight-learns",
        "EQV04-finite-gradients",
        "EQV05-input-untouched",
        "EQV08-row-gradients",
    ),
)
def gradients_are_derivatives(case: SetCase, trial: Trial) -> None:
    _differentiate(case, trial, (False, True), twice=False)


@law(
    "EQV07-second-derivatives",
    "The derivatives of the gradients are right: a penalty on gradients can be trained with.",
    breaks="a backward that is not differentiable, or forgets the graph",
    cases=set_modules(lambda case: case.capabilities.twice, "second derivatives are not claimed"),
    after=("EQV06-gradients-are-derivatives",),
)
def second_derivatives(case: SetCase, trial: Trial) -> None:
    _differentiate(case, trial, (False,), twice=True)


def _differentiate(case: SetCase, trial: Trial, modes: tuple[bool, ...], *, twice: bool) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(2, 3)))
    weights = torch.randn(bench.run(bench.x).shape, generator=trial.generator(), dtype=bench.dtype)
    x = _without_ties(bench.x, trial).requires_grad_()
    leaves = _named(bench.module.named_parameters(), x)

    def f() -> Tensor:
        with randomness(trial.seed):
            y: Tensor = bench.module(x, **bench.options())
        return (weights * y).sum()

    for training in modes:
        bench.module.train(training)
        _check(trial, case.label, f, leaves, twice)


@law(
    "EQV08-row-gradients",
    "The gradients of every module on rows are its derivatives, in the input and all parameters.",
    breaks="an invariant, a pooling or a norm whose gradient is stopped or written by hand",
    cases=every_row,
)
def row_gradients(case: RowCase, trial: Trial) -> None:
    bench = RowBench(trial, case)
    x = _without_ties(bench.x, trial).requires_grad_()
    weights = torch.randn(bench.run(bench.x).shape, generator=trial.generator(), dtype=x.dtype)
    leaves = _named(bench.module.named_parameters(), x)
    for training in (False, True):
        bench.module.train(training)
        trial.note(training=training)

        def f() -> Tensor:
            with randomness(trial.seed):
                return (weights * bench.run(x)).sum()

        if f().requires_grad:
            _check(trial, case.label, f, leaves, twice=False)


def _gradients_of(
    bench: SetBench, call: Callable[[Tensor], list[Tensor]], x: Tensor
) -> dict[str, Tensor]:
    """Return outputs of two sets as ``(output)``, and gradients of a projection of them."""
    leaf = x.clone().requires_grad_()
    y = torch.stack(call(leaf))
    weights = torch.randn(y.shape, generator=bench.trial.generator(), dtype=y.dtype)
    leaves = _named(bench.module.named_parameters(), leaf)
    for number, part in enumerate(pytree.tree_leaves(bench.structure)):
        if isinstance(part, Tensor) and part.requires_grad:
            leaves[f"(structure {number})"] = part
    parts = torch.autograd.grad((weights * y).sum(), list(leaves.values()), materialize_grads=True)
    return {"(output)": y, **dict(zip(leaves, parts, strict=True))}


def _learned(part: Any) -> Any:
    """Return what is given together with a set as something to be learned, such as edge weights."""
    floating = isinstance(part, Tensor) and part.is_floating_point()
    return part.double().clone().requires_grad_() if floating else part


@law(
    "EQV09-gradients-of-the-loop",
    "Outputs and gradients in every layout, while training and after, are those of a plain Python "
    "loop over the elements, also the gradients of edge weights.",
    breaks="a sum over rows that are padding; a maximum whose gradient is shared with the start",
    cases=set_modules(
        lambda case: case.oracle is not None and not case.random and not case.statistics,
        "no module comes with a loop as oracle",
    ),
    after=("EQS03-plain-loop", "EQS01-dense-is-padded", "EQS02-dense-is-ragged"),
)
def gradients_of_the_loop(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(1, 4))
    bench = SetBench(trial, case, size)
    bench.structure = pytree.tree_map(_learned, bench.structure)
    bench.x = _without_ties(bench.x, trial)
    below = -bench.x.abs()
    below[:, 0] = 0.0  # then the largest component of a set is exactly 0
    # A norm of what is nearly zero multiplies rounding by up to 1 / sqrt(eps), which is 316.
    budget = rounding(torch.float64) * (1000 if case.normalizes else 1)
    for training, x in ((False, bench.x), (True, bench.x), (False, below)):
        bench.module.train(training)
        expected = _gradients_of(bench, bench.looped, x)
        if not all(bool(right.isfinite().all()) for right in expected.values()):
            continue  # lengths have no derivative at 0
        # A gradient may be a difference of larger ones: those of weights that sum to one, for
        # example. What counts is how large the gradients of the module are together.
        total = sum(float(right.detach().norm()) for right in expected.values())
        floor = 8 * torch.finfo(torch.float64).eps * (float(x.norm()) + total)
        for layout in [layout for layout, _, _ in bench.layouts(x)]:
            actual = _gradients_of(bench, _in_layout(bench, layout), x)
            for name, right in expected.items():
                what = f"{case.label}, {layout}, gradient of {name}"
                trial.compare(actual[name], right, budget, what, floor)


def _in_layout(bench: SetBench, layout: str) -> Callable[[Tensor], list[Tensor]]:
    """Return what calls the module in a layout, with the gradient of its dense input."""

    def call(x: Tensor) -> list[Tensor]:
        size = x.shape[1]
        if layout == "ragged":
            y = bench.module(SetBatch.from_list(list(x)), **bench.options())
            return list(y) if isinstance(y, Tensor) else y.to_list()
        if layout == "padded":
            mask = torch.arange(size + 2).expand(len(x), -1) < size
            wide = torch.cat([x, torch.full_like(x[:, :1].expand(-1, 2, *x.shape[2:]), 9.0)], 1)
            y = bench.module(wide, **bench.options(mask))
            return list(y if bench.case.reduces else y[:, :size])
        return list(bench.module(x, **bench.options()))

    return call


LAWS: tuple[Law, ...] = (
    gradients_are_derivatives,
    second_derivatives,
    row_gradients,
    gradients_of_the_loop,
)
"""The laws about gradients, in order."""
