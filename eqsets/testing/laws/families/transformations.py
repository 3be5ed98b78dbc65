"""T: the parameters of a family of transformations mean what they say, and its group acts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from eqsets.families import TransformationFamily
from eqsets.testing import strategies
from eqsets.testing.cases.families import FamilyCase
from eqsets.testing.law import Law, law
from eqsets.testing.spec import ContractSpec
from eqsets.testing.tolerance import rounding, tight
from eqsets.testing.trial import Trial

__all__ = ["LAWS", "continuous", "families"]


def families(subject: ContractSpec) -> Sequence[FamilyCase]:
    """Return the one family of a subject, if it has one."""
    return () if subject.family is None else (FamilyCase(subject.family),)


def continuous(subject: ContractSpec) -> Sequence[FamilyCase] | str:
    """Return the family where some component of ``eta`` takes any value."""
    if subject.family is not None and not _lines(subject.family):
        return "every parameter is discrete: there is nothing in between"
    return families(subject)


def periodic(subject: ContractSpec) -> Sequence[FamilyCase] | str:
    """Return the family where some component of ``eta`` is on a circle."""
    if subject.family is not None and not any(subject.family.periodic):
        return "no parameter is periodic"
    return families(subject)


def exact(subject: ContractSpec) -> Sequence[FamilyCase] | str:
    """Return the family where some elements map pixels onto pixels."""
    if (
        subject.family is not None
        and subject.family.exact(subject.family.domain.default_size) is None
    ):
        return "the family names no elements that are exact"
    return families(subject)


def _lines(family: TransformationFamily) -> list[int]:
    """Return the positions of the components that take any value."""
    levels = [one.levels for one in family.parameters_of_eta]
    return [position for position, count in enumerate(levels) if count is None]


def _gap(family: TransformationFamily, g: Tensor, h: Tensor) -> float:
    return float(family.group.distance(g, h).max())


@law(
    "EQT01-identity",
    "element(0) is the identity; it changes no image, at any order, and all it shows is valid.",
    breaks="a warp that blurs, or that turns the border into fill by an error of rounding",
    cases=families,
)
def identity(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial, 2)
    one = family.element(torch.zeros(len(family.names), dtype=torch.float64))
    trial.require(_gap(family, one, family.group.identity()), 1e-12, "element(0) is not e")
    for axis in range(family.domain.spatial):  # content at the border
        x.select(-1 - axis, -1 if axis % 2 == 0 else 0).fill_(-0.25 if axis % 2 == 0 else 0.25)
    for order in (0, 1, 3):
        moved = family.act(one, x, order=order)
        background = family.domain.background
        what = f"e x is not x, order {order}"
        trial.compare(moved - background, x - background, rounding(x.dtype), what)
    seen = family.validity(one, x)
    trial.compare(seen, torch.ones_like(seen), rounding(x.dtype), "not all of e x is valid")


@law(
    "EQT02-exact-action",
    "Elements that map pixels onto pixels act as a group: g (h x) = (g h) x, g^-1 (g x) = x, to "
    "the last digits.",
    breaks="an action from the right, which turns the order of products round",
    cases=exact,
    after=("EQT01-identity",),
)
def exact_action(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial)
    generator = torch.Generator().manual_seed(trial.draw("g from seed", strategies.seeds()))
    pair = family.exact(case.size, 2, generator=generator)
    if pair is None:
        raise AssertionError("the law ranges over families with exact elements")
    trial.note(g=pair[0], h=pair[1])
    for order in (0, 1, 3):
        _acts(family, pair[0], pair[1], x, order, 1e-9, trial)


@law(
    "EQT03-action",
    "All elements act as a group on smooth images, g (h x) = (g h) x and g^-1 (g x) = x, to the "
    "tolerance that the family declares for cubic splines.",
    breaks="a tolerance that interpolation does not keep; directions that depend on the image",
    cases=continuous,
    after=("EQT01-identity", "EQT02-exact-action", "EQG01-identity", "EQG02-inverse"),
)
def action(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial)
    g, h = family.element(case.eta(trial, 2, bounds=case.gentle)).unbind(0)
    _acts(family, g, h, x, 3, tight(x.dtype, family.tolerance), trial)


def _acts(
    family: TransformationFamily,
    g: Tensor,
    h: Tensor,
    x: Tensor,
    order: int,
    budget: float,
    trial: Trial,
) -> None:
    group, background = family.group, family.domain.background
    once = family.act(group.compose(g, h), x, order=order)
    twice = family.act(g, family.act(h, x, order=order), order=order)
    what = f"g (h x) is not (g h) x, order {order}"
    trial.compare(twice - background, once - background, budget, what)
    back = family.act(group.inverse(g), family.act(g, x, order=order), order=order)
    what = f"g^-1 (g x) is not x, order {order}"
    trial.compare(back - background, x - background, budget, what)


@law(
    "EQT04-circles",
    "A periodic parameter is one: eta and eta + period are the same element, and wrap() finds it "
    "within one period.",
    breaks="a rotation declared periodic in degrees and computed in radians",
    cases=periodic,
)
def circles(case: FamilyCase, trial: Trial) -> None:
    family, eta = case.family, case.eta(trial)
    g = family.element(eta)
    for position, period in enumerate(family.periodic):
        if period is None:
            continue
        for turns in (-2, 1):
            around = eta.clone()
            around[position] += turns * period
            what = f"{family.names[position]} and that + {turns} periods differ"
            trial.require(_gap(family, family.element(around), g), 1e-9, what)
            wrapped = family.wrap(around)
            trial.require(_gap(family, family.element(wrapped), g), 1e-9, "wrap() moves")
            near = float((wrapped[position] - eta[position]).abs())
            trial.expect(near <= period * (1 + 1e-9), f"wrap() gives {float(wrapped[position])}")


@law(
    "EQT05-round-trip",
    "parameters() inverts element(): within bounds it finds eta itself, up to whole periods.",
    breaks="a logarithm of another branch, or of the linear part alone",
    cases=families,
    after=("EQT04-circles",),
)
def round_trip(case: FamilyCase, trial: Trial) -> None:
    family, eta = case.family, case.eta(trial, 3)
    g = family.element(eta)
    actual = family.parameters(g)
    trial.require(_gap(family, family.element(actual), g), 1e-9, "element(parameters(g)) is not g")
    gap = actual - eta
    for position, period in enumerate(family.periodic):
        if period is not None:
            gap[..., position] -= period * (gap[..., position] / period).round()
    trial.require(float(gap.abs().max()), 1e-9, "parameters(element(eta)) is not eta")


@law(
    "EQT06-derivatives",
    "Derivatives with respect to eta and to the image are finite, at 0 and on black and grey too, "
    "and right where the action is smooth.",
    breaks="0/0 guarded by where, a square root at 0, a rounded coordinate",
    cases=continuous,
    after=("EQT03-action",),
)
def derivatives(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial)
    plain = torch.stack([x, torch.full_like(x, family.domain.background), torch.full_like(x, 0.25)])
    eta = case.eta(trial, bounds=case.gentle)
    for order in (1, 3):
        for start in (eta, torch.zeros_like(eta)):
            leaves = [start.clone().requires_grad_(), plain.clone().requires_grad_()]
            y = family.act(family.element(leaves[0]), leaves[1], order=order)
            actual = torch.autograd.grad(y.square().sum(), leaves, allow_unused=True)
            finite = [one is None or bool(one.isfinite().all()) for one in actual]
            trial.expect(all(finite), f"a derivative is not finite, order {order}")
    weights = torch.randn(x.shape, generator=trial.generator(), dtype=x.dtype)

    def weighted(eta: Tensor) -> Tensor:
        return (family.act(family.element(eta), x, order=3) * weights).sum()

    leaf = eta.clone().requires_grad_()
    (slope,) = torch.autograd.grad(weighted(leaf), leaf, allow_unused=True)
    slope = torch.zeros_like(eta) if slope is None else slope
    for position in _lines(family):
        step = torch.zeros_like(eta)
        step[position] = 1e-7  # small: colours have kinks
        with torch.no_grad():
            measured = (weighted(eta + step) - weighted(eta - step)) / 2e-7
        gap = float((slope[position] - measured).abs()) / (1 + float(measured.abs()))
        trial.require(gap, 1e-3, f"the derivative by {family.names[position]} is wrong")


LAWS: tuple[Law, ...] = (identity, exact_action, action, circles, round_trip, derivatives)
"""The laws of the family, in order."""
