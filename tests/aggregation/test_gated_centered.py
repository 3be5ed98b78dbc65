"""The centred form with a learned factor of what elements share."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from eqsets import DSS, OptionError, element_group, equivariance_error, from_dict, to_dict
from eqsets.aggregation import GatedCentered
from eqsets.errors import FeatureTypeError
from eqsets.testing.oracles.dss import dss_by_loop
from eqsets_permutations.edges import Edges

RING = element_group("cyclic", size=4)
IMAGES = element_group("translations")


def layer(gate: float = 0.01, symmetry: Any = RING, **options: Any) -> DSS:
    torch.manual_seed(0)
    return DSS(symmetry, 2, 3, aggregation=GatedCentered(gate=gate), **options).double()


def sets(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("gate", [0.0, 0.3, 1.0, -2.0])
def test_the_layer_is_the_formula(gate: float, alignment: str) -> None:
    one, x = layer(gate, alignment=alignment), sets(2, 3, 4, 2)
    own, inner = one.siamese, one.context.inner
    for members, got in zip(x, one(x), strict=True):
        mean = members.mean(0)[None]
        if alignment == "shared":
            shared = one.aggregate(mean) - own(mean)
        else:
            read = one.invariant(members).mean(0)[None]
            common = one.aggregate(read, like=mean) + inner.offset(sets(1, 1) * 0 + 1, like=mean)
            shared = common - inner.part(own(members).mean(0)[None])
        assert torch.allclose(got, own(members) + gate * shared, atol=1e-12)
        assert torch.allclose(got, torch.stack(dss_by_loop(one, list(members))), atol=1e-12)


@pytest.mark.parametrize("name", ["trivial", "cyclic", "dihedral", "spatial", "translations"])
def test_it_is_equivariant(name: str) -> None:
    options = {"size": 4} if name in ("cyclic", "dihedral") else {}
    one = layer(0.7, element_group(name, **options))
    assert equivariance_error(one, one.in_type, one.out_type).max < 1e-12


def test_without_its_gate_the_layer_is_siamese_and_with_it_centered() -> None:
    x = sets(2, 3, 4, 2)
    alone = torch.stack([layer(0.0)(x[:, [i]])[:, 0] for i in range(3)], 1)
    assert torch.allclose(layer(0.0)(x), alone)
    assert not torch.allclose(layer(0.1)(x), alone)
    full, centered = layer(1.0), DSS(RING, 2, 3).double()
    centered.siamese.load_state_dict({"weight": full.siamese.weight})
    centered.aggregate.load_state_dict(full.aggregate.state_dict())
    assert torch.allclose(full(x), centered(x))


def test_every_weight_learns_in_the_first_step_unless_the_gate_is_zero() -> None:
    for gate, learns in ((0.01, True), (0.0, False)):
        one = layer(gate)
        one(sets(2, 3, 4, 2)).square().sum().backward()
        grads = {name: bool(weight.grad.any()) for name, weight in one.named_parameters()}
        assert grads.pop("context.inner.aggregate.weight") is learns
        assert grads.pop("context.inner.aggregate.bias") is learns
        assert grads == dict.fromkeys(("context.gate", "siamese.weight", "siamese.bias"), True)


@pytest.mark.parametrize(
    ("symmetry", "shape", "options", "structure"),
    [
        (RING, (4, 2), {}, None),
        (IMAGES, (2, 5, 6), {}, None),
        (IMAGES, (2, 4, 6), {"transposed": True}, None),
        (element_group("permutations"), (4, 2), {"conv": "graph"}, True),
        (element_group("permutations"), (4, 2), {"conv": "gcn"}, True),
        (element_group("permutations"), (4, 2), {"conv": "gin"}, True),
    ],
)
def test_the_difference_of_both_maps_has_that_of_their_biases(
    symmetry: Any, shape: tuple[int, ...], options: dict[str, Any], structure: bool | None
) -> None:
    edges = Edges(torch.tensor([[0, 1, 2], [1, 2, 3]])) if structure else None
    one, x = layer(0.5, symmetry, **options), sets(2, 3, *shape)
    side = () if edges is None else (edges,)
    for name, weight in one.named_parameters():
        if "bias" in name:  # those of graph convolutions are zero at first
            torch.nn.init.uniform_(weight, -1, 1)
    mean = x.mean(1)
    shared = 0.5 * (one.aggregate(mean, *side) - one.siamese(mean, *side))
    own = torch.stack([one.siamese(x[:, i], *side) for i in range(3)], 1)
    assert torch.allclose(one(x, structure=edges), own + shared[:, None], atol=1e-12)


def test_it_is_described_with_its_gate() -> None:
    again = from_dict(to_dict(layer(0.25)))
    assert again.aggregation == GatedCentered(gate=0.25)
    assert DSS(RING, 2, 3, aggregation="gated-centered").context.gate.tolist() == [
        pytest.approx(0.01)
    ]


@pytest.mark.parametrize("gate", [True, "0.1", None])
def test_other_gates_are_refused(gate: object) -> None:
    with pytest.raises(OptionError, match=r"got gate=.*expected a number"):
        GatedCentered(gate=gate)


def test_it_has_no_other_coordinates_and_no_norms_of_parts() -> None:
    with pytest.raises(FeatureTypeError, match="not one of several coordinates"):
        layer().reparametrize("centered")
    with pytest.raises(FeatureTypeError, match="adds what elements share"):
        layer(part_normalization="element")
