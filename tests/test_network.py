"""SetNetwork: a chain of layers, written out by hand as the oracle."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from eqsets import (
    DSS,
    FeatureTypeError,
    GeneratedSymmetry,
    SetBatch,
    SetNetwork,
    deep_sets,
    element_group,
    from_dict,
    to_dict,
)
from eqsets.aggregation import Mean, Sum
from eqsets.aggregation.centered import Centered
from eqsets.groups import MatrixGroup, OrthogonalGroup

RING = element_group("cyclic", size=4)
MEANS = {"normalization": None, "readout_aggregation": "mean", "readout_element": "mean"}
MASK = torch.tensor([[True, False, True], [True, True, True]])


def sets() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 4, 2, generator=generator, dtype=torch.float64)


def by_hand(network: SetNetwork, members: Tensor) -> Tensor:
    """Apply two DSS layers, ReLU and the end to one set, element by element."""
    layers = [layer for layer in network.blocks.layers if isinstance(layer, DSS)]
    for layer in layers:
        total = members.sum(0) / (len(members) if layer.aggregation == Mean() else 1)
        context = layer.aggregate(total[None])[0]
        members = torch.stack([layer.siamese(x[None])[0] + context for x in members])
        members = (
            members.relu() if layer is not layers[-1] or network.keeps_set is False else members
        )
    end = network.blocks.layers[-1]
    if network.keeps_set:
        return members
    if hasattr(end, "linear"):
        return end.linear(torch.stack([end.invariant(x[None])[0] for x in members]).mean(0))
    return members.mean(0)


@pytest.mark.parametrize("aggregation", ["sum", "mean"])
@pytest.mark.parametrize("end", [{}, {"readout": 5, **MEANS}])
def test_a_network_is_its_layers_by_hand(end: dict[str, Any], aggregation: str) -> None:
    torch.manual_seed(0)
    network = SetNetwork(RING, [2, 3, 4], aggregation=aggregation, **end).double()
    x = sets()
    padded = network(x, MASK)
    ragged = network(SetBatch.from_list([x[0][MASK[0]], x[1]]))
    for b in range(2):
        expected = by_hand(network, x[b][MASK[b]])
        got = padded[b][MASK[b]] if network.keeps_set else padded[b]
        listed = ragged.to_list()[b] if network.keeps_set else ragged[b]
        assert torch.allclose(got, expected, atol=1e-12)
        assert torch.allclose(listed, expected, atol=1e-12)


def test_the_oracle_sees_the_weights() -> None:
    """The negative control: another seed is another function."""
    one, two = (SetNetwork(RING, [2, 3, 4], readout=5, **MEANS).double() for _ in range(2))
    assert not torch.allclose(one(sets())[0], by_hand(two, sets()[0]))


def test_the_defaults_normalise_and_read_the_maximum_where_types_allow_it() -> None:
    def chosen(*args: Any, **options: Any) -> tuple[Any, ...]:
        given = SetNetwork(*args, **options).construction.arguments
        return tuple(given[name] for name in ("normalization", "readout_element"))

    assert chosen(RING, [2, 3], readout=5) == ("element", "max")
    assert chosen(RING, [2, 3]) == (None, "max")  # no read-out: the output may need the scale
    assert chosen(RING, [2, 3], normalization="batch", readout=1) == ("batch", "max")
    assert chosen("trivial", [2, 1], readout=5) == (None, "max")  # one number: nothing to scale by
    score = {"readout": 1, "readout_aggregation": "none"}  # elements are compared
    assert chosen(RING, [2, 3], **score) == ("batch-parts", "max")
    vectors = GeneratedSymmetry(group=OrthogonalGroup(3))
    assert chosen(vectors, [1, 2], readout=5) == ("element", "mean")  # no maximum of vectors
    assert chosen(vectors, [1, 2], **score) == ("element-parts", "mean")  # no batch norm either
    shears = GeneratedSymmetry(group=MatrixGroup([[[0.0, 1.0], [0.0, 0.0]]]))
    assert chosen(shears, [1, 2], readout=5) == (None, "mean")


def test_the_default_is_nearly_siamese_before_a_readout_of_the_set() -> None:
    def chosen(**options: Any) -> Any:
        return SetNetwork(RING, [2, 3], **options).construction.arguments["aggregation"]

    assert chosen(readout=5) == Centered(start=0.1)
    assert chosen(readout=5, readout_aggregation="none") == chosen() == Centered()
    assert chosen(readout=5, aggregation="centered") == Centered()
    assert chosen(readout=5, aggregation="mean") == Mean()


def test_the_default_network_is_its_layers_by_hand() -> None:
    torch.manual_seed(0)
    network, x = SetNetwork(RING, [2, 3], readout=5).double(), sets()
    layer, norm, _, end = network.blocks.layers
    members = x[0][MASK[0]]
    mean = members.mean(0, keepdim=True)
    common = layer.aggregate(mean)
    hidden = layer.siamese(members) - layer.siamese(mean) + common
    hidden = torch.nn.functional.layer_norm(hidden, (4, 3)) * norm.module.weight
    expected = end.linear(hidden.relu().amax((0, 1)))
    assert torch.allclose(network(x, MASK)[0], expected, atol=1e-5)


@pytest.mark.parametrize("pool", ["mean", "sum"])
@pytest.mark.parametrize(("source", "target"), [("mean", "centered"), ("centered", "mean")])
def test_the_last_layer_before_a_mean_has_one_map(pool: str, source: str, target: str) -> None:
    network = SetNetwork(RING, [2, 3, 4], aggregation=source, set_pool=pool).double()
    last = [layer for layer in network.blocks.layers if isinstance(layer, DSS)][-1]
    assert (last.aggregate is None) == (source == "centered")
    other, x = network.reparametrize(target), sets()
    assert torch.allclose(other(x, MASK), network(x, MASK), atol=1e-10)
    again = from_dict(to_dict(other)).double()
    again.load_state_dict(other.state_dict())
    assert torch.equal(again(x, MASK), other(x, MASK))
    centered = network if source == "centered" else other
    centered(x, MASK).square().sum().backward()
    assert all(bool(weight.grad.any()) for weight in centered.parameters())


def test_a_maximum_needs_both_maps() -> None:
    network = SetNetwork(RING, [2, 3], set_pool="max")
    assert network.blocks.layers[0].aggregate is not None


def test_weights_of_a_former_readout_are_refused_by_another() -> None:
    old = SetNetwork(RING, [2, 3], readout=5, **MEANS)
    state = old.state_dict()
    state._metadata[""]["version"] = 1
    again = SetNetwork(RING, [2, 3], readout=5, **MEANS)
    again.load_state_dict(state)
    assert torch.equal(again(sets().float()), old(sets().float()))
    for options in ({"readout_aggregation": "max"}, {"readout_element": "max"}):
        other = SetNetwork(RING, [2, 3], readout=5, **{**MEANS, **options})
        with pytest.raises(RuntimeError, match=r"version 0\.1, whose read-out was the mean"):
            other.load_state_dict(state)
        other.load_state_dict(dict(state))  # without versions
        other.load_state_dict(other.state_dict())


def test_one_description_of_an_aggregation_serves_all_layers() -> None:
    network = SetNetwork(RING, [2, 3, 3, 4], aggregation=Sum())
    layers = [layer for layer in network.blocks.layers if isinstance(layer, DSS)]
    assert len({id(layer.aggregation) for layer in layers}) == 1
    assert len({id(layer.context) for layer in layers}) == len(layers) == 3
    every = list(network.named_parameters(remove_duplicate=False))
    assert len(every) == len(list(network.parameters()))  # these leave out what is shared


def test_blocks_follow_each_other_as_documented() -> None:
    network = SetNetwork(
        RING, [2, 3, 4], normalization="element", dropout_rate=0.1, set_pool="mean"
    )
    kinds = [type(getattr(layer, "module", layer)).__name__ for layer in network.blocks.layers]
    assert kinds == ["DSS", "ElementNorm", "ReLU", "ChannelDropout", "DSS", "SetPool"]
    assert network(sets().float()).shape == (2, 4, 4)
    assert (str(network.in_type), str(network.out_type)) == ("2 points", "4 points")


def test_deep_sets_is_the_formula() -> None:
    network = deep_sets([2, 3, 1]).double()
    x = sets()[:, :, 0]
    first, last = network.blocks.layers[0], network.blocks.layers[2]
    hidden = first.siamese(x[0]) + first.aggregate(x[0].amax(0, keepdim=True))
    hidden = torch.nn.functional.elu(hidden)
    expected = last.siamese(hidden) + last.aggregate(hidden.amax(0, keepdim=True))
    assert torch.allclose(network(x)[0], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        ([3], {}, "at least two feature types"),
        ("34", {}, "at least two feature types"),
        ([3, 4], {"readout": 2, "set_pool": "mean"}, "one end at most"),
        ([3, 4], {"set_pool": "none"}, "one that reduces a set"),
        ([3, 4], {"set_pool": "sridhar"}, "one that reduces a set"),
    ],
)
def test_bad_arguments_get_a_clear_error(
    features: list[int], options: dict[str, object], message: str
) -> None:
    with pytest.raises(FeatureTypeError, match=message):
        SetNetwork(RING, features, **options)
