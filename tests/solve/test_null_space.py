"""Many unknowns: the solution by eigenvectors spans what singular values find, and stays small."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from eqsets import GeneratedSymmetry
from eqsets.errors import GroupError
from eqsets.features import FeatureType
from eqsets.groups import FiniteGroup, Group, MatrixGroup, OrthogonalGroup, matrix
from eqsets.solve import null_space
from eqsets.solve.invariants import invariant_forms
from eqsets.solve.null_space import common_null_space, intertwiners

D = torch.float64
TURN = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=D)


def rotated(matrices: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    q, _ = torch.linalg.qr(torch.randn(*matrices.shape[1:], generator=generator, dtype=D))
    turned: Tensor = q @ matrices @ q.mT
    return turned


def permutations(*rows: list[int]) -> Tensor:
    return torch.eye(len(rows[0]), dtype=D)[torch.tensor(rows)]


def lorentz() -> Tensor:
    """Two rotations and a boost of R^(1,3), which generate all."""
    algebra = torch.zeros(3, 4, 4, dtype=D)
    algebra[0, 1, 2], algebra[0, 2, 1] = -1, 1
    algebra[1, 2, 3], algebra[1, 3, 2] = -1, 1
    algebra[2, 0, 1] = algebra[2, 1, 0] = 1
    return algebra


def squared(algebra: Tensor) -> Tensor:
    """How a Lie algebra acts on tensors of two indices."""
    eye = torch.eye(algebra.shape[-1], dtype=D)
    return torch.stack([torch.kron(a, eye) + torch.kron(eye, a) for a in algebra])


SHEAR = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=D)
CASES = {
    "S4, rotated": rotated(permutations([1, 0, 2, 3], [1, 2, 3, 0])),
    "C5, many maps": rotated(permutations([1, 2, 3, 4, 0])),
    "C4 twice": torch.block_diag(TURN, TURN)[None],
    "turns, all skew": torch.block_diag(TURN, 2 * TURN, TURN)[None],
    "Lorentz": lorentz(),
    "Lorentz, two indices": squared(lorentz()),
    "a reflection and a turn": torch.stack([TURN, torch.diag(torch.tensor([1.0, -1.0], dtype=D))]),
    "one shear": SHEAR[None],
    "a shear and a turn": torch.stack([SHEAR, TURN]),
}


def by_kronecker(before: Tensor, after: Tensor) -> Tensor:
    """The null space of all constraints at once, by one singular value decomposition."""
    rows = [
        torch.kron(b, torch.eye(len(a), dtype=D))
        - torch.kron(torch.eye(len(b), dtype=D), a.mT.contiguous())
        for a, b in zip(before, after, strict=True)
    ]
    _, singular, right = torch.linalg.svd(torch.cat(rows))
    rank = int((singular > 1e-9).sum())
    basis: Tensor = right[rank:]
    return basis


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dense", [0, 10_000], ids=["eigenvectors", "singular values"])
def test_solutions_span_the_null_space(
    name: str, dense: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(null_space, "DENSE", dense)
    matrices = CASES[name]
    maps = intertwiners(matrices, matrices)
    expected = by_kronecker(matrices, matrices)

    assert maps.dtype == D
    flat = maps.flatten(1)
    assert torch.allclose(flat @ flat.mT, torch.eye(len(flat), dtype=D), atol=1e-12)
    assert torch.allclose(flat.mT @ flat, expected.mT @ expected, atol=1e-12)


def test_maps_between_different_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(null_space, "DENSE", 0)
    vectors, tensors = lorentz(), squared(lorentz())
    both = torch.stack([torch.block_diag(a, t) for a, t in zip(vectors, tensors, strict=True)])
    for before, after in ((vectors, both), (both, vectors), (tensors, vectors)):
        maps, expected = intertwiners(before, after), by_kronecker(before, after)
        assert len(maps) == len(expected)
        assert torch.allclose(
            maps.flatten(1).mT @ maps.flatten(1), expected.mT @ expected, atol=1e-12
        )


def test_constraints_are_not_held_at_once() -> None:
    def rows() -> object:
        for _ in range(3):
            yield torch.ones(1, 4, dtype=D)

    assert common_null_space(rows(), 4).shape == (3, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("dimension", [22, 30, 64])
def test_rotations_of_many_dimensions(dimension: int) -> None:
    """Schur: the multiples of the identity; and the metric alone is invariant."""
    symmetry = GeneratedSymmetry(group=OrthogonalGroup(dimension, special=True))
    vectors = symmetry.feature_type(1)
    (only,) = symmetry.basis(vectors, vectors).dense()
    assert torch.allclose(only / only[0, 0], torch.eye(dimension, dtype=D), atol=1e-12)
    (metric,) = invariant_forms(symmetry.action(vectors))
    assert torch.allclose(metric / metric[0, 0], torch.eye(dimension, dtype=D), atol=1e-12)
    assert not len(invariant_forms(symmetry.action(vectors), symmetric=False))


def test_neighbouring_planes_generate_all_rotations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets of the generators span the whole Lie algebra."""
    monkeypatch.setattr(matrix, "_ALL_PLANES", 2)
    span = OrthogonalGroup(6, special=True).lie_algebra_generators()
    assert span is not None
    assert len(span) == 5
    for _ in range(3):
        brackets = (span[:, None] @ span - span @ span[:, None]).flatten(0, 1)
        span = torch.cat([span, brackets]).unique(dim=0)
    assert int(torch.linalg.matrix_rank(span.flatten(1))) == 6 * 5 // 2


class NeverAsked(FeatureType):
    """A type whose elements must not be transformed: it is refused before."""

    channel_axis = -1

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (400, 1)

    def with_channels(self, channels: int) -> FeatureType:
        return self

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        raise AssertionError("the type was transformed")

    def sample(self, *batch: int, generator: object = None, dtype: object = None) -> Tensor:
        return torch.zeros(*batch, 400, 1)


def test_what_takes_too_much_memory_is_refused_before_it_is_tried() -> None:
    symmetry = GeneratedSymmetry(group=OrthogonalGroup(30, special=True))
    with pytest.raises(GroupError, match="on 400 components take about 976 MiB"):
        symmetry.action(NeverAsked())


def test_many_unknowns_without_a_hermitian_combination_are_refused() -> None:
    size = 70
    shear = torch.eye(size, dtype=D).roll(1, 0).tril(-1)
    symmetry = GeneratedSymmetry(group=MatrixGroup([shear]))
    vectors = symmetry.feature_type(1)
    with pytest.raises(GroupError, match="4900 unknowns, expected at most 4096"):
        symmetry.basis(vectors, vectors)


def test_a_finite_group_of_many_dimensions() -> None:
    """Characters: the ring of 24 points in rotated coordinates has 24 maps to itself."""
    turn = rotated(torch.eye(24, dtype=D).roll(1, 0)[None])
    group: Group = FiniteGroup(turn)
    symmetry = GeneratedSymmetry(group=group)
    vectors = symmetry.feature_type(1)
    maps = symmetry.basis(vectors, vectors).dense()
    assert len(maps) == 24
    gap = (turn @ maps - maps @ turn).abs().max()
    assert float(gap) < 1e-12
    assert math.isclose(float(maps.square().sum()), 24, rel_tol=1e-12)
