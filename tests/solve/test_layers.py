"""The solved layers against slow, obvious ones."""

from __future__ import annotations

import pytest
import torch

from eqsets import DSS, FeatureTypeError, GeneratedSymmetry, GroupError, element_group
from eqsets.groups import OrthogonalGroup

TWO_SETS = [[1, 2, 3, 0, 4, 5, 6], [1, 0, 2, 3, 5, 6, 4], [0, 1, 2, 3, 5, 4, 6]]
CASES = {
    "orbits moved": (element_group("symmetric", size=4), 2, 3),
    "all pairs but the diagonal": (element_group("symmetric", size=7), 2, 3),
    "two sets": (
        GeneratedSymmetry(permutations=TWO_SETS),
        2,
        3,
    ),
    "dense from orbits": (element_group("cyclic", size=4), 2, 3),
    "pairs to points": (element_group("symmetric", size=3), "2 pairs", 2),
    "points to invariants": (element_group("dihedral", size=4), 2, "3 trivial"),
    "invariants to points": (element_group("dihedral", size=4), "2 trivial", 3),
    "several orbits": (GeneratedSymmetry(permutations=[[1, 0, 2, 3, 4], [0, 1, 3, 4, 2]]), 2, 2),
    "channels first": (element_group("grid-rotations", height=2, width=3), 2, 3),
    "matrices": (GeneratedSymmetry(matrices=[[[0.0, -1.0], [1.0, 0.0]]]), 2, 3),
    "Lie algebra": (GeneratedSymmetry(group=OrthogonalGroup(3)), 2, 3),
}


@pytest.mark.parametrize("name", CASES)
def test_linear_equals_the_sum_over_the_dense_basis(name: str) -> None:
    symmetry, source, target = CASES[name]
    in_type, out_type = symmetry.feature_type(source), symmetry.feature_type(target)
    layer = symmetry.linear(in_type, out_type, bias=False).double()
    x = in_type.sample(5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    flat = x.movedim(in_type.channel_axis, -1).reshape(5, -1, in_type.channels)

    basis = symmetry.basis(in_type, out_type).dense()
    slow = torch.zeros(5, basis.shape[1], out_type.channels, dtype=torch.float64)
    for number, matrix in enumerate(basis):
        for row in range(5):
            slow[row] += matrix @ flat[row] @ layer.weight[number]
    fast = layer(x).movedim(out_type.channel_axis, -1).reshape(slow.shape)
    assert torch.allclose(fast, slow, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_double_gains_accuracy_not_just_digits(name: str) -> None:
    symmetry, source, target = CASES[name]
    in_type, out_type = symmetry.feature_type(source), symmetry.feature_type(target)
    layer = symmetry.linear(in_type, out_type).float().double()
    x = in_type.sample(4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    g = symmetry.group.sample(1, generator=torch.Generator().manual_seed(1))

    gap = layer(in_type.transform(g, x)) - out_type.transform(g, layer(x))
    assert float(gap.detach().abs().max()) < 1e-12


def test_bias_is_one_number_for_each_orbit_and_channel() -> None:
    symmetry = GeneratedSymmetry(permutations=[[1, 0, 2, 3, 4], [0, 1, 3, 4, 2]])
    layer = symmetry.linear(symmetry.feature_type(2), symmetry.feature_type(3))
    assert layer.bias.shape == (2, 3)
    rotations = GeneratedSymmetry(group=OrthogonalGroup(3))
    assert rotations.linear(rotations.feature_type(2), rotations.feature_type(3)).bias is None


def test_outputs_keep_the_size_of_inputs_at_the_start() -> None:
    for symmetry, source, _ in CASES.values():
        kind = symmetry.feature_type(source).with_channels(64)
        torch.manual_seed(0)
        layer = symmetry.linear(kind, kind, bias=False)
        ratio = float(
            layer(kind.sample(200, generator=torch.Generator().manual_seed(0))).detach().std()
        )
        assert 0.3 < ratio < 1.2  # 0.58 expected, as torch.nn.Linear


def test_embedding_and_invariants_compose_to_all_maps_through_invariants() -> None:
    symmetry = GeneratedSymmetry(permutations=[[1, 0, 2, 3]])  # orbits {0, 1}, {2}, {3}
    points = symmetry.feature_type(1)
    read = symmetry.invariant(points)
    write = symmetry.embed(read.features, points)
    assert read.features == 3
    assert write.linear.weight.shape == (3, 3)
    eye = torch.eye(4)[:, :, None]
    assert int(torch.linalg.matrix_rank(write(read(eye), like=eye)[..., 0].detach())) == 3


def test_what_cannot_be_solved_says_so() -> None:
    rotations = GeneratedSymmetry(group=OrthogonalGroup(3))
    with pytest.raises(FeatureTypeError, match="no vector that is invariant under the group"):
        rotations.embed(3, rotations.feature_type(2))
    wide = GeneratedSymmetry(matrices=[-torch.eye(65)])
    with pytest.raises(GroupError, match="4225 unknowns, of which 4225 remain"):
        wide.linear(wide.feature_type(1), wide.feature_type(1))
    minus = GeneratedSymmetry(lie_algebra=[[[1.0]]])  # scaling: no invariant at all
    with pytest.raises(FeatureTypeError, match="no linear and no quadratic invariant"):
        minus.invariant(minus.feature_type(1))
    with pytest.raises(FeatureTypeError, match=r"options \['kernel_size'\]"):
        rotations.linear(rotations.feature_type(1), rotations.feature_type(1), kernel_size=3)


def test_all_permutations_move_features_and_build_no_matrix() -> None:
    layer = element_group("symmetric", size=300)
    many = layer.linear(layer.feature_type(8), layer.feature_type(8))
    assert many.orbits is not None
    x = torch.randn(2, 300, 8, generator=torch.Generator().manual_seed(0))
    own, others = many.weight
    expected = x @ (own - others) + x.sum(1, keepdim=True) @ others + many.bias
    assert torch.allclose(many(x), expected, rtol=1e-4, atol=1e-4)


def test_a_layer_whose_output_is_constant_is_refused() -> None:
    boost = [[0.0, 1.0], [1.0, 0.0]]
    lorentz = GeneratedSymmetry(lie_algebra=[boost])
    with pytest.raises(FeatureTypeError, match=r"no equivariant linear map .*nn\.invariant"):
        DSS(lorentz, 3, "2 trivial")


def test_norms_of_unknown_kind_are_listed() -> None:
    ring = element_group("cyclic", size=4)
    with pytest.raises(FeatureTypeError, match=r"unknown norm 'layer': .*'batch', 'element'"):
        ring.norm(ring.feature_type(2), "layer")
