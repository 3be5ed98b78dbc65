"""C: a layer is not merely equivariant (zero is): its weights reach all equivariant linear maps.

The number of maps comes from a brute-force null space that shares no code with the solver, on types
small enough for that; where a plugin declares a smaller space (a small kernel), from the plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor, nn

from eqsets.dss import DSS
from eqsets.testing.bench import RowBench
from eqsets.testing.law import Law, law
from eqsets.testing.oracles.bruteforce import (
    LARGEST,
    action_matrices,
    covered,
    element_shape,
    equivariant_maps,
    reached,
    set_matrices,
)
from eqsets.testing.spec import ContractSpec, RowCase
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]

_N = 2  # of two elements, each already has another


def _small(case: RowCase, copies: int = 1) -> bool:
    sizes = [prod(element_shape(kind)) for kind in (case.in_type, case.out_type)]
    return copies**2 * prod(sizes) <= LARGEST


def linear(subject: ContractSpec) -> Sequence[RowCase] | str:
    """Return the linear layers that are small enough to be solved by brute force."""
    layers = [case for case in subject.rows if case.role == "linear"]
    if layers and not subject.capabilities.complete and subject.dimension is None:
        return "completeness is not claimed, and no dimension declared"
    small = [case for case in layers if _small(case)]
    return small if small or not layers else f"all types have more than {LARGEST} unknowns"


def complete(subject: ContractSpec) -> Sequence[RowCase] | str:
    """Return the linear layers that claim to span all maps, for the bias."""
    if subject.rows and not subject.capabilities.complete:
        return "completeness is not claimed"
    return linear(subject)


def shared(subject: ContractSpec) -> Sequence[RowCase] | str:
    """Return the layers that make a DSS layer small enough."""
    chosen = linear(subject)
    if isinstance(chosen, str):
        return chosen
    small = [case for case in chosen if _small(case, _N)]
    return small if small or not chosen else f"sets of {_N} have more than {LARGEST} unknowns"


def independent(subject: ContractSpec) -> Sequence[RowCase] | str:
    """Return those of them whose invariants are linear, so that the DSS layer is."""
    chosen = shared(subject)
    if isinstance(chosen, str) or not chosen:
        return chosen
    if not (subject.capabilities.independent and subject.capabilities.complete):
        return "independent alignment, or completeness, is not claimed"
    offered = {case.in_type for case in subject.rows if case.role == "invariant"}
    written = {case.out_type for case in subject.rows if case.role == "embed"}
    fit = [case for case in chosen if case.in_type in offered and case.out_type in written]
    straight = [case for case in fit if _linear_invariants(case)]
    return straight or "no layer has invariants that are linear and a position to write them to"


def _linear_invariants(case: RowCase) -> bool:
    with randomness(0):
        read = case.symmetry.invariant(case.in_type).double()
    x = case.in_type.sample(2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.allclose(read(x[:1] + x[1:]), read(x[:1]) + read(x[1:]))


def _reaches(trial: Trial, case: RowCase, maps: Tensor, basis: Tensor, expected: int) -> None:
    actual = covered(maps, basis)
    trial.note(layer=case.label, dimension=actual)
    trial.expect(
        actual == expected, f"{case.label} reaches {actual} of {expected} equivariant maps"
    )


@law(
    "EQC01-linear-is-complete",
    "The weights of the linear layer reach every equivariant linear map, or the subspace that is "
    "declared.",
    breaks="a basis that lacks a map: only multiples of the identity",
    cases=linear,
    once=True,
    after=("EQL02-linear-is-affine",),
)
def linear_is_complete(case: RowCase, trial: Trial) -> None:
    source, target = (action_matrices(case.group, kind) for kind in (case.in_type, case.out_type))
    basis, bench = equivariant_maps(source, target), RowBench(trial, case)
    expected = len(basis) if case.dimension is None else case.dimension
    maps, _ = reached(bench.module, bench.run, element_shape(case.in_type), expected + 2)
    _reaches(trial, case, maps, basis, expected)


@law(
    "EQC02-bias-is-complete",
    "The bias reaches every vector that the group leaves invariant.",
    breaks="a layer that drops its bias, or has one number where there are several orbits",
    cases=complete,
    once=True,
)
def bias_is_complete(case: RowCase, trial: Trial) -> None:
    target = action_matrices(case.group, case.out_type)
    fixed = equivariant_maps(torch.ones(len(target), 1, 1, dtype=torch.float64), target)
    bench = RowBench(trial, case)
    _, offsets = reached(bench.module, bench.run, element_shape(case.in_type), len(fixed) + 2)
    actual = covered(offsets, fixed)
    trial.expect(actual == len(fixed), f"{case.label}: the bias reaches {actual} of {len(fixed)}")


def _dss(
    trial: Trial, case: RowCase, alignment: str
) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    source, target, options = case.in_type, case.out_type, dict(case.options)
    layer = trial.build(
        lambda: DSS(case.symmetry, source, target, alignment=alignment, **options)
    ).double()
    side = {} if case.structure is None else {"structure": case.structure(trial.generator())}
    return layer, lambda x: layer(x, **side)


@law(
    "EQC03-shared-set-layer-is-complete",
    "A DSS layer with shared alignment reaches all maps that commute with S_n x H: twice as many "
    "as the layer on one element.",
    breaks="`linear(bias=False)` or another option that the second branch uses losing maps",
    cases=shared,
    once=True,
    after=("EQC01-linear-is-complete", "EQL02-linear-is-affine"),
)
def shared_is_complete(case: RowCase, trial: Trial) -> None:
    source, target = (
        set_matrices(case.group, kind, _N, "shared") for kind in (case.in_type, case.out_type)
    )
    basis = equivariant_maps(source, target)
    expected = len(basis) if case.dimension is None else 2 * case.dimension
    layer, run = _dss(trial, case, "shared")
    maps, _ = reached(layer, run, (_N, *element_shape(case.in_type)), expected + 2)
    _reaches(trial, case, maps, basis, expected)


@law(
    "EQC04-independent-set-layer-is-complete",
    "With independent alignment, a DSS layer with linear invariants reaches all maps that commute "
    "with the wreath product.",
    breaks="an invariant read-out or an embedding that knows one orbit where there are several",
    cases=independent,
    once=True,
    after=("EQC01-linear-is-complete", "EQL02-linear-is-affine", "EQL04-embedding"),
)
def independent_is_complete(case: RowCase, trial: Trial) -> None:
    source, target = (
        set_matrices(case.group, kind, _N, "independent") for kind in (case.in_type, case.out_type)
    )
    basis = equivariant_maps(source, target)
    fixed = [
        len(equivariant_maps(torch.ones(len(moves), 1, 1, dtype=torch.float64), moves))
        for moves in (action_matrices(case.group, kind) for kind in (case.in_type, case.out_type))
    ]
    expected = len(basis) if case.dimension is None else case.dimension + prod(fixed)
    layer, run = _dss(trial, case, "independent")
    maps, _ = reached(layer, run, (_N, *element_shape(case.in_type)), expected + 2)
    _reaches(trial, case, maps, basis, expected)


LAWS: tuple[Law, ...] = (
    linear_is_complete,
    bias_is_complete,
    shared_is_complete,
    independent_is_complete,
)
"""The laws of the family, in order."""
