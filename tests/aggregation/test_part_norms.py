"""Norms for each of the two parts of a layer: their formula, in all layouts, and who has them."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import eqsets
from eqsets import (
    DSS,
    FeatureTypeError,
    SetBatch,
    SetNetwork,
    SetResNet,
    SetUNet,
    element_group,
    equivariance_error,
)
from eqsets.nn import Elementwise, SetPool, SetSequential, norm

RING = element_group("cyclic", size=4)
MASK = torch.tensor([[True, False, True], [True, True, True]])
KINDS = ["batch", "element"]
IMAGES = element_group("translations", stride=2)


def trained(layer: Any) -> Any:
    """Give weights and statistics values of their own, so that no part is hidden by a start."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in (*layer.parameters(), *layer.buffers()):
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator) + 0.1)
    return layer.double()


def sets(size: int = 3) -> Tensor:
    return torch.randn(2, size, 4, 2, generator=torch.Generator().manual_seed(1)).double()


def by_loop(layer: Any, members: Tensor) -> Tensor:
    """N1(A (x_i - m)) + N2(B m), or N1(L1 x_i) + N2(L2 m), one element after the other."""
    norms, mean = layer.part_norms, members.mean(0)
    common = norms.common(layer.aggregate(mean[None]))[0]
    base = mean if type(layer.aggregation).__name__ == "Centered" else torch.zeros_like(mean)
    own = [norms.own(layer.siamese((x - base)[None]))[0] for x in members]
    return torch.stack([each + common for each in own])


@pytest.mark.parametrize("aggregation", ["centered", "mean"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_layer_is_the_formula_in_all_layouts(kind: str, aggregation: str) -> None:
    layer = trained(DSS(RING, 2, 3, aggregation=aggregation, part_normalization=kind)).eval()
    x = sets()
    padded = layer(torch.where(MASK[..., None, None], x, torch.nan), MASK)
    ragged = layer(SetBatch.from_list([x[0][MASK[0]], x[1]])).to_list()
    for b in range(2):
        expected = by_loop(layer, x[b][MASK[b]])
        for got in (layer(x[b][MASK[b]][None])[0], padded[b][MASK[b]], ragged[b]):
            assert torch.allclose(got, expected, atol=1e-9)
    assert not padded[~MASK].any()


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("kind", KINDS)
def test_training_counts_what_is_present(kind: str, alignment: str) -> None:
    layer = trained(DSS(RING, 2, 3, alignment=alignment, part_normalization=kind)).train()
    x = sets()
    padded = layer(torch.where(MASK[..., None, None], x, 1e3), MASK)
    ragged = layer(SetBatch.from_list([x[0][MASK[0]], x[1]])).to_list()
    for b in range(2):
        assert torch.allclose(padded[b][MASK[b]], ragged[b], atol=1e-6)


def test_it_is_a_norm_of_the_differences_and_one_of_the_mean() -> None:
    """The composition of modules with which the form was measured first, bit by bit."""
    torch.manual_seed(0)
    layer: Any = DSS(RING, 2, 3, part_normalization="batch")
    differences = DSS(RING, 2, 3, aggregation="sridhar", bias=False)
    common = DSS(RING, 2, 3, aggregation="none", bias=False)
    differences.siamese.load_state_dict(layer.siamese.state_dict())
    common.siamese.load_state_dict(layer.aggregate.state_dict())
    norms: list[Any] = [norm(RING, 3, "batch") for _ in range(2)]
    nn.init.constant_(norms[1].module.weight, 0.3)
    x = sets().float()
    mean = SetPool(RING, 2, "mean")(x)[:, None]
    expected = SetSequential(differences, norms[0])(x) + SetSequential(common, norms[1])(mean)
    assert torch.equal(layer(x), expected)


def test_one_element_has_the_norm_of_the_mean_alone() -> None:
    layer = trained(DSS(RING, 2, 3, part_normalization="element"))
    x = sets(1)
    zero = layer.part_norms.own(torch.zeros(2, 4, 3).double())
    expected = zero + layer.part_norms.common(layer.aggregate(x[:, 0]))
    assert torch.allclose(layer(x)[:, 0], expected, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_elements_that_move_alone_have_two_parts_in_what_the_group_leaves_invariant(
    kind: str,
) -> None:
    layer = trained(DSS(RING, 2, 3, alignment="independent", part_normalization=kind)).eval()
    report = equivariance_error(layer, layer.in_type, layer.out_type, alignment="independent")
    assert report.max < 1e-9
    # the negative control: parts of shared elements are not those of elements that move alone
    shared = trained(DSS(RING, 2, 3, part_normalization=kind)).eval()
    report = equivariance_error(shared, shared.in_type, shared.out_type, alignment="independent")
    assert report.max > 1e-3


def test_a_norm_of_the_whole_output_is_another_function() -> None:
    torch.manual_seed(0)
    parts = DSS(RING, 2, 3, part_normalization="element")
    whole = DSS(RING, 2, 3, bias=False)
    whole.load_state_dict(parts.state_dict(), strict=False)
    x = sets().float() * 0.01 + sets().float()[:, :1]  # similar elements
    outputs = [SetSequential(whole, norm(RING, 3, "element"))(x), parts(x)]
    spread = [float(y.detach().std(1).mean()) for y in outputs]
    assert spread[0] < 0.1 < 0.3 < spread[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "build",
    [
        lambda kind: DSS("translations", 2, 3, kernel_size=3, part_normalization=kind),
        lambda kind: SetNetwork(
            "translations", [2, 3, 3], kernel_size=3, normalization=f"{kind}-parts"
        ),
        lambda kind: SetResNet(
            "translations", [2, 3, 3], depth=1, kernel_size=3, normalization=f"{kind}-parts"
        ),
        lambda kind: SetUNet(IMAGES, [2, 3, 4], kernel_size=3, normalization=f"{kind}-parts"),
    ],
    ids=["DSS", "SetNetwork", "SetResNet", "SetUNet"],
)
def test_networks_are_described_saved_and_loaded(build: Any, kind: str) -> None:
    network, file = trained(build(kind)).float(), io.BytesIO()
    assert any(isinstance(m, DSS) and m.part_norms is not None for m in network.modules())
    eqsets.save(network, file)
    file.seek(0)
    again = eqsets.load(file).eval()
    x = torch.randn(2, 3, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again(x), network.eval()(x))
    arguments = eqsets.to_dict(network)["arguments"]
    given = arguments.get("part_normalization") or arguments["normalization"]
    assert given.removesuffix("-parts") == kind


@pytest.mark.parametrize("aggregation", ["none", "sridhar", "aittala"])
def test_layers_with_one_part_have_one_norm_behind_them(aggregation: str) -> None:
    network = SetNetwork(RING, [2, 4, 4], aggregation=aggregation, normalization="element-parts")
    layer, behind = list[Any](network.blocks.layers)[:2]
    assert layer.part_norms is None
    assert isinstance(behind, Elementwise)
    with pytest.raises(FeatureTypeError, match=r"='element'.*eqsets\.nn\.norm behind"):
        DSS(RING, 2, 4, aggregation=aggregation, part_normalization="element")


def test_the_norms_have_the_bias_where_they_have_one() -> None:
    layer: Any = DSS(RING, 2, 3, part_normalization="batch")
    assert layer.siamese.bias is None
    assert layer.aggregate.bias is None
    assert layer.part_norms.biased


@pytest.mark.parametrize("given", ["batch-parts", "parts", "elements"])
def test_other_normalisations_are_refused(given: str) -> None:
    with pytest.raises(FeatureTypeError, match=rf"part_normalization='{given}'.*'batch'"):
        DSS(RING, 2, 3, part_normalization=given)


def test_parts_that_are_normalised_have_no_other_coordinates() -> None:
    with pytest.raises(FeatureTypeError, match="normalised by themselves"):
        DSS(RING, 2, 3, part_normalization="batch").reparametrize("mean")
