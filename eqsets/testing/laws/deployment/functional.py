"""D: a module is a function of its weights: built on meta, assigned, stacked, differentiated."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacfwd, jacrev, stack_module_state, vmap

from eqsets.testing.bench import BATCH, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.deployment.copies import principal
from eqsets.testing.spec import SetCase
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]

_BUDGET = rounding(torch.float64)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings of torch's own out: missing batching rules, an import of torch.jit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _on_meta(case: SetCase) -> nn.Module:
    with torch.device("meta"):
        return case.build().to("meta").eval()


@law(
    "EQD14-meta",
    "A module that is built on meta gives the same numbers once its weights are assigned, or it is "
    "emptied onto a device and its weights are loaded.",
    breaks="a constant that is neither in the `state_dict` nor derived when it is needed",
    cases=principal,
    once=True,
    after=("EQD02-state-dict-round-trip", "EQD07-device-moves"),
)
def built_on_meta(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 3, torch.float32)
    expected, state = bench.run(bench.x), copy.deepcopy(bench.module.state_dict())
    bench.module = _on_meta(case)
    bench.module.load_state_dict(state, assign=True)
    bench.compare(bench.run(bench.x), expected, 0.0, "built on meta, weights assigned")
    bench.module = _on_meta(case).to_empty(device="cpu")
    bench.module.load_state_dict(state)
    bench.compare(bench.run(bench.x), expected, 0.0, "built on meta, emptied and loaded")


@law(
    "EQD15-ensembles",
    "Modules whose weights are stacked and called by vmap give what each gives alone, and so does "
    "a functional call with the weights of another module.",
    breaks="a buffer that two maps share, a cache of the weights of the module that is called",
    cases=principal,
    once=True,
    after=("EQD03-weights-only", "EQD14-meta", "EQV07-second-derivatives"),
)
def ensembles(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 3)
    with randomness(trial.seed + 1):
        other = case.build().double().eval()
        for parameter in other.parameters():
            nn.init.normal_(parameter)
    modules = [bench.module, other]
    alone = torch.stack([module(bench.x, **bench.options()) for module in modules])
    swapped = functional_call(bench.module, dict(other.state_dict()), (bench.x,), bench.options())
    bench.compare(swapped, alone[1], _BUDGET, "functional_call with other weights")
    parameters, buffers = stack_module_state(modules)
    if not parameters:
        return

    def call(weights: dict[str, Tensor], fixed: dict[str, Tensor]) -> Tensor:
        y: Tensor = functional_call(bench.module, (weights, fixed), (bench.x,), bench.options())
        return y

    with _quiet():
        bench.compare(vmap(call)(parameters, buffers), alone, _BUDGET, "stacked")


@law(
    "EQD16-functional-transforms",
    "Jacobians by torch.func, forwards and backwards, are those of autograd, and gradients of each "
    "set by vmap are those of a loop, with a mask as well.",
    breaks="`.data` or `.item()` in a layer: vectorised derivatives crash or are wrong",
    cases=principal,
    once=True,
    after=(
        "EQS01-dense-is-padded",
        "EQS05-padding-has-no-gradient",
        "EQS10-duplicates",
        "EQV06-gradients-are-derivatives",
        "EQV07-second-derivatives",
    ),
)
def functional_transforms(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 2)
    x, options = bench.x, bench.options()

    def project(y: Tensor) -> Tensor:
        phase = torch.arange(y.numel(), dtype=y.dtype)  # drawing numbers is not possible in vmap
        return torch.stack([phase.cos(), (phase + 1).sqrt().sin()]) @ y.flatten()

    def f(x: Tensor) -> Tensor:
        return project(bench.module(x[None], **options))

    expected = torch.autograd.functional.jacobian(f, x[0])
    with _quiet():
        bench.compare(jacrev(f)(x[0]), expected, _BUDGET, "jacrev")
        if case.capabilities.forward_mode:
            # In a few directions: one forward pass for each number of a set takes minutes.
            along = torch.stack([bench.sets(1, len(x[0]), shift)[0] for shift in (1, 2, 3)], -1)
            moved = jacfwd(lambda steps: f(x[0] + along @ steps))(torch.zeros(3, dtype=x.dtype))
            right = expected.flatten(1) @ along.flatten(0, -2)
            bench.compare(moved, right, _BUDGET, "jacfwd")
    masks: list[Tensor | None] = [None]
    if case.capabilities.padded:
        masks.append(torch.tensor([[True, True], [True, False]]))
    for mask in masks:
        _per_sample(bench, project, mask)


def _per_sample(bench: SetBench, project: Callable[[Tensor], Tensor], mask: Tensor | None) -> None:
    weights = {name: value.detach() for name, value in bench.module.named_parameters()}
    if not weights:
        return

    def loss(weights: dict[str, Tensor], x: Tensor, *present: Tensor) -> Tensor:
        options = bench.options(present[0][None] if present else None)
        y: Tensor = functional_call(bench.module, weights, (x[None],), options)
        return project(y).sum()

    given: tuple[Any, ...] = (bench.x,) if mask is None else (bench.x, mask)
    with _quiet():
        together = vmap(grad(loss), (None, *[0] * len(given)))(weights, *given)
    for which in range(BATCH):
        one = grad(loss)(weights, *(part[which] for part in given))
        for name, right in one.items():
            bench.compare(together[name][which], right, _BUDGET, f"vmap over grad, {name}")


LAWS: tuple[Law, ...] = (built_on_meta, ensembles, functional_transforms)
"""The laws of the family about modules as functions, in order."""
