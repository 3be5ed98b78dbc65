"""G: the axioms of a group, and that its elements behave as tensors."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import torch
from torch import Tensor

from eqsets.groups import Group
from eqsets.testing.bench import draw_element
from eqsets.testing.law import Law, law
from eqsets.testing.oracles.generation import missing_from
from eqsets.testing.spec import ContractSpec, GroupCase
from eqsets.testing.trial import Trial

__all__ = ["LAWS", "groups"]


def groups(subject: ContractSpec) -> Sequence[GroupCase]:
    """Return the one group of a subject, if it has one."""
    if subject.group is None:
        return ()
    return (
        GroupCase(subject.group, subject.contains, subject.draws, subject.order, subject.generates),
    )


def declared(subject: ContractSpec) -> Sequence[GroupCase] | str:
    """Return the group where the spec names elements that it must have."""
    if subject.group is None:
        return ()
    if subject.generates is None:
        return "the spec names no elements that the group must have (generates=)"
    return groups(subject)


def continuous(subject: ContractSpec) -> Sequence[GroupCase] | str:
    """Return the group where it has a Lie algebra."""
    if subject.group is None:
        return ()
    if subject.group.lie_algebra() is None:
        return "the group is not continuous: it has no Lie algebra"
    return groups(subject)


def listable(subject: ContractSpec) -> Sequence[GroupCase] | str:
    """Return the group where it declares how many elements it has and gives generators."""
    if subject.group is None:
        return ()
    order, generators = subject.group.order, subject.group.generators()
    if order is None or order > 2_000 or generators is None:
        return f"a group of order {order or 'infinite'} is not listed"
    return groups(subject)


def _draw(case: GroupCase, trial: Trial) -> Tensor:
    return draw_element(trial, case.group, case.draws)


@law(
    "EQG01-identity",
    "The identity changes nothing: e g = g e = g.",
    breaks="an `identity()` that is another element, or of the wrong shape",
    cases=groups,
    after=("EQG04-sampler-stays-inside",),
)
def identity(case: GroupCase, trial: Trial) -> None:
    g, one = _draw(case, trial), case.group.identity()
    trial.expect(one.shape == case.group.element_shape, f"identity() has shape {tuple(one.shape)}")
    trial.require(case.same(case.group.compose(one, g), g), case.budget, "e g is not g")
    trial.require(case.same(case.group.compose(g, one), g), case.budget, "g e is not g")


@law(
    "EQG02-inverse",
    "The inverse undoes: (g g^-1) h = (g^-1 g) h = h.",
    breaks="an `inverse()` that returns g itself, or a transpose where a matrix is not orthogonal",
    cases=groups,
    after=("EQG04-sampler-stays-inside",),
)
def inverse(case: GroupCase, trial: Trial) -> None:
    group, g, h = case.group, _draw(case, trial), _draw(case, trial)
    back = group.inverse(g)
    right = group.compose(group.compose(g, back), h)
    left = group.compose(group.compose(back, g), h)
    trial.require(case.same(right, h), case.budget, "(g g^-1) h is not h")
    trial.require(case.same(left, h), case.budget, "(g^-1 g) h is not h")


@law(
    "EQG03-associativity",
    "Composition is associative: (g h) k = g (h k).",
    breaks="a `compose()` that is no composition of transformations",
    cases=groups,
)
def associativity(case: GroupCase, trial: Trial) -> None:
    group = case.group
    g, h, k = (_draw(case, trial) for _ in range(3))
    left = group.compose(group.compose(g, h), k)
    right = group.compose(g, group.compose(h, k))
    trial.require(case.same(left, right), case.budget, "(g h) k is not g (h k)")


@law(
    "EQG04-sampler-stays-inside",
    "`sample(*batch)` returns elements of the group, `(*batch, *element_shape)`.",
    breaks="a sampler of a larger group (reflections among rotations), or of another shape",
    cases=groups,
)
def sampler_stays_inside(case: GroupCase, trial: Trial) -> None:
    g = case.group.sample(4, 2, generator=trial.generator())
    shape = (4, 2, *case.group.element_shape)
    trial.expect(g.shape == shape, f"sample(4, 2) has shape {tuple(g.shape)}, expected {shape}")
    flat = g.reshape(8, *case.group.element_shape)
    trial.expect(
        bool(flat.double().isfinite().all()), "sample() returns numbers that are not finite"
    )
    if case.contains is not None:
        outside = flat[~case.contains(flat)].tolist()
        trial.expect(not outside, f"sample() returned {outside[:1]}, outside the group")
    if case.elements is not None:
        for one in flat:
            near = case.group.distance(case.elements, one.expand_as(case.elements)).min()
            trial.require(
                float(near), max(case.budget, 1e-6), f"{one.tolist()} is not in the group"
            )


@law(
    "EQG05-sampler-is-seeded",
    "`sample()` takes its randomness from the generator it is given, and from nowhere else: one "
    "seed gives the same elements, another seed others.",
    breaks="a sampler that ignores `generator=` and draws from torch's global randomness",
    cases=groups,
)
def sampler_is_seeded(case: GroupCase, trial: Trial) -> None:
    first, second = (case.group.sample(16, generator=trial.generator()) for _ in range(2))
    trial.expect(torch.equal(first, second), "one seed gives different elements")
    other = case.group.sample(16, generator=torch.Generator().manual_seed(trial.seed + 1))
    alone = case.group.order == 1
    trial.expect(alone or not torch.equal(first, other), "another seed gives the same elements")


@law(
    "EQG06-batches",
    "identity, compose and inverse act on batches, which broadcast, element by element.",
    breaks="an operation that only reads the first element of a batch",
    cases=groups,
)
def batches(case: GroupCase, trial: Trial) -> None:
    group = case.group
    g, h = (draw_element(trial, group, case.draws, size) for size in (3, 2))
    table, back = group.compose(g[:, None], h[None]), group.inverse(g)
    one = group.identity(3, 2)
    trial.expect(table.shape == one.shape, f"compose gave {tuple(table.shape)}, not {one.shape}")
    for i in range(3):
        trial.require(case.same(back[i], group.inverse(g[i])), case.budget, "inverse of a batch")
        for j in range(2):
            alone = group.compose(g[i], h[j])
            trial.require(case.same(table[i, j], alone), case.budget, "compose of batches")
            trial.require(
                case.same(one[i, j], group.identity()), case.budget, "identity of a batch"
            )


@law(
    "EQG07-order",
    "The generators generate exactly as many elements as `order` declares and the spec expects.",
    breaks="an `order` that counts elements the generators do not reach",
    cases=listable,
    once=True,
)
def order(case: GroupCase, trial: Trial) -> None:
    actual = None if case.elements is None else len(case.elements)
    expected = case.group.order
    trial.expect(actual == expected, f"the generators make {actual} elements, order is {expected}")
    trial.expect(case.order in (None, actual), f"{actual} elements, the spec expects {case.order}")


@law(
    "EQG08-number-type",
    "Operations keep dtype and device; `identity(dtype=, device=)` obeys.",
    breaks="an `inverse()` that turns whole numbers into floating point ones",
    cases=groups,
)
def keeps_dtype(case: GroupCase, trial: Trial) -> None:
    group, g, h = case.group, _draw(case, trial), _draw(case, trial)
    built = {"compose": group.compose(g, h), "inverse": group.inverse(g), "sample": g}
    built["identity"] = group.identity(2)
    for name, actual in built.items():
        trial.expect(actual.dtype == group.dtype, f"{name} gives {actual.dtype}, not {group.dtype}")
        trial.expect(actual.device == g.device, f"{name} gives {actual.device}, not {g.device}")
    other = group.identity(dtype=torch.float32, device=g.device)
    trial.expect(other.dtype == torch.float32, f"identity(dtype=float32) gives {other.dtype}")


@law(
    "EQG09-exponential",
    "exp is a one-parameter group: exp(0) = e, exp(s A) exp(t A) = exp((s + t) A).",
    breaks="a first-order exponential, 1 + A",
    cases=continuous,
)
def exponential(case: GroupCase, trial: Trial) -> None:
    group, algebra = case.group, case.group.lie_algebra()
    if algebra is None:
        raise AssertionError("the law ranges over groups with a Lie algebra")
    weights = torch.randn(len(algebra), generator=trial.generator(), dtype=torch.float64)
    tangent = 0.5 * torch.einsum("k,k...->...", weights, algebra.double())
    both = group.compose(group.exp(0.25 * tangent), group.exp(0.75 * tangent))
    trial.require(case.same(group.exp(0 * tangent), group.identity()), 1e-9, "exp(0) is not e")
    trial.require(case.same(both, group.exp(tangent)), 1e-9, "exp(sA) exp(tA) is not exp((s+t)A)")
    if case.contains is not None:
        trial.expect(bool(case.contains(both[None]).all()), "exp leaves the group")


@law(
    "EQG10-value",
    "A group is a value: a pickled copy is equal to it and has the same hash.",
    breaks="a class without `__eq__`, or one that compares by identity",
    cases=groups,
    once=True,
)
def value(case: GroupCase, trial: Trial) -> None:
    copy: Group = pickle.loads(pickle.dumps(case.group))
    trial.expect(copy == case.group, "a pickled copy is not equal to the group")
    trial.expect(hash(copy) == hash(case.group), "a pickled copy has another hash")


@law(
    "EQG11-generates",
    "Elements that the spec names as members of the group are generated by its generators.",
    breaks="a generator that was forgotten: rotations without boosts, or without reflections",
    cases=declared,
    once=True,
)
def generates(case: GroupCase, trial: Trial) -> None:
    if case.generates is None:
        raise AssertionError("the law ranges over specs with generates=")
    for g in case.generates:
        missing = missing_from(case.group, g, case.elements)
        trial.expect(not missing, f"{g.tolist()} is not in the group: {missing}")


LAWS: tuple[Law, ...] = (
    identity,
    inverse,
    associativity,
    sampler_stays_inside,
    sampler_is_seeded,
    batches,
    order,
    keeps_dtype,
    exponential,
    value,
    generates,
)
"""The laws of the family, in order."""
