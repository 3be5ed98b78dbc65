"""A: a feature type is a linear action of the group, on tensors of any batch."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eqsets.features import FeatureType
from eqsets.groups import TrivialGroup
from eqsets.testing.bench import draw_element
from eqsets.testing.law import Law, law
from eqsets.testing.spec import ContractSpec, TypeCase
from eqsets.testing.tolerance import coarse, rounding, tight
from eqsets.testing.trial import Trial

__all__ = ["LAWS", "types"]

_BATCH = 3
_LISTED = 200  # group elements of which each is tried


def types(subject: ContractSpec) -> Sequence[TypeCase]:
    """Return the feature types of a subject, each with the group that acts."""
    group = subject.group or TrivialGroup()
    tolerance = subject.tolerance
    if tolerance is None:
        tolerance = 1e-10 if subject.symmetry is None else subject.symmetry.tolerance
    return [TypeCase(one, one.group or group, tolerance, subject.draws) for one in subject.types]


def pointwise(subject: ContractSpec) -> Sequence[TypeCase] | str:
    """Return the types that claim to be pointwise."""
    chosen = [case for case in types(subject) if case.type.pointwise]
    return chosen or ("" if not subject.types else "no feature type claims to be pointwise")


def channelled(subject: ContractSpec) -> Sequence[TypeCase] | str:
    """Return the types that have a channel axis."""
    chosen = [case for case in types(subject) if case.type.channel_axis is not None]
    return chosen or ("" if not subject.types else "no feature type has a channel axis")


def acted(subject: ContractSpec) -> Sequence[ContractSpec] | str:
    """Return the subject itself, where something should move."""
    moved = [case for case in types(subject) if case.type.group is not None]
    if subject.group is None or not subject.types:
        return ()
    if subject.group.order == 1:
        return "the group has one element, which moves nothing"
    return (subject,) if moved or subject.symmetry is not None else "only invariants are declared"


def _draw(case: TypeCase, trial: Trial, *batch: int) -> Tensor:
    return draw_element(trial, case.group, case.draws, *batch)


def _features(case: TypeCase, trial: Trial, shift: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(trial.seed + shift)
    x = case.type.sample(_BATCH, generator=generator, dtype=torch.float64)
    trial.note(shape=tuple(x.shape))
    return x


@law(
    "EQA01-identity",
    "The identity leaves features unchanged: e x = x.",
    breaks="a transform that also filters, normalises or resamples",
    cases=types,
)
def identity(case: TypeCase, trial: Trial) -> None:
    x = _features(case, trial)
    moved = case.type.transform(case.group.identity(), x)
    trial.compare(moved, x, tight(x.dtype, case.tolerance), f"{case.label}: e x is not x")


@law(
    "EQA02-homomorphism",
    "Acting twice is acting once by the product: g (h x) = (g h) x.",
    breaks="an index that gathers where it should scatter, so that the order turns round",
    cases=types,
)
def homomorphism(case: TypeCase, trial: Trial) -> None:
    g, h, x = _draw(case, trial), _draw(case, trial), _features(case, trial)
    twice = case.type.transform(g, case.type.transform(h, x))
    once = case.type.transform(case.group.compose(g, h), x)
    budget = tight(x.dtype, 10 * case.tolerance)
    trial.compare(twice, once, budget, f"{case.label}: g (h x) is not (g h) x")


@law(
    "EQA03-linear",
    "The action is linear: g (a x + b y) = a g x + b g y.",
    breaks="an action with an offset, or one that clamps",
    cases=types,
)
def linear(case: TypeCase, trial: Trial) -> None:
    g, x, y = _draw(case, trial), _features(case, trial), _features(case, trial, 1)
    act = case.type.transform
    together, separate = act(g, 0.5 * x - 2 * y), 0.5 * act(g, x) - 2 * act(g, y)
    trial.compare(together, separate, coarse(0), f"{case.label}: the action is not linear")


@law(
    "EQA04-shape-and-number-type",
    "The action keeps shape, dtype and device.",
    breaks="a transform that returns float64 because the group's matrices are",
    cases=types,
)
def shape_and_dtype(case: TypeCase, trial: Trial) -> None:
    g, x = _draw(case, trial), _features(case, trial)
    for dtype in (torch.float64, torch.float32):
        moved = case.type.transform(g, x.to(dtype))
        trial.expect(
            moved.shape == x.shape and moved.dtype == dtype and moved.device == x.device,
            f"{case.label}: {tuple(x.shape)} of {dtype} on {x.device} became "
            f"{tuple(moved.shape)} of {moved.dtype} on {moved.device}",
        )


@law(
    "EQA05-batches",
    "A batch of group elements moves a batch of features one by one; batches broadcast.",
    breaks="a transform that only reads the first group element",
    cases=types,
)
def batches(case: TypeCase, trial: Trial) -> None:
    g, x, act = _draw(case, trial, _BATCH), _features(case, trial), case.type.transform
    table = act(g[:, None], x[None])
    trial.expect(
        table.shape == (_BATCH, *x.shape) or case.type.group is None,
        f"{case.label}: g (B, 1) on x (1, N) gave {tuple(table.shape)}",
    )
    expected = torch.stack([torch.stack([act(one, row) for row in x]) for one in g])
    budget, label = rounding(x.dtype), f"{case.label}: a batch of group elements"
    trial.compare(table.expand(expected.shape), expected, budget, label)
    diagonal = torch.stack([act(one, row) for one, row in zip(g, x, strict=True)])
    trial.compare(act(g, x), diagonal, budget, label)


@law(
    "EQA06-sampler",
    "`sample(*batch)` returns features of the layout and dtype asked for, of about unit "
    "size, and takes its randomness from the generator it is given.",
    breaks="a sampler that ignores `generator=` or `dtype=`",
    cases=types,
)
def sampler(case: TypeCase, trial: Trial) -> None:
    kind, lead = case.type, (4, 5)
    x, again = (kind.sample(*lead, generator=trial.generator()) for _ in range(2))
    wide = kind.sample(*lead, generator=trial.generator(), dtype=torch.float64)
    trial.expect(torch.equal(x, again), f"{case.label}: one seed gives different features")
    other = kind.sample(*lead, generator=torch.Generator().manual_seed(trial.seed + 1))
    trial.expect(not torch.equal(x, other), f"{case.label}: another seed gives the same features")
    trial.expect(wide.dtype == torch.float64, f"{case.label}: dtype=float64 gave {wide.dtype}")
    fits = len(x.shape) == len(kind.layout) + 2 and all(
        isinstance(size, str) or size == actual
        for size, actual in zip(kind.layout, x.shape[2:], strict=False)
    )
    trial.expect(fits, f"{case.label}: sample{lead} has shape {tuple(x.shape)}, not {kind.layout}")
    size = float(x.double().abs().max())
    trial.expect(1e-2 < size < 1e2, f"{case.label}: the largest component is {size:.1e}")


@law(
    "EQA07-value",
    "A feature type is a value: a pickled copy is equal to it and has the same hash.",
    breaks="a class without `__eq__`, so that layers refuse types that are the same",
    cases=types,
    once=True,
)
def value(case: TypeCase, trial: Trial) -> None:
    copy: FeatureType = pickle.loads(pickle.dumps(case.type))
    trial.expect(copy == case.type, f"{case.label}: a pickled copy is not equal to the type")
    trial.expect(hash(copy) == hash(case.type), f"{case.label}: a pickled copy has another hash")


@law(
    "EQA08-pointwise",
    "Where a type claims to be pointwise, functions of each component commute with the action.",
    breaks="pointwise = True on vectors that a rotation mixes",
    cases=pointwise,
)
def componentwise(case: TypeCase, trial: Trial) -> None:
    g, x = _draw(case, trial), _features(case, trial)
    bent = case.type.transform(g, x.relu())
    trial.compare(
        bent,
        case.type.transform(g, x).relu(),
        tight(x.dtype, case.tolerance),
        f"{case.label}: relu does not commute with g",
    )


@law(
    "EQA09-channels",
    "All channels transform in the same way: a channel alone moves as it moves among others.",
    breaks="an action that mixes channels, on a type that declares a channel axis",
    cases=channelled,
    after=("EQA03-linear",),
)
def channels(case: TypeCase, trial: Trial) -> None:
    axis, g, x = case.type.channel_axis or 0, _draw(case, trial), _features(case, trial)
    two = torch.cat([x, -2 * x], axis)
    moved = case.type.with_channels(2 * case.type.channels).transform(g, two)
    alone = case.type.transform(g, x)
    expected = torch.cat([alone, -2 * alone], axis)
    trial.compare(
        moved, expected, rounding(x.dtype), f"{case.label}: channels transform differently"
    )


@law(
    "EQA10-acts",
    "Some group element moves some feature type: equivariance is not an empty claim.",
    breaks="a transform that returns its input, which every other law of actions accepts",
    cases=acted,
    once=True,
)
def acts(subject: ContractSpec, trial: Trial) -> None:
    for case in types(subject):
        g = case.group.sample(8, generator=trial.generator())
        generators = case.group.generators()
        g = g if generators is None else torch.cat([generators, g])
        x = _features(case, trial)[:1]
        if float((case.type.transform(g, x) - x).abs().max()) > 1e-3:
            return
    trial.expect(False, "no group element moves any of the feature types")


@law(
    "EQA12-faithful",
    "Only the identity moves nothing: every other group element moves some feature type.",
    breaks="an action that forgets a factor of the group, such as the flips of a dihedral one",
    cases=acted,
    once=True,
    after=("EQA10-acts",),
)
def faithful(subject: ContractSpec, trial: Trial) -> None:
    by_group: dict[Any, list[TypeCase]] = {}
    for case in types(subject):
        by_group.setdefault(repr(case.group), []).append(case)
    for cases in by_group.values():
        group = cases[0].group
        order = group.order
        listed = order is not None and order <= _LISTED and group.generators() is not None
        g = group.elements() if listed else group.sample(8, generator=trial.generator())
        g = g[group.distance(g, group.identity().expand_as(g)) > 1e-6]
        moved = torch.zeros(len(g), dtype=torch.bool)
        for case in cases:
            x = _features(case, trial)[:1]
            gap = (case.type.transform(g[:, None], x) - x).abs().flatten(1)
            moved |= gap.amax(1) > 1e-6
        trial.expect(bool(moved.all()), f"{g[~moved][:1].tolist()} moves no feature type")


LAWS: tuple[Law, ...] = (
    identity,
    homomorphism,
    linear,
    shape_and_dtype,
    batches,
    sampler,
    value,
    componentwise,
    channels,
    acts,
    faithful,
)
"""The laws of the family, in order."""
