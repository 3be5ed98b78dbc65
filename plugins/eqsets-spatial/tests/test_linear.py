"""Linear layers: all the maps that there are, by theory, by the solver and by e3nn."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3

from eqsets import DSS, ElementSymmetry, FeatureTypeError, element_group, equivariance_error
from eqsets_spatial.features import IrrepsFeatures

MIXED = ("4x0e + 3x1o + 2x0o + 1x2e", "3x0e + 2x1o + 1x1e + 2x0o + 2x2e")


def in_theory(source: IrrepsFeatures, target: IrrepsFeatures) -> int:
    """Schur: copies times copies for each irrep that both have."""
    return sum(
        a.count * b.count for a in source.blocks for b in target.blocks if a.irrep == b.irrep
    )


@pytest.mark.parametrize("reflections", [True, False])
def test_weights_are_all_equivariant_maps(reflections: bool) -> None:
    space = element_group("spatial", reflections=reflections)
    source, target = (space.feature_type(spec) for spec in MIXED)
    assert isinstance(source, IrrepsFeatures)
    assert isinstance(target, IrrepsFeatures)
    layer = space.linear(source, target, bias=False).double()
    (weight,) = layer.parameters()
    eye = torch.eye(source.dim, dtype=torch.float64)
    maps = []
    for number in range(weight.numel()):
        with torch.no_grad():
            weight.zero_()
            weight.view(-1)[number] = 1
        maps.append(layer(eye).flatten())
    rank = torch.linalg.matrix_rank(torch.stack(maps))
    assert rank == weight.numel() == in_theory(source, target)
    assert space.basis(source, target).dimension == rank


@pytest.mark.parametrize(
    ("source", "target"),
    [
        MIXED,
        ("2x0e + 1x1o + 3x0e + 2x1o", "1x1o + 4x0e + 2x1o + 1x0e"),
        ("2x1o", "2x2e"),
        ("8x0e", "4x0e + 2x0e"),  # neighbours of one irrep, which types merge
        ("3x0e + 2x0e + 2x1o + 1x1o", "2x1o + 3x1o + 4x0e + 2x0e"),
    ],
)
def test_numbers_and_parameters_are_those_of_e3nn(source: str, target: str) -> None:
    space = element_group("spatial")
    ours = space.linear(space.feature_type(source), space.feature_type(target)).double()
    theirs = o3.Linear(source, target, biases=True).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            torch.nn.init.normal_(parameter)
        ours.load_state_dict({f"linear.{name}": p for name, p in theirs.named_parameters()})
    x = ours.in_type.sample(7, dtype=torch.float64)
    assert torch.allclose(ours(x), theirs(x), rtol=0, atol=1e-14)


def test_weights_of_version_1_load_in_the_order_of_today() -> None:
    """Version 1 ordered weights as if neighbours of one irrep were one block."""
    space = element_group("spatial")
    merged = space.linear(space.feature_type("5x0e"), space.feature_type("6x0e"))
    layer = space.linear(space.feature_type("3x0e + 2x0e"), space.feature_type("4x0e + 2x0e"))
    assert layer.in_type == merged.in_type
    assert layer.out_type == merged.out_type
    x = torch.randn(3, 5)
    for version in (1, 2):
        state = merged.state_dict()
        state._metadata[""]["version"] = version
        layer.load_state_dict(state)
        assert torch.equal(layer(x), merged(x)) is (version == 1)


def test_types_are_written_and_equal_as_irreps() -> None:
    space = element_group("spatial")
    kind, merged = space.feature_type("4x0e + 2x0e + 1x1o"), space.feature_type("6x0e + 1x1o")
    assert kind == merged
    assert hash(kind) == hash(merged)
    assert str(kind) == "4x0e+2x0e+1x1o"
    assert str(space.feature_type(str(kind))) == str(kind)


def test_scalars_that_the_input_has_not_got_are_their_bias() -> None:
    layer = DSS("spatial", "2x1o", "3x0e + 2x1o + 1x0e")  # e3nn 0.6 fails on this
    assert layer.siamese.linear.bias is None
    torch.nn.init.normal_(layer.aggregate.linear.bias)
    y = layer(torch.randn(2, 5, 6))
    expected = layer.aggregate.linear.bias.expand(2, 5, 4)
    assert torch.allclose(y[..., [0, 1, 2, 9]], expected)
    assert y[..., 3:9].count_nonzero() == 2 * 5 * 6


@pytest.mark.parametrize("reflections", [True, False])
@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("aggregation", ["sum", "mean"])
def test_set_layer_is_equivariant(reflections: bool, alignment: str, aggregation: str) -> None:
    space = element_group("spatial", reflections=reflections)
    layer = DSS(space, *MIXED, alignment=alignment, aggregation=aggregation).double()
    assert equivariance_error(layer, layer.in_type, layer.out_type).max < 1e-12


def test_double_precision_is_not_just_digits() -> None:
    layer = DSS("spatial", "2x0e + 2x3o", "2x0e + 1x3o").float().double()
    assert equivariance_error(layer, layer.in_type, layer.out_type).max < 1e-12


@pytest.mark.parametrize("aggregation", ["max", "aittala"])
def test_max_needs_scalars(aggregation: str) -> None:
    with pytest.raises(FeatureTypeError, match=r"8x0e\+4x1o"):
        DSS("spatial", "8x0e + 4x1o", "8x0e + 4x1o", aggregation=aggregation)
    layer = DSS("spatial", 8, 4, aggregation=aggregation)
    assert layer(torch.randn(2, 3, 8)).shape == (2, 3, 4)
    turned = DSS(
        "spatial", "8x0e + 4x1o", "8x0e + 4x1o", aggregation="max", alignment="independent"
    )
    assert equivariance_error(turned.double(), turned.in_type, turned.out_type).max < 1e-12


def test_no_scalars_to_write_to() -> None:
    with pytest.raises(FeatureTypeError, match="no scalars"):
        DSS("spatial", "2x0e", "4x1o", alignment="independent", aggregation="mean")


@pytest.mark.parametrize("options", [{"kernel_size": 3}, {"radius": 1.0}])
def test_vectors_take_no_options(options: dict[str, float]) -> None:
    with pytest.raises(FeatureTypeError, match="expected none"):
        DSS("spatial", "4x1o", "4x1o", **options)


def test_what_is_not_named_is_zero_and_what_is_absent_stays_zero() -> None:
    space: ElementSymmetry = element_group("spatial")
    layer = DSS(space, "2x0e", "1x0e + 2x1o")
    assert layer(torch.randn(2, 3, 2))[..., 1:].count_nonzero() == 0
