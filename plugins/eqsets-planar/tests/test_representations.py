"""Our matrices are escnn's, for every representation of every kind of group."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from eqsets import FeatureTypeError
from eqsets_planar import Planar
from eqsets_planar.fields.representations import Representation
from eqsets_planar.steerable import escnn_interface

GROUPS = [Planar(n, r) for n in (1, 2, 3, 4, 6, 8, None) for r in (False, True)]


def representations(symmetry: Planar) -> list[Representation]:
    """Return every representation that has a name."""
    specs = ["trivial", "irreps"]
    if symmetry.reflections:
        specs.append("irrep(1,0)")
    if symmetry.rotations is not None:
        divisors = [n for n in range(1, symmetry.rotations + 1) if symmetry.rotations % n == 0]
        specs += ["regular", *(f"quotient({n})" for n in divisors)]
        specs += [f"induced({n},{k})" for n in divisors for k in range(1, n // 2 + 1)]
        if symmetry.reflections:
            turns = range(symmetry.rotations)
            specs += [
                f"induced({a},{n},{j},{k})"
                for n in divisors
                for a in turns
                for k in range(n // 2 + 1)
                for j in ((0, 1) if k in (0, n / 2) else (1,))
            ]
            specs += [f"quotient({a},{n})" for n in divisors for a in turns]
    blocks = [symmetry.feature_type(spec).blocks for spec in specs]
    return sorted({r for block in blocks for _, r in block})


def elements(symmetry: Planar, space: object) -> list[tuple[object, Tensor]]:
    """Return pairs of escnn's group elements and ours."""
    group = space.fibergroup  # type: ignore[attr-defined]
    matrices = []
    for e in group.testing_elements():
        if symmetry.rotations is None:
            flip, angle = e.to("radians") if symmetry.reflections else (0, e.to("radians"))
            cos, sin = np.cos(angle), np.sin(angle)
            mirror = np.diag([-1.0 if flip else 1.0, 1.0])
            g = torch.tensor(np.array([[cos, -sin], [sin, cos]]) @ mirror)
        elif not symmetry.reflections:
            g = torch.tensor(e.to("int"))
        elif symmetry.rotations == 1:
            g = torch.tensor([0, e.to("int")])
        else:
            g = torch.tensor(e.to("int")[::-1])
        matrices.append((e, g))
    return matrices


@pytest.mark.parametrize("symmetry", GROUPS, ids=lambda s: s.points.name)
def test_matrices_are_those_of_escnn(symmetry: Planar) -> None:
    points, space = symmetry.points, escnn_interface._space(symmetry.points, 3)
    for e, g in elements(symmetry, space):
        pose = points.pose(g)
        for r in representations(symmetry):
            theirs = escnn_interface._representation(space, points, r)
            assert theirs.size == r.size(points)
            np.testing.assert_allclose(r.matrix(points, pose).numpy(), theirs(e), atol=1e-14)
            assert (
                r.pointwise == ("pointwise" in theirs.supported_nonlinearities)
                or r.size(points) == 1
            ), "what escnn lets a ReLU act on, and we do not, are signs"


@pytest.mark.parametrize("symmetry", GROUPS, ids=lambda s: s.points.name)
def test_matrices_are_a_homomorphism(symmetry: Planar) -> None:
    points, group = symmetry.points, symmetry.group
    g, h = group.sample(20), group.sample(20)
    for r in representations(symmetry):
        product = r.matrix(points, points.pose(group.compose(g, h)))
        pair = r.matrix(points, points.pose(g)) @ r.matrix(points, points.pose(h))
        torch.testing.assert_close(product, pair, rtol=0, atol=1e-13)


@pytest.mark.parametrize("symmetry", GROUPS, ids=lambda s: s.points.name)
def test_exact_elements_are_a_subgroup(symmetry: Planar) -> None:
    exact, group = symmetry.points.exact_elements(), symmetry.group
    products = group.compose(exact[:, None], exact[None])
    near = group.distance(products[:, :, None], exact).amin(-1)
    assert float(near.max()) < 1e-12
    assert len(exact) == symmetry.points.quarter_turns * (2 if symmetry.reflections else 1)
    assert symmetry.points.exact == (group.order == len(exact))


def test_escnn_field_types_are_read() -> None:
    gspaces, nn = escnn_interface.load()
    space = gspaces.flipRot2dOnR2(8)
    reps = [space.trivial_repr, space.regular_repr, space.regular_repr, space.irrep(1, 2)]
    fields = Planar(8, True).feature_type(nn.FieldType(space, reps))
    assert str(fields) == "1 trivial + 2 regular + 1 irrep(1,2)"
    quotient = nn.FieldType(space, [space.quotient_repr((None, 2)), space.quotient_repr((1, 4))])
    assert str(Planar(8, True).feature_type(quotient)) == "1 quotient(2) + 1 quotient(1,4)"
    group = space.fibergroup
    induced = [
        space.induced_repr((None, 4), group.subgroup((None, 4))[0].irrep(1)),
        space.induced_repr((1, 2), group.subgroup((1, 2))[0].irrep(1, 0)),
        space.induced_repr((3, 1), group.subgroup((3, 1))[0].irrep(1)),
        space.induced_repr((None, 4), group.subgroup((None, 4))[0].irrep(0)),
    ]
    named = "1 induced(4,1) + 1 induced(1,2,1,0) + 1 induced(3,1,1,0) + 1 quotient(4)"
    assert str(Planar(8, True).feature_type(nn.FieldType(space, induced))) == named
    mirror = gspaces.flip2dOnR2()
    sign = nn.FieldType(mirror, [mirror.irrep(1), mirror.regular_repr])
    assert str(Planar(1, True).feature_type(sign)) == "1 irrep(1,0) + 1 regular"
    with pytest.raises(FeatureTypeError, match="expected one on C4_on_R2"):
        Planar(4).feature_type(nn.FieldType(space, reps))
    summed = nn.FieldType(space, [space.irrep(1, 1) + space.irrep(1, 2)])
    with pytest.raises(FeatureTypeError, match="expected irreps, regular, quotient and"):
        Planar(8, True).feature_type(summed)


@pytest.mark.parametrize("kind", ["irrep tensor", "regular tensor", "sum", "restricted"])
def test_representations_of_escnn_without_a_name_here_are_refused(kind: str) -> None:
    gspaces, nn = escnn_interface.load()
    space = gspaces.rot2dOnR2(4)
    irrep, regular = space.irrep(1), space.regular_repr
    with escnn_interface._guard():
        representation = {
            "irrep tensor": lambda: irrep.tensor(irrep),
            "regular tensor": lambda: regular.tensor(regular),
            "sum": lambda: irrep + space.irrep(0),
            "restricted": lambda: gspaces.rot2dOnR2(8).regular_repr.restrict(4),
        }[kind]()
    with pytest.raises(FeatureTypeError, match="expected irreps, regular, quotient and"):
        Planar(4).feature_type(nn.FieldType(space, [representation]))


def test_induced_representations_in_normal_form() -> None:
    planar = Planar(8)
    assert str(planar.feature_type("3 induced(4,1)")) == "3 induced(4,1)"
    assert planar.feature_type("3 induced(4,1)").size == 12
    assert (
        str(planar.feature_type("1 induced(2,0) + 1 induced(8,3)")) == "1 quotient(2) + 1 irrep(3)"
    )
    assert str(Planar(4, True).feature_type("induced(3,4,0,2)")) == "1 irrep(0,2)"


@pytest.mark.parametrize("text", ["induced(3,1)", "induced(2,2)", "induced", "induced(0,2,1,1)"])
def test_induced_representations_that_do_not_exist(text: str) -> None:
    with pytest.raises(FeatureTypeError, match=r"got the planar feature type .*induced"):
        Planar(8).feature_type(text)


def test_induced_fields_are_not_restricted() -> None:
    planar = Planar(8)
    with pytest.raises(FeatureTypeError, match="Map to these first"):
        planar.restrict(planar.feature_type("1 induced(2,1)"), rotations=4)
