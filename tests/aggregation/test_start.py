"""Where the centred form starts: between a Siamese layer and independent maps."""

from __future__ import annotations

import pytest
import torch

from eqsets import DSS, OptionError, element_group, from_dict, to_dict
from eqsets.aggregation.centered import Centered
from eqsets_permutations.edges import Edges

RING = element_group("cyclic", size=4)


def layer(start: float, **options: object) -> DSS:
    torch.manual_seed(0)
    return DSS(RING, 2, 3, aggregation=Centered(start=start), **options).double()


@pytest.mark.parametrize("start", [0.0, 0.1, 0.5, 1.0])
def test_weights_start_between_those_of_both_maps(start: float) -> None:
    drawn, got = layer(1.0), layer(start)
    assert torch.equal(got.siamese.weight, drawn.siamese.weight)
    expected = (1 - start) * drawn.siamese.weight + start * drawn.aggregate.weight
    assert torch.allclose(got.aggregate.weight, expected)
    assert torch.equal(got.aggregate.bias, drawn.aggregate.bias)


def test_a_layer_that_starts_at_zero_is_siamese_until_it_learns() -> None:
    one = layer(0.0)
    x = torch.randn(2, 3, 4, 2, generator=torch.Generator().manual_seed(0)).double()
    alone = torch.stack([one(x[:, [i]])[:, 0] for i in range(3)], 1)
    assert torch.allclose(one(x), alone)
    assert not torch.allclose(layer(0.1)(x), alone)
    one(x).square().sum().backward()
    step = {name: weight.grad for name, weight in one.named_parameters()}
    assert not torch.allclose(step["siamese.weight"], step["context.aggregate.weight"])


def test_layers_with_edges_start_there_too() -> None:
    start = Centered(start=0.0)
    one = DSS("permutations", 2, 3, conv="graph", aggregation=start).double()
    edges = Edges(torch.tensor([[0, 1, 2], [1, 2, 3]]))
    x = torch.randn(1, 3, 4, 2, generator=torch.Generator().manual_seed(0)).double()
    alone = torch.stack([one(x[:, [i]], structure=edges)[:, 0] for i in range(3)], 1)
    assert torch.allclose(one(x, structure=edges), alone)


def test_maps_of_different_kinds_stay_independent() -> None:
    options = {"kernel_size": 3, "context": {"kernel_size": 1}}
    torch.manual_seed(0)
    one = DSS("translations", 2, 3, aggregation=Centered(start=0.0), **options)
    torch.manual_seed(0)
    two = DSS("translations", 2, 3, aggregation=Centered(), **options)
    assert torch.equal(one.aggregate.weight, two.aggregate.weight)


def test_the_start_is_described() -> None:
    again = from_dict(to_dict(layer(0.25)))
    assert again.aggregation == Centered(start=0.25)
    assert from_dict(to_dict(DSS(RING, 2, 3))).aggregation == Centered()


@pytest.mark.parametrize("start", [-0.1, 1.5, True, "0.1"])
def test_other_starts_are_refused(start: object) -> None:
    with pytest.raises(OptionError, match=r"got start=.*from 0 .* to 1"):
        Centered(start=start)
