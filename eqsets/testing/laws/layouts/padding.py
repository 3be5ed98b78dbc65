"""S: a mask says who is present, and the values at the other positions never leak."""

from __future__ import annotations

import torch
from torch import Tensor

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

padded = set_modules(lambda case: case.capabilities.padded, "no module claims to take a mask")


def _padding(x: Tensor, positions: int, value: float) -> tuple[Tensor, Tensor]:
    """Return ``x`` with positions behind every set that hold ``value``, and the mask."""
    tail = torch.full((x.shape[0], positions, *x.shape[2:]), value, dtype=x.dtype)
    mask = torch.arange(x.shape[1] + positions).expand(x.shape[0], -1) < x.shape[1]
    return torch.cat([x, tail], 1), mask


@law(
    "EQS01-dense-is-padded",
    "A mask that is all True, or padding behind the set, changes nothing; the output is zero "
    "at positions that are not present.",
    breaks="a mean that divides by the positions instead of the elements",
    cases=padded,
    after=("EQS06-single-element",),
)
def dense_is_padded(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(1))
    bench = SetBench(trial, case, size)
    dense = bench.run(bench.x)
    bench.compare(bench.run(bench.x, torch.ones(BATCH, size) > 0), dense, _BUDGET, "mask all True")
    wide = bench.run(*_padding(bench.x, trial.draw("padding", strategies.set_sizes(1, 3)), 0.0))
    if not case.reduces:
        trial.expect(not bool(wide[:, size:].any()), f"{case.label}: padding is not zero behind")
        wide = wide[:, :size]
    bench.compare(wide, dense, _BUDGET, "with padding behind")


@law(
    "EQS04-padding-never-leaks",
    "Values at positions that are not present, NaN included, change nothing, not even while "
    "training.",
    breaks="multiplying by the mask (`0 * NaN` is NaN), statistics over padded rows",
    cases=padded,
    after=("EQS01-dense-is-padded",),
)
def padding_never_leaks(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(1)))
    positions = trial.draw("padding", strategies.set_sizes(1, 3))
    state = {name: value.clone() for name, value in bench.module.state_dict().items()}
    for training in (False, True):
        outputs, buffers = [], []
        for value in (0.0, 1e3, torch.inf, torch.nan):
            trial.note(padding_holds=value, training=training)
            bench.module.load_state_dict(state)
            bench.module.train(training)
            outputs.append(bench.run(*_padding(bench.x, positions, value)))
            buffers.append(
                [one.double().flatten().clone() for one in bench.module.state_dict().values()]
            )
            bench.compare(outputs[-1], outputs[0], _BUDGET, f"{value} in the padding")
            for now, before in zip(buffers[-1], buffers[0], strict=True):
                bench.compare(now, before, _BUDGET, f"statistics with {value} in the padding")


@law(
    "EQS05-padding-has-no-gradient",
    "Gradients with NaN in the padding are those without padding, and zero at the padding.",
    breaks="a root or a norm of rows set to zero: the output is right, its gradient NaN",
    cases=padded,
    after=("EQS01-dense-is-padded", "EQS04-padding-never-leaks", "EQV04-finite-gradients"),
)
def padding_has_no_gradient(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(1))
    bench = SetBench(trial, case, size)
    x, mask = _padding(bench.x, 2, torch.nan)
    alone, neighbours = gradients(bench, bench.x), gradients(bench, x, mask)
    at_padding = neighbours["(input)"][:, size:]
    trial.expect(not bool(at_padding.any()), f"{case.label}: the padding has a gradient")
    neighbours["(input)"] = neighbours["(input)"][:, :size]
    for name, expected in alone.items():
        bench.compare(neighbours[name], expected, _BUDGET, f"gradient of {name}")


@law(
    "EQS08-empty-set",
    "A set without elements is refused with a ShapeError, however it is written.",
    breaks="a mean that divides by zero, or silent zeros",
    cases=padded,
    once=True,
)
def empty_set(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 2)
    absent = torch.tensor([[True, True], [False, False]])
    for what, x, mask in (("N = 0", bench.x[:, :0], None), ("a mask all False", bench.x, absent)):
        try:
            bench.run(x, mask)
        except ValueError:  # ShapeError is one
            continue
        trial.expect(False, f"{case.label}: {what} was not refused")


@law(
    "EQS09-scattered-mask",
    "Elements may be present at any position: reordering elements and mask together reorders the "
    "output.",
    breaks="taking the first `mask.sum()` positions for the present ones",
    cases=padded,
    after=("EQL10-set-permutation", "EQS01-dense-is-padded", "EQS04-padding-never-leaks"),
)
def scattered_mask(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(2))
    bench = SetBench(trial, case, size)
    mask = trial.draw("mask", strategies.masks(BATCH, size))
    actual = bench.run(bench.x, mask)
    for which, row in enumerate(mask):
        alone = bench.run(bench.x[which : which + 1, row])[0]
        there = actual[which] if case.reduces else actual[which][row]
        bench.compare(there, alone, _BUDGET)


LAWS: tuple[Law, ...] = (
    dense_is_padded,
    padding_never_leaks,
    padding_has_no_gradient,
    empty_set,
    scattered_mask,
)
"""The laws of the family about masks, in order."""
