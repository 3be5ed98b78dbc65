"""V: a module does something: it is not constant, sees every element, and learns with every weight.

A layer that returns zeros commutes with every group. These laws are what equivariance does not say.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from eqsets.equivariance import relative_error
from eqsets.sets import SetBatch
from eqsets.testing import strategies
from eqsets.testing.bench import BATCH, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.symmetry.sets import set_modules
from eqsets.testing.spec import SetCase
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS", "gradients"]

_SEEN = 1e-6  # a relative change that is more than rounding


@law(
    "EQV01-not-constant",
    "Other sets give other outputs, by more than rounding.",
    breaks="a layer of zeros, which every test of equivariance accepts",
    cases=set_modules(),
)
def not_constant(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(2)))
    y = bench.run(bench.x)
    other = bench.run(bench.sets(BATCH, bench.x.shape[1], shift=1))
    change = relative_error(y, other)
    trial.note(change=f"{change:.1e}")
    trial.expect(change > _SEEN, f"{case.label}: another input changes the output by {change:.1e}")


@law(
    "EQV02-sees-every-element",
    "Every element takes part: a small change of it changes the output (a large one where the "
    "module gives one output for the set: a maximum only sees what sticks out).",
    breaks="a layer that leaves out one element, chosen so that reordering does not show it",
    cases=set_modules(),
    after=("EQV01-not-constant",),
)
def sees_every_element(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(2, 4))
    bench = SetBench(trial, case, size)
    y = bench.run(bench.x)
    # quadratic invariants that may be negative: some directions only make them smaller
    others = [bench.sets(BATCH, size, shift=shift) for shift in range(1, 5 if case.reduces else 2)]
    large = 64 * float(bench.x.abs().max())
    for position in range(size):
        seen = 0.0
        for scale, other in product((1e-3, large, -large) if case.reduces else (1e-3,), others):
            if seen > _SEEN:
                break
            x = bench.x.clone()
            x[:, position] += scale * other[:, position]
            seen = max(seen, relative_error(bench.run(x), y))
        if case.reduces:  # invariants may be largest where the element is smallest
            x = bench.x.clone()
            x[:, position] *= 1e-3
            seen = max(seen, relative_error(bench.run(x), y))
        trial.expect(seen > _SEEN, f"{case.label}: element {position} of {size} changes nothing")


def gradients(bench: SetBench, x: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
    """Return the gradient of a random projection of the output, by parameter, and of the input.

    The projection only sees the first positions, as many as ``bench.x`` has: behind is padding.
    """
    leaf = x.clone().requires_grad_()
    y = bench.module(leaf, **bench.options(mask))
    y = y if bench.case.reduces else y[:, : bench.x.shape[1]]
    generator = torch.Generator().manual_seed(bench.trial.seed)
    weights = torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y.dtype)
    named = {**dict(bench.module.named_parameters()), "(input)": leaf}
    if not y.requires_grad:
        return {name: torch.zeros_like(value) for name, value in named.items()}
    actual = torch.autograd.grad((weights * y).sum(), list(named.values()), allow_unused=True)
    return {
        name: torch.zeros_like(value) if grad is None else grad
        for (name, value), grad in zip(named.items(), actual, strict=True)
    }


@law(
    "EQV03-every-weight-learns",
    "Every parameter gets a gradient that is not zero.",
    breaks="a parameter that is not used, or whose effect cancels: distributed training stops",
    cases=set_modules(),
    after=("EQV01-not-constant", "EQO03-no-bias"),
)
def every_weight_learns(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(2)))
    sizes: dict[str, float] = {}
    for shift in range(3):
        for name, gradient in gradients(bench, bench.sets(BATCH, bench.x.shape[1], shift)).items():
            sizes[name] = max(sizes.get(name, 0.0), float(gradient.abs().nan_to_num(nan=1.0).max()))
    largest = max(sizes.values())
    # Where effects cancel, rounding of 1e-16 is left. Gates of vectors that are weak and enter a
    # read-out squared are at 1e-10.
    dead = sorted(name for name, size in sizes.items() if size <= 1e-12 * largest)
    trial.expect(not dead, f"{case.label}: {', '.join(dead)} gets no gradient")


@law(
    "EQV04-finite-gradients",
    "Gradients are finite, in the parameters and in the input.",
    breaks="torch.where around a square root: the branch that is not taken gives NaN in backward",
    cases=set_modules(),
)
def finite_gradients(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(2)))
    for name, gradient in gradients(bench, bench.x).items():
        finite = bool(gradient.isfinite().all())
        trial.expect(finite, f"{case.label}: the gradient of {name} is not finite")


@law(
    "EQV05-input-untouched",
    "A module does not write into its input, in any layout, also while training.",
    breaks="an in-place activation on what the caller still needs",
    cases=set_modules(),
)
def input_untouched(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(1)))
    for training in (False, True):
        bench.module.train(training)
        for layout, given, mask in bench.layouts(bench.x):
            values = given.values if isinstance(given, SetBatch) else given
            before = values.clone()
            with randomness(trial.seed):
                bench.module(given, **bench.options(mask))
            trial.expect(torch.equal(values, before), f"{case.label} writes to its {layout} input")


LAWS: tuple[Law, ...] = (
    not_constant,
    sees_every_element,
    every_weight_learns,
    finite_gradients,
    input_untouched,
)
"""The laws of the family, in order."""
