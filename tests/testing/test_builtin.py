"""The core's own symmetries keep all laws, and networks of theirs do."""

from __future__ import annotations

import pytest
import torch

from eqsets import GeneratedSymmetry, SetNetwork, deep_sets, element_group
from eqsets.groups import (
    CyclicGroup,
    FiniteGroup,
    MatrixGroup,
    OrthogonalGroup,
    ProductGroup,
    SymmetricGroup,
    TrivialGroup,
    dihedral_group,
)
from eqsets.testing import ContractSpec, check, parametrize_with_checks
from eqsets.testing.trial import randomness

NAMES = ["trivial", "cyclic", "dihedral", "symmetric", "grid-rotations", "product", "sets"]


@pytest.mark.slow
@parametrize_with_checks(NAMES, profile="quick")
def test_laws(check):
    check()


@pytest.mark.parametrize("name", NAMES)
def test_compiles_and_exports(name: str) -> None:
    # the C++ compiler is as slow for one group as for the other: once is enough
    code = ["EQD09-compiles-to-code"] if name == "cyclic" else []
    report = check(name, only=["EQD08-compiles-whole", "EQD10-exports", *code])
    assert [result.status for result in report.results] == ["passed"] * (2 + len(code)), report


def orthogonal(g: torch.Tensor) -> torch.Tensor:
    gap = g.mT @ g - torch.eye(g.shape[-1], dtype=g.dtype)
    return gap.abs().amax((-2, -1)) < 1e-9


GROUPS = [
    TrivialGroup(),
    CyclicGroup(1),
    CyclicGroup(6),
    SymmetricGroup(4),
    dihedral_group(5),
    FiniteGroup([[1, 0, 2, 3], [1, 2, 3, 0]]),
    FiniteGroup([[[0.0, -1.0], [1.0, 0.0]]]),
    ProductGroup(CyclicGroup(3), OrthogonalGroup(2)),
    MatrixGroup(lie_algebra=[[[0.0, 1.0], [1.0, 0.0]]], discrete=[[[-1.0, 0.0], [0.0, 1.0]]]),
    ContractSpec("rotations", group=OrthogonalGroup(3, special=True), contains=orthogonal),
]


@pytest.mark.slow
@parametrize_with_checks(GROUPS, profile="quick")
def test_laws_of_groups(check):
    check()


GENERATED = [
    ContractSpec("swap", symmetry=GeneratedSymmetry(permutations=[[1, 0, 2, 3]])),
    ContractSpec("space", symmetry=GeneratedSymmetry(group=OrthogonalGroup(3))),
    ContractSpec("boosts", symmetry=GeneratedSymmetry(lie_algebra=[[[0.0, 1.0], [1.0, 0.0]]])),
]


@pytest.mark.slow
@parametrize_with_checks(GENERATED, profile="quick")
def test_laws_of_generated_symmetries(check):
    check()


def ring_network(**options: object) -> SetNetwork:
    ring = element_group("cyclic", size=4)
    return SetNetwork(ring, [1, 2, 2], activation="silu", **options)


with randomness(0):
    MODELS = [
        deep_sets([3, 4, 1], aggregation="max"),
        ring_network(readout=2, normalization="batch", aggregation="mean"),
        ring_network(set_pool="max", alignment="independent"),
    ]


@pytest.mark.slow
@parametrize_with_checks(MODELS, profile="quick")
def test_laws_of_models(check):
    check()
