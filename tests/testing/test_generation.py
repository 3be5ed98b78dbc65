"""Elements that a group must have: a forgotten generator shows, a complete group passes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from eqsets.groups import FiniteGroup, Group, MatrixGroup, OrthogonalGroup
from eqsets.testing import ContractSpec, check

D = torch.float64


def algebra(*planes: tuple[int, int, int]) -> Tensor:
    """Return rotations (sign -1) and boosts (sign 1) of planes of R^(1,3)."""
    basis = torch.zeros(len(planes), 4, 4, dtype=D)
    for number, (i, j, sign) in enumerate(planes):
        basis[number, i, j], basis[number, j, i] = sign, 1
    return basis


ROTATIONS = ((1, 2, -1), (1, 3, -1), (2, 3, -1))
BOOSTS = ((0, 1, 1), (0, 2, 1), (0, 3, 1))
BOOST = torch.linalg.matrix_exp(0.7 * algebra(BOOSTS[0]))
MIRROR = torch.diag(torch.tensor([1.0, -1.0, 1.0, 1.0], dtype=D))[None]
QUARTER = [[0.0, -1.0], [1.0, 0.0]]
FLIP = [[1.0, 0.0], [0.0, -1.0]]

COMPLETE: dict[str, tuple[Group, Tensor]] = {
    "Lorentz": (MatrixGroup(algebra(*ROTATIONS, *BOOSTS)), BOOST),
    "O(3)": (OrthogonalGroup(3), -torch.eye(3, dtype=D)[None]),
    "D4": (FiniteGroup([QUARTER, FLIP]), torch.tensor([FLIP], dtype=D)),
    "a large permutation group": (
        FiniteGroup([[1, 0, *range(2, 9)], [*range(1, 9), 0]]),
        torch.arange(9).flip(0)[None],
    ),
}
FORGOTTEN: dict[str, tuple[Group, Tensor, str]] = {
    "boosts": (MatrixGroup(algebra(*ROTATIONS)), BOOST, "commute with a map"),
    "reflections": (MatrixGroup(algebra(*ROTATIONS, *BOOSTS)), MIRROR, "determinant"),
    "flips of a square": (FiniteGroup([QUARTER]), torch.tensor([FLIP], dtype=D), "none of the"),
    "scales": (OrthogonalGroup(3), 2 * torch.eye(3, dtype=D)[None], "bilinear form"),
}


def spec(group: Group, members: Tensor) -> ContractSpec:
    return ContractSpec("a group", group=group, generates=members)


@pytest.mark.parametrize("name", COMPLETE)
def test_members_of_the_group_pass(name: str) -> None:
    report = check(spec(*COMPLETE[name]), profile="quick", only="EQG11-generates")
    assert report.ok, report


@pytest.mark.parametrize("name", FORGOTTEN)
def test_a_forgotten_generator_shows(name: str) -> None:
    group, members, reason = FORGOTTEN[name]
    report = check(spec(group, members), profile="quick", only="EQG11-generates")
    (failure,) = report.failures
    assert reason in failure.reason
