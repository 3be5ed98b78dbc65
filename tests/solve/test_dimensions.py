"""The number of basis maps must equal the theory: Burnside's count, characters, Bell numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from eqsets import GeneratedSymmetry, InvariantFeatures, element_group
from eqsets.groups import FiniteGroup, MatrixGroup, OrthogonalGroup
from eqsets.solve import pair_orbits, point_orbits
from eqsets.solve.invariants import fixed_vectors, invariant_forms

RING = torch.arange(6)
PERMUTATIONS: dict[str, list[list[int]]] = {
    "trivial on 3": [[0, 1, 2]],
    "C6": [RING.roll(-1).tolist()],
    "D6": [RING.roll(-1).tolist(), RING.flip(0).tolist()],
    "S4": [[1, 0, 2, 3], [1, 2, 3, 0]],
    "A4": [[1, 2, 0, 3], [0, 2, 3, 1]],
    "one swap on 4": [[1, 0, 2, 3]],
    "C2 x C3 intransitive": [[1, 0, 2, 3, 4], [0, 1, 3, 4, 2]],
    "Frobenius 20": [[1, 2, 3, 4, 0], [0, 2, 4, 1, 3]],
    "rotations of the cube on its corners": [[3, 0, 1, 2, 7, 4, 5, 6], [1, 5, 6, 2, 0, 4, 7, 3]],
    "PSL(2,7) on 7 points": [[1, 2, 3, 4, 5, 6, 0], [0, 2, 1, 3, 6, 5, 4]],
    "Klein four on 4": [[1, 0, 3, 2], [2, 3, 0, 1]],
}


def fixed_points(elements: Tensor) -> Tensor:
    return (elements == torch.arange(elements.shape[1])).sum(1).double()


@pytest.mark.parametrize("name", PERMUTATIONS)
def test_permutation_bases_count_as_burnside_says(name: str) -> None:
    generators = PERMUTATIONS[name]
    symmetry = GeneratedSymmetry(permutations=generators)
    characters = fixed_points(FiniteGroup(generators).elements())
    points = symmetry.feature_type(1)

    assert symmetry.basis(points, points).dimension == round(float((characters**2).mean()))
    invariants = InvariantFeatures(1)
    orbits = round(float(characters.mean()))
    assert symmetry.basis(points, invariants).dimension == orbits
    assert len(fixed_vectors(symmetry.action(points))) == orbits
    pairs = symmetry.feature_type("1 pairs")
    assert symmetry.basis(pairs, points).dimension == round(float((characters**3).mean()))


@pytest.mark.parametrize("name", PERMUTATIONS)
def test_permutation_bases_agree_with_the_matrix_solver(name: str) -> None:
    generators = PERMUTATIONS[name]
    symmetry = GeneratedSymmetry(permutations=generators)
    points = symmetry.feature_type(1)
    action = symmetry.action(points)
    matrices = GeneratedSymmetry(matrices=action.dense())
    vectors = matrices.feature_type(1)

    by_orbits = symmetry.basis(points, points).dense().flatten(1)
    by_null_space = matrices.basis(vectors, vectors).dense().flatten(1)
    assert len(by_orbits) == len(by_null_space)
    both = torch.cat([by_orbits, by_null_space])
    assert int(torch.linalg.matrix_rank(both)) == len(by_orbits)


MATRICES = {
    "C4 on the plane": ([[[0.0, -1.0], [1.0, 0.0]]], 2),
    "D4 on the plane": ([[[0.0, -1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, -1.0]]], 1),
    "sign flips of R^3": (
        [[[-1.0, 0, 0], [0, 1, 0], [0, 0, 1]], [[1.0, 0, 0], [0, -1, 0], [0, 0, 1]]],
        3,
    ),
    "minus one": ([[[-1.0, 0.0], [0.0, -1.0]]], 4),
}


@pytest.mark.parametrize("name", MATRICES)
def test_matrix_bases_count_as_characters_say(name: str) -> None:
    generators, expected = MATRICES[name]
    symmetry = GeneratedSymmetry(matrices=generators)
    characters = torch.stack([g.trace() for g in FiniteGroup(generators).elements()])
    vectors = symmetry.feature_type(1)

    assert symmetry.basis(vectors, vectors).dimension == expected
    assert expected == round(float((characters**2).mean()))


@pytest.mark.parametrize(
    ("group", "maps", "fixed", "forms"),
    [
        (OrthogonalGroup(2, special=True), 2, 0, 1),  # identity and the quarter turn
        (OrthogonalGroup(2), 1, 0, 1),
        (OrthogonalGroup(3, special=True), 1, 0, 1),
        (MatrixGroup([[[0.0, 1.0], [1.0, 0.0]]]), 2, 0, 1),  # Lorentz boosts: the metric
        (MatrixGroup([[[0.0, 1.0], [0.0, 0.0]]]), 2, 1, 1),  # shears fix one direction
        (MatrixGroup([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]), 3, 1, 2),
    ],
    ids=["SO2", "O2", "SO3", "Lorentz", "shear", "turns about an axis"],
)
def test_lie_bases_count_as_theory_says(group, maps: int, fixed: int, forms: int) -> None:
    symmetry = GeneratedSymmetry(group=group)
    vectors = symmetry.feature_type(1)
    action = symmetry.action(vectors)

    assert symmetry.basis(vectors, vectors).dimension == maps
    assert len(fixed_vectors(action)) == fixed
    assert len(invariant_forms(action)) == forms
    assert (
        action.is_orthogonal
        is not (group.lie_algebra().mT + group.lie_algebra()).abs().max().gt(0).item()
    )


def test_sets_of_sets_have_bell_numbers_of_maps() -> None:
    # Bell(2), Bell(3), Bell(4): partitions of the indices (Maron et al. 2019 for the 15).
    symmetry = element_group("symmetric", size=5)
    points, pairs = symmetry.feature_type(1), symmetry.feature_type("1 pairs")

    assert symmetry.basis(points, points).dimension == 2
    assert symmetry.basis(points, pairs).dimension == 5
    assert symmetry.basis(pairs, pairs).dimension == 15


def test_orbits_of_a_long_ring_are_found_without_walking_it() -> None:
    # 1000 points in one cycle: pointer jumping needs few rounds where a walk needs 1000.
    turn = torch.arange(1000).roll(-1)[None]

    assert int(point_orbits(turn).max()) == 0
    labels = pair_orbits(turn, turn)
    difference = (torch.arange(1000)[None, :] - torch.arange(1000)[:, None]) % 1000
    assert torch.equal(labels, difference)


def test_orbits_match_a_slow_search() -> None:
    generator = torch.Generator().manual_seed(3)
    for trial in range(20):
        size = 4 + trial
        # Few swaps on many points, so that several orbits remain.
        moves = torch.arange(size).repeat(2, 1)
        for move in moves:
            a, b = torch.randperm(size, generator=generator)[:2].tolist()
            move[[a, b]] = move[[b, a]]
        leader = list(range(size))
        for _ in range(size):
            for move in moves.tolist():
                for point, image in enumerate(move):
                    leader[point] = leader[image] = min(leader[point], leader[image])
        expected = torch.unique(torch.tensor(leader), return_inverse=True)[1]
        assert torch.equal(point_orbits(moves), expected)
