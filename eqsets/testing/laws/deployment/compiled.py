"""D: a module can be compiled and exported, for sets of any size, with the same numbers.

These run once each, on one small layer: compiling costs seconds.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from eqsets.testing.bench import BATCH, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.deployment.copies import principal
from eqsets.testing.spec import ContractSpec, SetCase
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial

__all__ = ["LAWS", "fresh_compiler"]

_SLOW = "compiling takes many seconds; it runs in the profile 'default'"
_SIZES = (2, 3, 5)  # the second size makes dimensions symbolic, the third uses that


def first(subject: ContractSpec) -> Sequence[SetCase] | str:
    """Return the first principal set module, where it claims to compile."""
    chosen = principal(subject)[:1]
    if chosen and isinstance(chosen[0], SetCase) and not chosen[0].capabilities.compiles:
        return "compiling is not claimed"
    return chosen


class _Call(nn.Module):
    """The module as a function of one tensor: its structure, if any, is a constant."""

    def __init__(self, bench: SetBench) -> None:
        super().__init__()
        self.module = bench.module
        self.options = bench.options()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.module(x, **self.options)
        return y


@contextmanager
def fresh_compiler() -> Iterator[None]:
    """Forget what was compiled before, so that no recompilation limit is met; keep warnings out."""
    import torch._dynamo

    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own making, and none of the subject's business
        yield
    torch._dynamo.reset()


def _compiles(case: SetCase, trial: Trial, backend: str) -> None:
    bench = SetBench(trial, case, _SIZES[0], torch.float32)
    plain, budget = _Call(bench), rounding(torch.float32)
    weights = list(plain.parameters())
    with fresh_compiler():
        compiled = torch.compile(plain, fullgraph=True, backend=backend)
        for size in _SIZES:
            results = []
            for function in (plain, compiled):
                x = bench.sets(BATCH, size).requires_grad_()
                y = function(x)
                loss, leaves = y.square().sum(), [x, *weights]
                actual = torch.autograd.grad(loss, leaves, allow_unused=True)
                results.append([y, *(grad for grad in actual if grad is not None)])
            for expected, value in zip(*results, strict=True):
                bench.compare(
                    value, expected, budget, f"compiled by {backend}, numbers or gradients"
                )


@law(
    "EQD08-compiles-whole",
    "`torch.compile(fullgraph=True)` captures forward and backward, for several set sizes, with "
    "the same numbers and gradients.",
    breaks="a graph break: printing, `.item()`, a function that dynamo may not enter",
    cases=first,
    once=True,
    after=("EQV04-finite-gradients",),
    slow=_SLOW,
)
def compiles_whole(case: SetCase, trial: Trial) -> None:
    _compiles(case, trial, "aot_eager")


@law(
    "EQD09-compiles-to-code",
    "The code that inductor makes gives the same numbers and gradients for several set sizes.",
    breaks="an operation that reports to the compiler another memory layout than it returns",
    cases=first,
    once=True,
    after=("EQD08-compiles-whole",),
    slow=_SLOW,
)
def compiles_to_code(case: SetCase, trial: Trial) -> None:
    _compiles(case, trial, "inductor")


@law(
    "EQD10-exports",
    "`torch.export` gives a program for sets of any size, with the same numbers.",
    breaks="a branch on the set size, which fixes the size that was exported",
    cases=first,
    once=True,
    slow=_SLOW,
)
def exports(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 3, torch.float32)
    plain = _Call(bench)
    # A named Dim with bounds is refused for x.flatten(0, 1) and back (torch cannot prove its own
    # guard); DYNAMIC asks for the same: an error where the size would be fixed.
    sizes = ({1: torch.export.Dim.DYNAMIC},)
    with fresh_compiler():
        program = torch.export.export(plain, (bench.x,), dynamic_shapes=sizes)
        exported = program.module()
    for n in (3, 7):
        x = bench.sets(BATCH, n)
        bench.compare(exported(x), plain(x), rounding(torch.float32), "exported")


LAWS: tuple[Law, ...] = (compiles_whole, compiles_to_code, exports)
"""The laws of the family about compilation, in order."""
