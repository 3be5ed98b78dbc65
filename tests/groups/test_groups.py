"""Groups: orders and laws known from mathematics, and clear errors for what is no group."""

from __future__ import annotations

import pickle
from math import factorial

import pytest
import torch

import eqsets.groups
from eqsets import GroupError, ShapeError
from eqsets.groups import (
    CyclicGroup,
    FiniteGroup,
    Group,
    Inversion,
    MatrixGroup,
    OrthogonalGroup,
    ProductGroup,
    SemidirectProduct,
    SymmetricGroup,
    TrivialGroup,
    dihedral_group,
)

QUARTER = [[0.0, -1.0], [1.0, 0.0]]
MIRROR = [[1.0, 0.0], [0.0, -1.0]]
BOOST = [[0.0, 1.0], [1.0, 0.0]]

FINITE: list[tuple[Group, int]] = [
    (TrivialGroup(), 1),
    (CyclicGroup(1), 1),
    (CyclicGroup(7), 7),
    (SymmetricGroup(1), 1),
    (SymmetricGroup(2), 2),
    (SymmetricGroup(5), 120),
    (ProductGroup(CyclicGroup(2), SymmetricGroup(3)), 12),
    (dihedral_group(5), 10),
    (
        SemidirectProduct(
            ProductGroup(CyclicGroup(3), CyclicGroup(3)), CyclicGroup(2), Inversion()
        ),
        18,
    ),
    (FiniteGroup([[1, 2, 3, 4, 0], [4, 3, 2, 1, 0]]), 10),
    (FiniteGroup([[1, 0, 2, 3], [1, 2, 3, 0]]), 24),
    (FiniteGroup([QUARTER, MIRROR]), 8),
]


@pytest.mark.parametrize(("group", "order"), FINITE, ids=lambda value: str(value)[:40])
def test_generators_reach_exactly_order_many_elements(group: Group, order: int) -> None:
    elements = group.elements()

    assert group.order == order
    assert len(elements) == order
    gaps = group.distance(elements[:, None], elements[None])
    assert bool((gaps + torch.eye(order) > 1e-3).all())


@pytest.mark.parametrize(("group", "order"), FINITE, ids=lambda value: str(value)[:40])
def test_groups_are_values(group: Group, order: int) -> None:
    again = pickle.loads(pickle.dumps(group))

    assert again == group
    assert hash(again) == hash(group)
    assert eval(repr(group)) == group


@pytest.mark.parametrize(("group", "order"), [case for case in FINITE if case[1] <= 24], ids=str)
def test_samples_are_uniform(group: Group, order: int) -> None:
    draws = 400 * order
    sample = group.sample(draws, generator=torch.Generator().manual_seed(0))
    cells = group.distance(sample[:, None], group.elements()[None]) < 1e-6
    counts = cells.sum(0).double()

    assert int(cells.sum()) == draws
    chi_square = float(((counts - 400) ** 2 / 400).sum())
    assert chi_square < order + 5 * (2 * order) ** 0.5 + 5


def test_rubiks_cube_has_its_known_order_and_can_be_sampled() -> None:
    # The six face turns of the 3x3x3 cube on its 48 moving stickers.
    faces = [
        [(1, 3, 8, 6), (2, 5, 7, 4), (9, 33, 25, 17), (10, 34, 26, 18), (11, 35, 27, 19)],
        [(9, 11, 16, 14), (10, 13, 15, 12), (1, 17, 41, 40), (4, 20, 44, 37), (6, 22, 46, 35)],
        [(17, 19, 24, 22), (18, 21, 23, 20), (6, 25, 43, 16), (7, 28, 42, 13), (8, 30, 41, 11)],
        [(25, 27, 32, 30), (26, 29, 31, 28), (3, 38, 43, 19), (5, 36, 45, 21), (8, 33, 48, 24)],
        [(33, 35, 40, 38), (34, 37, 39, 36), (3, 9, 46, 32), (2, 12, 47, 29), (1, 14, 48, 27)],
        [(41, 43, 48, 46), (42, 45, 47, 44), (14, 22, 30, 38), (15, 23, 31, 39), (16, 24, 32, 40)],
    ]
    generators = []
    for cycles in faces:
        row = list(range(48))
        for cycle in cycles:
            for start, end in zip(cycle, cycle[1:] + cycle[:1], strict=True):
                row[start - 1] = end - 1
        generators.append(row)
    cube = FiniteGroup(generators)

    assert cube.order == 43_252_003_274_489_856_000
    g = cube.sample(3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(g.sort(-1).values, torch.arange(48).expand(3, 48))
    assert torch.equal(cube.compose(g, cube.inverse(g)), cube.identity(3))
    with pytest.raises(GroupError, match="more than the limit of 10000"):
        cube.elements()


def test_a_large_chain_samples_uniformly() -> None:
    # S_8 has more elements than are listed, so the stabiliser chain is used.
    group = FiniteGroup(SymmetricGroup(8).generators())
    g = group.sample(8000, generator=torch.Generator().manual_seed(1))

    assert group.order == factorial(8)
    counts = torch.nn.functional.one_hot(g, 8).sum(0).double()  # (from, to), expected 1000 each
    assert float((counts - 1000).abs().max()) < 160


def test_dihedral_group_agrees_with_its_permutations() -> None:
    group, ring = dihedral_group(5), torch.arange(5)

    def permutation(g: torch.Tensor) -> torch.Tensor:
        turn, flip = g.unbind(-1)
        signs = torch.where(flip == 1, -1, 1)
        return (turn[..., None] + signs[..., None] * ring) % 5

    g, h = group.elements()[:, None], group.elements()[None]
    product = permutation(group.compose(*torch.broadcast_tensors(g, h)))
    assert torch.equal(
        product, permutation(g).expand(10, 10, 5).gather(-1, permutation(h).expand(10, 10, 5))
    )


def test_orthogonal_group_samples_haar_measure() -> None:
    g = OrthogonalGroup(3).sample(4000, generator=torch.Generator().manual_seed(0))

    assert float((g.mT @ g - torch.eye(3)).abs().max()) < 1e-12
    # Entries of a Haar matrix have mean 0 and variance 1/3; half the determinants are -1.
    assert float(g.mean(0).abs().max()) < 0.05
    assert float((g.var(0) - 1 / 3).abs().max()) < 0.03
    assert abs(float((torch.linalg.det(g) > 0).double().mean()) - 0.5) < 0.05
    special = OrthogonalGroup(3, special=True).sample(
        100, generator=torch.Generator().manual_seed(0)
    )
    assert float((torch.linalg.det(special) - 1).abs().max()) < 1e-12


def test_lie_algebra_spans_the_tangent_space() -> None:
    for dimension in (1, 2, 3, 4):
        group = OrthogonalGroup(dimension, special=True)
        algebra = group.lie_algebra()
        count = 0 if algebra is None else len(algebra)
        assert count == dimension * (dimension - 1) // 2
        if algebra is not None:
            assert torch.equal(algebra.mT, -algebra)


def test_matrix_group_stays_in_the_group() -> None:
    metric = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    lorentz = MatrixGroup([BOOST], [[[-1.0, 0.0], [0.0, 1.0]]])
    assert repr(lorentz) == "MatrixGroup(lie_algebra (1, 2, 2), discrete (1, 2, 2), spread=0.5)"
    g = lorentz.sample(50, generator=torch.Generator().manual_seed(0))

    assert float((g.mT @ metric @ g - metric).abs().max()) < 1e-10
    both = ProductGroup(lorentz, CyclicGroup(3))
    tangent = both.lie_algebra()
    assert tangent is not None
    moved, turn = both.unpack(both.exp(tangent[0]))
    assert int(turn) == 0
    assert torch.allclose(moved, torch.linalg.matrix_exp(torch.tensor(BOOST, dtype=torch.float64)))


def test_products_preserve_integers_together_with_matrices() -> None:
    group = ProductGroup(CyclicGroup(10**9 + 7), OrthogonalGroup(2))
    g = group.sample(5, generator=torch.Generator().manual_seed(0))
    turns, _ = group.unpack(group.compose(g, group.inverse(g)))

    assert turns.dtype == torch.int64
    assert turns.tolist() == [0] * 5
    assert group.order is None


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CyclicGroup(0), "size=0, expected a whole number"),
        (lambda: SymmetricGroup(2.5), "size=2.5"),  # type: ignore[arg-type]
        (lambda: FiniteGroup([]), "got no generators"),
        (lambda: FiniteGroup([[0, 0, 1]]), "expected a permutation of 0 ... 2"),
        (lambda: FiniteGroup([[0, 1], [0, 1, 2]]), "different shapes"),
        (lambda: FiniteGroup([[[1.0, 0.0], [1.0, 0.0]]]), "singular matrix"),
        (lambda: FiniteGroup([[[1.0, 0.0]]]), "square ones"),
        (lambda: FiniteGroup([[[0, 1], [1, 0]]]), "whole-number permutations"),
        (lambda: FiniteGroup([[[1.0, 1.0], [0.0, 1.0]]]).order, "generate more than 5000 elements"),
        (lambda: MatrixGroup(), "exactly one size"),
        (lambda: MatrixGroup([[[1.0, 2.0]]]), "square ones of one size"),
        (lambda: OrthogonalGroup(0), "dimension=0"),
        (lambda: ProductGroup(), "at least one Group"),
        (lambda: OrthogonalGroup(2).elements(), "cannot be listed"),
        (lambda: SymmetricGroup(12).elements(), "479001600 elements, more than the limit"),
        (lambda: CyclicGroup(3).exp(torch.zeros(())), "no Lie algebra"),
    ],
)
def test_bad_groups_get_a_clear_error(build, message: str) -> None:
    with pytest.raises(GroupError, match=message):
        build()


def test_elements_of_a_wrong_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"shape \(3,\), expected \(\*batch, 4\)"):
        SymmetricGroup(4).check(torch.zeros(3))
    with pytest.raises(ShapeError, match="sample"):
        dihedral_group(3).inverse(torch.zeros(3))


def test_the_former_name_of_copy_permutations_warns() -> None:
    with pytest.warns(DeprecationWarning, match="CopyPermutation"):
        former = eqsets.groups.Places
    assert former is eqsets.groups.CopyPermutation
