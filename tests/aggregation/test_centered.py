"""The centred form: its formula, its span, and the same function in other coordinates."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import Tensor

import eqsets
from eqsets import (
    DSS,
    FeatureTypeError,
    GeneratedSymmetry,
    OptionError,
    SetBatch,
    SetNetwork,
    element_group,
    equivariance_error,
)
from eqsets.aggregation.centered import Centered, InvariantCenteredContext
from eqsets.groups import OrthogonalGroup
from eqsets_permutations.edges import Edges

RING = element_group("cyclic", size=4)
SYMMETRIES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "trivial": ("trivial", (2, 4), {}),
    "cyclic": (RING, (2, 4), {}),
    "several orbits": (GeneratedSymmetry(permutations=[[1, 0, 2, 3]]), (2, 4), {}),
    "rotations": (GeneratedSymmetry(group=OrthogonalGroup(3)), (2, 4), {}),
    "images": (element_group("translations", grid=6), (2, 4), {"kernel_size": 3}),
    "nodes": (element_group("permutations", nodes=4), (2, 4), {}),
    "product": (element_group("symmetric", size=3) * RING, (1, 2), {}),
    "sets of sets": (eqsets.Sets(RING, 3), (1, 2), {}),
    "scalars and vectors": ("spatial", ("3x0e + 2x1o", "2x0e + 1x1o"), {}),
}
MASK = torch.tensor([[True, False, True], [True, True, True]])
PUBLISHED = ["sum", "mean"]


def layer_of(name: str, aggregation: str = "centered", **more: Any) -> DSS:
    torch.manual_seed(0)
    symmetry, types, options = SYMMETRIES[name]
    layer = DSS(symmetry, *types, aggregation=aggregation, **options, **more).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


def sets(layer: DSS, size: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return layer.in_type.sample(2, size, generator=generator, dtype=torch.float64)


def by_loop(layer: DSS, members: Tensor) -> Tensor:
    """A (x_i - m) + B m, one element after the other."""
    mean = sum(members) / len(members)
    common = layer.aggregate(mean[None])[0]
    return torch.stack([layer.siamese((x - mean)[None])[0] + common for x in members])


@pytest.mark.parametrize("name", SYMMETRIES)
def test_the_layer_is_the_formula_in_all_layouts(name: str) -> None:
    layer = layer_of(name)
    x = sets(layer)
    hole = MASK.reshape(2, 3, *[1] * (x.dim() - 2))
    padded = layer(torch.where(hole, x, torch.nan), MASK)
    ragged = layer(SetBatch.from_list([x[0][MASK[0]], x[1]])).to_list()
    for b in range(2):
        expected = by_loop(layer, x[b][MASK[b]])
        for got in (layer(x[b][MASK[b]][None])[0], padded[b][MASK[b]], ragged[b]):
            assert torch.allclose(got, expected, atol=1e-9)
    assert not padded[~MASK].any()


@pytest.mark.parametrize("name", SYMMETRIES)
def test_one_element_is_mapped_by_the_map_of_the_mean(name: str) -> None:
    layer = layer_of(name)
    x = sets(layer, 1)
    assert torch.allclose(layer(x)[:, 0], layer.aggregate(x[:, 0]), atol=1e-10)


def test_the_bias_is_on_the_mean_once() -> None:
    layer = layer_of("cyclic")
    assert layer.siamese.bias is None
    with torch.no_grad():
        layer.siamese.weight.zero_()
        layer.aggregate.weight.zero_()
    output = layer(sets(layer))
    assert torch.allclose(output, layer.aggregate.bias.expand_as(output))


def columns(layer: DSS, size: int) -> Tensor:
    """Return all maps that the weights of a layer reach, one a row."""
    shape = layer.in_type.sample(size).shape
    probe = torch.eye(shape.numel(), dtype=torch.float64).reshape(-1, *shape)
    rows = []
    for parameter in layer.parameters():
        for entry in range(parameter.numel()):
            with torch.no_grad():
                for other in layer.parameters():
                    other.zero_()
                parameter.view(-1)[entry] = 1
                rows.append(layer(probe).flatten())
    return torch.stack(rows)


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("name", ["trivial", "cyclic", "several orbits", "rotations"])
def test_the_span_is_that_of_the_published_form(name: str, size: int) -> None:
    symmetry, _, _ = SYMMETRIES[name]
    ours, published, siamese = (
        columns(DSS(symmetry, 1, 1, aggregation=kind, bias=False).double(), size)
        for kind in ("centered", "sum", "none")
    )
    rank = torch.linalg.matrix_rank
    together = rank(torch.cat([ours, published]))
    assert rank(ours) == rank(published) == together
    assert (rank(siamese) < together) == (size > 1)  # the negative control: a smaller span


@pytest.mark.parametrize("other", PUBLISHED)
@pytest.mark.parametrize("name", SYMMETRIES)
def test_other_coordinates_are_the_same_function(name: str, other: str) -> None:
    for source, target in (("centered", other), (other, "centered"), ("sum", "mean")):
        layer = layer_of(name, source)
        x = sets(layer)
        again = layer.reparametrize(target, set_size=3)
        assert type(again.aggregation).__name__.lower() == target
        assert torch.allclose(again(x), layer(x), atol=1e-9)
        assert not {id(p) for p in again.parameters()} & {id(p) for p in layer.parameters()}
        back = again.reparametrize(source, set_size=3)
        for one, two in zip(layer.parameters(), back.parameters(), strict=True):
            assert torch.allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("name", ["cyclic", "images"])
def test_the_mean_and_the_centred_form_agree_on_all_layouts_and_sizes(name: str) -> None:
    layer = layer_of(name, "mean")
    again, x = layer.reparametrize("centered"), sets(layer)
    batch = SetBatch.from_list([x[0][:1], x[1]])
    assert torch.allclose(again(x, MASK), layer(x, MASK), atol=1e-9)
    assert torch.allclose(again(batch).values, layer(batch).values, atol=1e-9)


def test_the_sum_agrees_on_sets_of_its_size_only() -> None:
    layer = layer_of("cyclic", "sum")
    again = layer.reparametrize("centered", set_size=3)
    assert not torch.allclose(again(sets(layer, 4)), layer(sets(layer, 4)))


@pytest.mark.parametrize("conv", ["gcn", "graph"])
def test_graphs_of_each_element_have_the_same_coordinates(conv: str) -> None:
    layer = DSS("permutations", 2, 3, aggregation="mean", conv=conv).double()
    links = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    each = Edges.stack([links, links.flip(0), links[:, :2]] * 2, nodes=4)
    again = layer.reparametrize("centered", structure=links)
    x = torch.randn(2, 3, 4, 2, generator=torch.Generator().manual_seed(0)).double()
    assert torch.allclose(again(x, structure=each), layer(x, structure=each), atol=1e-9)
    with pytest.raises(FeatureTypeError, match="cannot be tried without side information"):
        layer.reparametrize("centered")


def test_a_network_keeps_its_function() -> None:
    torch.manual_seed(0)
    network = SetNetwork(
        RING, [2, 3, 4], aggregation="mean", normalization="batch", readout=2, dropout_rate=0.1
    ).double()
    x = sets(layer_of("cyclic"))
    network(x)  # running statistics
    network.eval()
    again = network.reparametrize("centered")
    assert torch.allclose(again(x), network(x), atol=1e-9)
    assert again.training is False
    assert eqsets.to_dict(again)["arguments"]["aggregation"] == "centered"
    assert not {id(p) for p in again.parameters()} & {id(p) for p in network.parameters()}


@pytest.mark.parametrize("name", ["trivial", "cyclic", "several orbits", "images", "nodes"])
def test_elements_that_move_alone_share_their_invariant_part_only(name: str) -> None:
    layer = layer_of(name, alignment="independent")
    assert isinstance(layer.context, InvariantCenteredContext)
    report = equivariance_error(layer, layer.in_type, layer.out_type, alignment="independent")
    assert report.max < 1e-9 or name == "images"  # padded at the border
    x = sets(layer)
    local = layer.siamese(x.flatten(0, 1)).unflatten(0, (2, 3))
    share = layer.context.part
    moving = (layer(x) - local).flatten(0, 1)
    assert torch.allclose(moving, share(moving).expand_as(moving), atol=1e-9)
    mean = share(layer(x).mean(1))
    with torch.no_grad():
        for parameter in layer.siamese.parameters():
            parameter.mul_(2)
    assert torch.allclose(share(layer(x).mean(1)), mean, atol=1e-9)  # B alone acts on the mean


def test_it_is_described_saved_and_loaded() -> None:
    layer, file = layer_of("cyclic").float(), io.BytesIO()
    eqsets.save(layer, file)
    file.seek(0)
    output = eqsets.load(file)
    x = sets(layer).float()
    assert output.aggregation == Centered()
    assert torch.equal(output(x), layer(x))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layer_of("cyclic").reparametrize("max"), FeatureTypeError, "Max.* expected 'sum'"),
        (lambda: layer_of("cyclic", "none").reparametrize("sum"), FeatureTypeError, "one form"),
        (
            lambda: layer_of("cyclic", "mean", alignment="independent").reparametrize("centered"),
            FeatureTypeError,
            "alignment='independent'",
        ),
        (lambda: layer_of("cyclic").reparametrize("sum"), OptionError, "set_size=None"),
        (lambda: layer_of("cyclic").reparametrize("sum", set_size=0), OptionError, "set_size=0"),
        (
            lambda: DSS("permutations", 2, 3, aggregation="mean", conv="gin").reparametrize(
                "centered", structure=torch.tensor([[0], [1]])
            ),
            FeatureTypeError,
            "not linear in their weights",
        ),
    ],
)
def test_what_has_no_other_coordinates_says_so(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", ["cyclic", "images"])
def test_the_difference_of_two_maps_is_one_map(name: str) -> None:
    layer = layer_of(name)
    mean = sets(layer)[:, 0]
    common, local = layer.aggregate, layer.siamese
    assert common.can_subtract(local)
    expected = common(mean) - local(mean)
    assert torch.allclose(common(mean, minus=local), expected, atol=1e-12)
    assert not local.can_subtract(common)  # which has a bias


def test_maps_of_other_options_are_not_subtracted_weight_by_weight() -> None:
    given: dict[str, Any] = {"kernel_size": 3, "context": {"kernel_size": 3, "dilation": 2}}
    layer = DSS("translations", 2, 3, **given).double()
    assert not layer.aggregate.can_subtract(layer.siamese)
    x = torch.randn(2, 3, 2, 7, 7, dtype=torch.float64)
    expected = torch.stack([by_loop(layer, members) for members in x])
    assert torch.allclose(layer(x), expected, atol=1e-12)
