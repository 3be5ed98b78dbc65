"""T: the geometry of a family: precise, vectorised, with coordinates and a canonical frame."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from eqsets.registry._references import Failure, attempt
from eqsets.testing.cases.families import FamilyCase
from eqsets.testing.law import Law, law
from eqsets.testing.laws.families.transformations import families
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial

__all__ = ["LAWS"]

_CONFIDENT = 0.1
_FRAMES = 1e-4


@law(
    "EQT15-autocast",
    "torch.autocast changes no group element: element, parameters, products, chart and frame give "
    "float32 or wider, and the same values.",
    breaks="a product of matrices that autocast computes in bfloat16: off by pixels",
    cases=families,
    after=("EQT05-round-trip",),
)
def autocast(case: FamilyCase, trial: Trial) -> None:
    family, chart, frame = case.family, case.family.chart(), case.family.frame()
    group, eta, x = family.group, case.eta(trial, 2).float(), case.elements(trial, 2).float()

    def computed() -> dict[str, Tensor]:
        g = family.element(eta)
        return {
            "element(eta)": g,
            "parameters(g)": family.parameters(g),
            "g h": group.compose(g, g),
            "g^-1": group.inverse(g),
            "chart.element(z)": chart.element(chart.coordinates(g)),
            "frame(x)": frame(x).g,
        }

    expected = computed()
    with torch.autocast("cpu", torch.bfloat16):
        actual = computed()
    for name, value in actual.items():
        wide = not value.is_floating_point() or value.dtype.itemsize >= 4
        trial.expect(wide, f"{name} is {value.dtype} under autocast")
        what = f"{name} is another under autocast"
        trial.compare(value.double(), expected[name].double(), 1e-4, what, floor=1e-4)


@law(
    "EQT16-vectorises",
    "torch.func: vmap of act, over group elements and over what they act on, gives the batch, and "
    "jacrev the derivatives of autograd.",
    breaks="an autograd function without a rule for vmap; a branch on values",
    cases=families,
    after=("EQT07-batches",),
)
def vectorises(case: FamilyCase, trial: Trial) -> None:
    family, x = case.family, case.elements(trial, 2)
    eta = case.eta(trial, 2, bounds=case.gentle)
    g = family.element(eta)
    for order in (1, 3):

        def act(g: Tensor, x: Tensor, order: int = order) -> Tensor:
            return family.act(g, x, order=order)

        expected = act(g, x)
        for name, actual in (
            ("g and x", attempt(lambda: vmap(act)(g, x))),
            ("g", attempt(lambda: vmap(act, (0, None))(g, x)[:, 0])),
            ("x", attempt(lambda: vmap(act, (None, 0))(g, x)[:, 0])),
        ):
            if isinstance(actual, Failure):
                trial.expect(False, f"vmap over {name} fails: {actual.cause}")
                continue
            target = {"g": act(g, x[:1]), "x": act(g[:1], x)}.get(name, expected)
            trial.compare(actual, target, rounding(x.dtype), f"vmap over {name} gives others")

        def total(eta: Tensor, order: int = order) -> Tensor:
            y = act(family.element(eta), x[0], order)
            return y.square().reshape(len(y), -1).sum(-1)

        jacobian = attempt(lambda: jacrev(total)(eta[0]))
        if isinstance(jacobian, Failure):
            trial.expect(False, f"jacrev fails: {jacobian.cause}")
            continue
        for i in range(len(jacobian)):
            leaf = eta[0].clone().requires_grad_()
            out = total(leaf)[i].sum()
            slope = torch.zeros_like(leaf)
            if out.requires_grad:
                (slope,) = torch.autograd.grad(out, leaf)
            row = jacobian[i].reshape(-1, len(leaf)).sum(0)
            trial.compare(row, slope, 1e-9, "jacrev gives other derivatives", floor=1e-9)


@law(
    "EQT17-chart",
    "The chart has coordinates for every product of group elements, element() takes them back, and "
    "those of the identity are 0.",
    breaks="a chart by logarithms, which some products do not have",
    cases=families,
    after=("EQG01-identity", "EQT04-circles", "EQT05-round-trip"),
)
def chart(case: FamilyCase, trial: Trial) -> None:
    family, coordinates = case.family, case.family.chart()
    g, h = family.element(case.eta(trial, 2, 3)).unbind(0)
    g = family.group.compose(g, h)
    count = len(coordinates.parameters)
    one = coordinates.element(torch.zeros(count, dtype=torch.float64))
    gap = family.group.distance(one, family.group.identity())
    trial.require(float(gap), 1e-9, "the coordinates 0 are not those of the identity")
    z = coordinates.coordinates(g)
    trial.expect(z.shape == (3, count), f"coordinates have shape {tuple(z.shape)}")
    back = float(family.group.distance(coordinates.element(z), g).max())
    trial.require(back, 1e-5, "element(coordinates(g)) is not g")


@law(
    "EQT18-frame",
    "The canonical frame is finite, and equivariant where it is confident: canonical elements of "
    "one orbit agree. It is not confident of an element where there is nothing.",
    breaks="a frame that returns the inverse; a direction of a disc",
    cases=families,
    after=("EQT02-exact-action", "EQT03-action"),
)
def frame(case: FamilyCase, trial: Trial) -> None:
    family, group, x = case.family, case.family.group, case.elements(trial, 4)
    canonical = family.frame().to(x.dtype)
    g = family.element(case.eta(trial, 4, bounds=case.gentle))
    moved = family.act(g, x, order=3)
    nothing = canonical(torch.full_like(x, family.domain.background))
    here, there = canonical(x), canonical(moved)
    for pose in (nothing, here, there):
        finite = bool(pose.g.isfinite().all() and pose.confidence.isfinite().all())
        trial.expect(finite, "a pose is not finite")
        inside = (pose.confidence >= 0) & (pose.confidence <= 1)
        trial.expect(bool(inside.all()), "a confidence is outside of [0, 1]")
    trial.expect(bool((nothing.confidence == 0).all()), "it is confident of nothing")
    prototype = family.act(group.inverse(here.g), x, order=3)
    again = family.act(group.inverse(there.g), moved, order=3)
    background = family.domain.background
    axes = tuple(range(1, x.dim()))
    size = (prototype - background).square().sum(axes).sqrt()
    gap = (again - prototype).square().sum(axes).sqrt() / size
    sure = torch.minimum(here.confidence, there.confidence) > _CONFIDENT
    worst = float(gap[sure].max()) if bool(sure.any()) else 0.0
    trial.require(worst, max(_FRAMES, 10 * family.tolerance), "canonical elements differ")


LAWS: tuple[Law, ...] = (autocast, vectorises, chart, frame)
"""The laws of the family, in order."""
