"""T: a family of transformations behaves as tensors do, and measures what it shows."""

from __future__ import annotations

import pickle

import torch
from torch import Tensor

from eqsets.errors import EqsetsError
from eqsets.families import TransformationFamily
from eqsets.registry._references import Failure, attempt
from eqsets.testing.cases.families import FamilyCase
from eqsets.testing.law import Law, law
from eqsets.testing.laws.deployment.compiled import fresh_compiler
from eqsets.testing.laws.families.transformations import families
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial

__all__ = ["LAWS"]


@law(
    "EQT07-batches",
    "Batches of elements move batches of images one by one; batches broadcast.",
    breaks="a warp that only reads the first element of a batch",
    cases=families,
)
def batches(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial, 2)
    g = family.element(case.eta(trial, 3))
    table = family.act(g[:, None], x)
    shape = (3, *x.shape)
    trial.expect(table.shape == shape, f"the shape is {tuple(table.shape)}, not {shape}")
    seen = family.validity(g, case.size)
    mask = (3, *family.domain.mask_shape(case.size))
    trial.expect(seen.shape == mask, f"validity has shape {tuple(seen.shape)}, not {mask}")
    for i in range(3):
        for j in range(2):
            alone = family.act(g[i], x[j])
            trial.compare(table[i, j], alone, rounding(x.dtype), "an image alone moves otherwise")
        alone = family.validity(g[i], case.size)
        trial.compare(seen[i], alone, rounding(torch.float32), "validity alone is another")


@law(
    "EQT08-number-type",
    "Images keep dtype and device (tried on torch's meta device).",
    breaks="a grid in float64, a constant on the CPU, `.item()` in the action",
    cases=families,
)
def keeps_dtype(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial)
    g = family.element(case.eta(trial))
    kinds = [x.to(dtype) for dtype in (torch.float32, torch.bfloat16)]
    for one, h in (*((kind, g) for kind in kinds), (x.to("meta"), g.to("meta"))):
        for actual in (family.act(h, one, order=3), family.validity(h, one)):
            trial.expect(actual.dtype == one.dtype, f"{one.dtype} turns into {actual.dtype}")
            trial.expect(actual.device == one.device, f"{one.device} turns into {actual.device}")


@law(
    "EQT09-validity",
    "validity() is in [0, 1] and measures what is shown: a black image in front of white fill.",
    breaks="a mask that is not moved along, or that follows another border rule",
    cases=families,
    after=("EQT01-identity",),
)
def validity(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial)
    g, background = (
        family.element(case.eta(trial, bounds=2 * family.bounds)),
        family.domain.background,
    )
    black = torch.full_like(x, background)
    seen = family.validity(g, black)
    trial.expect(bool(((seen >= 0) & (seen <= 1)).all()), "validity is outside of [0, 1]")
    for order in (1, 3):
        if family.takes_fill:
            white = {"fill": background + 2}
            shown = 1 - (family.act(g, black, order=order, **white) - background) / 2
            expected, what = seen.expand_as(shown), f"another part is shown, order {order}"
            trial.compare(shown, expected, 1e-9, what, floor=1e-9)
        nothing = (family.act(g, x, order=order) - background).abs() * (seen == 0)
        trial.require(float(nothing.max()), 1e-9, f"what is not valid is no background, {order}")


@law(
    "EQT10-sampler",
    "sample() draws within bounds, whole numbers where discrete, from its generator alone.",
    breaks="a sampler that ignores `generator=` or `bounds=`",
    cases=families,
)
def sampler(case: FamilyCase, trial: Trial) -> None:
    family = case.family
    first, second = (family.sample(16, 2, generator=trial.generator()) for _ in range(2))
    trial.expect(torch.equal(first, second), "one seed gives different parameters")
    other = family.sample(16, 2, generator=torch.Generator().manual_seed(trial.seed + 1))
    trial.expect(not torch.equal(first, other), "another seed gives the same parameters")
    count = len(family.names)
    trial.expect(first.shape == (16, 2, count), f"sample(16, 2) has shape {tuple(first.shape)}")
    middle = family.bounds.mean(-1, keepdim=True).floor()
    for bounds in (family.bounds, torch.cat([middle, middle + 1], -1)):
        eta = family.sample(64, generator=trial.generator(), bounds=bounds, dtype=torch.float64)
        low, high = bounds.unbind(-1)
        within = (eta >= low - 1e-9) & (eta <= high + 1e-9)
        trial.expect(bool(within.all()), "sample() leaves its bounds")
    for position, one in enumerate(family.parameters_of_eta):
        whole = one.levels is None or bool(
            (first[..., position] == first[..., position].round()).all()
        )
        trial.expect(whole, f"{one.name} is discrete, and not sampled as whole numbers")


@law(
    "EQT11-value",
    "A family is a value: a pickled copy is equal, with the same hash, and acts the same.",
    breaks="a cache that counts for equality; a class without `__eq__`",
    cases=families,
)
def value(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial)
    g = family.element(case.eta(trial))
    moved = family.act(g, x, order=3)
    copy: TransformationFamily = pickle.loads(pickle.dumps(family))
    trial.expect(copy == family, "a pickled copy is not equal to the family")
    trial.expect(hash(copy) == hash(family), "a pickled copy has another hash")
    trial.compare(
        copy.act(g, x, order=3), moved, rounding(x.dtype), "a pickled copy acts otherwise"
    )


@law(
    "EQT12-acts",
    "Each parameter does something: some value of it changes some image.",
    breaks="an action that returns its input, which every other law accepts",
    cases=families,
    once=True,
)
def acts(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial)
    for position, one in enumerate(family.parameters_of_eta):
        eta = torch.zeros(len(family.names), dtype=torch.float64)
        eta[position] = 1.0 if one.levels is not None else (one.low + 3 * one.high) / 4
        moved = family.act(family.element(eta), x)
        gap = float((moved - x).norm() / (x - family.domain.background).norm())
        trial.expect(gap > 1e-3, f"{one.name} = {float(eta[position]):.2f} changes nothing")


@law(
    "EQT13-refuses",
    "What is no image, no eta and no order is refused with an error of eqsets.",
    breaks="an image of whole numbers that is truncated, an unknown order that means another one",
    cases=families,
    once=True,
)
def refuses(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial)
    eta = torch.zeros(len(family.names), dtype=torch.float64)
    g = family.element(eta)
    tried = {
        "an image of whole numbers": lambda: family.act(g, (127 * x).to(torch.uint8)),
        "an image without channels": lambda: family.act(g, x[0]),
        "interpolation of order 2": lambda: family.act(g, x, order=2),
        "one parameter too many": lambda: family.element(torch.cat([eta, eta[:1]])),
        "bounds for one parameter too many": lambda: family.sample(
            bounds=torch.cat([family.bounds, family.bounds[:1]])
        ),
    }
    if getattr(family.domain, "channels", None) is not None:
        tried["a grey image"] = lambda: family.act(g, x[:1])
    for what, call in tried.items():
        actual = attempt(call)
        refused = isinstance(actual, Failure) and isinstance(actual.cause, EqsetsError)
        trial.expect(refused, f"{what} is not refused with an EqsetsError")


@law(
    "EQT14-compiles-whole",
    "torch.compile(fullgraph=True) captures element and act, with the same derivatives.",
    breaks="a graph break: a lock, a cache that is filled while tracing, `.item()`",
    cases=families,
    once=True,
    slow="compiling takes many seconds; it runs in the profile 'default'",
)
def compiles(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial, 2).float()
    eta = family.sample(2, generator=trial.generator(), bounds=case.gentle)

    def moved(eta: Tensor, x: Tensor) -> Tensor:
        return family.act(family.element(eta), x, order=3)

    with fresh_compiler():
        compiled = torch.compile(moved, fullgraph=True, backend="aot_eager")
        results = []
        for function in (compiled, moved):
            leaves = [eta.clone().requires_grad_(), x.clone().requires_grad_()]
            y = function(*leaves)
            actual = torch.autograd.grad(y.square().sum(), leaves, allow_unused=True)
            results.append([y, *(one for one in actual if one is not None)])
    for one, other in zip(*results, strict=True):
        trial.compare(one, other, 1e-4, "compiled, the numbers or derivatives are others")


LAWS: tuple[Law, ...] = (
    batches,
    keeps_dtype,
    validity,
    sampler,
    value,
    acts,
    refuses,
    compiles,
)
"""The laws of the family, in order."""
