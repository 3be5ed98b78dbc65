"""Symmetries from generators: digits, refusals, and the types that they name."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from eqsets import (
    FeatureTypeError,
    GeneratedSymmetry,
    GroupError,
    InvariantFeatures,
    element_group,
)
from eqsets.generated import MatrixFeatures, PermutationFeatures
from eqsets.groups import FiniteGroup, MatrixGroup, OrthogonalGroup, SymmetricGroup

D = torch.float64


def rotated(*permutations: list[int]) -> Tensor:
    """Return permutations as matrices in random orthonormal coordinates."""
    matrices = torch.eye(len(permutations[0]), dtype=D)[torch.tensor(permutations)]
    noise = torch.randn(*matrices.shape[1:], generator=torch.Generator().manual_seed(0), dtype=D)
    q, _ = torch.linalg.qr(noise)
    turned: Tensor = q @ matrices @ q.mT
    return turned


def icosahedron() -> Tensor:
    """Return two rotations of the icosahedral group: about a corner and about an edge."""
    golden = (1 + math.sqrt(5)) / 2
    axis = torch.tensor([0.0, 1.0, golden], dtype=D)
    x, y, z = (axis / axis.norm()).tolist()
    cross = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]], dtype=D)
    corner = torch.linalg.matrix_exp(2 * math.pi / 5 * cross)
    return torch.stack([corner, torch.diag(torch.tensor([-1.0, -1.0, 1.0], dtype=D))])


def fifth() -> Tensor:
    a = 2 * math.pi / 5
    turn = torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]], dtype=D)
    both: Tensor = torch.block_diag(turn, torch.eye(5, dtype=D).roll(1, 0))
    return both[None]


IRRATIONAL: dict[str, tuple[Tensor, int, int, int]] = {  # maps, linear invariants, order
    "S4, rotated": (rotated([1, 0, 2, 3], [1, 2, 3, 0]), 2, 1, 24),
    "C5 on a turn and a ring": (fifth(), 11, 1, 5),
    "the icosahedral group": (icosahedron(), 1, 0, 60),
}


@pytest.mark.parametrize("name", IRRATIONAL)
@pytest.mark.parametrize("form", [lambda m: m, lambda m: m.tolist(), lambda m: m.numpy()])
def test_float64_generators_keep_their_digits(name: str, form: Callable[[Tensor], object]) -> None:
    """Rounded to float32, they commute with less: the maps that characters count are lost."""
    matrices, maps, linear, order = IRRATIONAL[name]
    symmetry = GeneratedSymmetry(matrices=form(matrices))  # type: ignore[arg-type]
    kind = symmetry.feature_type(1)
    characters = symmetry.group.elements().diagonal(dim1=1, dim2=2).sum(1)
    assert symmetry.group.order == order
    assert symmetry.basis(kind, kind).dimension == maps == round(float(characters.square().mean()))
    assert symmetry.basis(kind, InvariantFeatures(1)).dimension == linear
    read = symmetry.invariant(kind).double()
    x = kind.sample(3, generator=torch.Generator().manual_seed(0), dtype=D)
    assert torch.allclose(read(kind.transform(matrices[0], x)), read(x), atol=1e-12)


def test_the_loss_that_float32_digits_cause_is_seen() -> None:
    """The control of the test above."""
    rounded = rotated([1, 0, 2, 3], [1, 2, 3, 0]).float()
    symmetry = GeneratedSymmetry(group=MatrixGroup(discrete=rounded))
    kind = symmetry.feature_type(1)
    assert symmetry.basis(kind, kind).dimension == 0


COMPLEX = torch.tensor([[0.0, 1j], [1j, 0.0]])


@pytest.mark.parametrize("ways", [{"matrices": COMPLEX[None]}, {"lie_algebra": [COMPLEX]}])
def test_complex_generators_are_refused_with_their_real_form(ways: dict[str, object]) -> None:
    with pytest.raises(GroupError, match=r"complex64, expected real .*A\.real, -A\.imag"):
        GeneratedSymmetry(**ways)  # type: ignore[arg-type]
    with pytest.raises(GroupError, match="expected real numbers"):
        FiniteGroup(COMPLEX[None])


def test_the_real_form_that_the_message_names_acts_as_the_complex_matrix() -> None:
    a, z = COMPLEX, torch.tensor([1.0 + 2j, -1.0 + 0.5j])
    real = torch.cat([torch.cat([a.real, -a.imag], -1), torch.cat([a.imag, a.real], -1)], -2)
    moved = real @ torch.cat([z.real, z.imag])
    assert torch.allclose(torch.complex(moved[:2], moved[2:]), a @ z)
    assert GeneratedSymmetry(matrices=real[None]).group.order == 4


WRONG: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: GeneratedSymmetry(), GroupError, "got 0 descriptions of its group"),
    (
        lambda: GeneratedSymmetry(permutations=[[0]], group=SymmetricGroup(1)),
        GroupError,
        "got 2 descriptions",
    ),
    (lambda: GeneratedSymmetry(permutations=[[0.0, 1.0]]), GroupError, "expected whole numbers"),
    (lambda: GeneratedSymmetry(permutations=[[1, 0]], points=(3,)), GroupError, r"points=\(3,\)"),
    (lambda: element_group("cyclic", size=3).feature_type(0), FeatureTypeError, "at least 1"),
    (lambda: element_group("cyclic", size=3).feature_type("2 irreps"), FeatureTypeError, "irreps"),
    (lambda: element_group("cyclic", size=0), GroupError, "size 0, expected a whole number"),
]


@pytest.mark.parametrize(("make", "error", "match"), WRONG, ids=[m for _, _, m in WRONG])
def test_what_is_refused(make: Callable[[], object], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        make()


def test_types_know_the_symmetry_that_made_them() -> None:
    ring = element_group("cyclic", size=3)
    kind = ring.feature_type("2 pairs")
    assert kind.owner is ring
    assert repr(kind) == "element_group('cyclic', size=3).feature_type('2 pairs')"


@pytest.mark.parametrize(
    "kind",
    [
        PermutationFeatures(2, SymmetricGroup(3), (3,)),
        PermutationFeatures(2, SymmetricGroup(6), (2, 3), channels_first=True),
        MatrixFeatures(2, OrthogonalGroup(3)),
        MatrixFeatures(2, OrthogonalGroup(3), space="dual"),
    ],
    ids=repr,
)
def test_types_without_a_symmetry_paste_back_and_are_adopted(kind: PermutationFeatures) -> None:
    names = {c.__name__: c for c in (PermutationFeatures, MatrixFeatures, SymmetricGroup)}
    names["OrthogonalGroup"] = OrthogonalGroup  # type: ignore[assignment]
    assert kind.owner is None
    assert eval(repr(kind), names) == kind
    symmetry = GeneratedSymmetry(
        group=kind.group,
        points=getattr(kind, "points", None),
        channels_first=getattr(kind, "channels_first", False),
    )
    adopted = symmetry.feature_type(kind)
    assert adopted == kind
    assert adopted.owner is symmetry


@pytest.mark.parametrize(("height", "width", "order"), [(3, 3, 4), (2, 3, 2)])
@pytest.mark.parametrize("reflections", [False, True])
def test_grids_turn(height: int, width: int, order: int, reflections: bool) -> None:
    grid = element_group("grid-rotations", height=height, width=width, reflections=reflections)
    assert grid.group.order == order * (2 if reflections else 1)
    kind = grid.feature_type(2)
    x = kind.sample(generator=torch.Generator().manual_seed(0))
    turned = torch.rot90(x, 1 if height == width else 2, (1, 2))
    assert torch.equal(kind.transform(grid.group.generators()[0], x), turned)  # type: ignore[index]
    layer = grid.linear(kind, kind)
    for g in grid.group.generators():  # type: ignore[union-attr]
        gap = layer(kind.transform(g, x)[None]) - kind.transform(g, layer(x[None]))
        assert float(gap.detach().abs().max()) < 1e-5
