"""Options of the second map alone: ``context=``."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch

import eqsets
from eqsets import DSS, FeatureTypeError, SetNetwork, Sets, ShapeError, element_group

PHOTOS = torch.randn(2, 3, 2, 5, 5, generator=torch.Generator().manual_seed(0))
SECOND = ("sum", "mean", "max", "centered")


@pytest.mark.parametrize("aggregation", SECOND)
def test_the_second_map_has_options_of_its_own(aggregation: str) -> None:
    given: dict[str, Any] = {"kernel_size": 3, "aggregation": aggregation}
    layer = DSS("translations", 2, 4, **given, context={"kernel_size": 1})
    assert layer.siamese.weight.shape[-1] == 3
    assert layer.aggregate is not None
    assert layer.aggregate.weight.shape[-1] == 1
    assert layer(PHOTOS).shape == (2, 3, 4, 5, 5)
    equal = DSS("translations", 2, 4, **given, context={"kernel_size": 3})
    plain = DSS("translations", 2, 4, **given)
    plain.load_state_dict(equal.state_dict())
    assert torch.equal(plain(PHOTOS), equal(PHOTOS))


@pytest.mark.parametrize("name", ["nested", "product"])
def test_networks_of_composed_symmetries_pass_it_on(name: str) -> None:
    images = element_group("translations")
    series = {"nested": Sets(images, 3), "product": element_group("symmetric", size=3) * images}
    network = SetNetwork(series[name], [1, 2, 2], kernel_size=3, context={"kernel_size": 1})
    plain = SetNetwork(series[name], [1, 2, 2], kernel_size=3)
    sizes = [sum(p.numel() for p in one.parameters()) for one in (network, plain)]
    assert sizes[0] < sizes[1]
    assert network(PHOTOS[:, :, None, :1].expand(-1, -1, 3, -1, -1, -1)).shape[3] == 2


def test_it_is_described_saved_and_loaded() -> None:
    network = SetNetwork("translations", [2, 3, 3], kernel_size=3, context={"kernel_size": 1})
    assert eqsets.to_dict(network)["arguments"]["context"] == {"kernel_size": 1}
    file = io.BytesIO()
    eqsets.save(network, file)
    file.seek(0)
    assert torch.equal(eqsets.load(file)(PHOTOS), network(PHOTOS))


@pytest.mark.parametrize("aggregation", ["mean", "centered"])
def test_strides_follow_from_the_types(aggregation: str) -> None:
    layer = DSS("translations", 2, 3, stride=2, aggregation=aggregation, context={"kernel_size": 1})
    assert layer(PHOTOS).shape == (2, 3, 3, 3, 3)


@pytest.mark.parametrize("aggregation", ["mean", "centered"])
def test_maps_of_other_sizes_are_refused(aggregation: str) -> None:
    layer = DSS(
        "translations", 2, 3, padding=0, aggregation=aggregation, context={"kernel_size": 1}
    )
    with pytest.raises(ShapeError, match=r"\(3, 3, 3\) .* \(3, 5, 5\) .*Give both"):
        layer(PHOTOS)


@pytest.mark.parametrize(
    "options",
    [{"alignment": "independent"}, {"aggregation": "none"}, {"aggregation": "sridhar"}],
)
def test_a_layer_without_a_second_map_refuses_it(options: dict[str, Any]) -> None:
    with pytest.raises(FeatureTypeError, match=r"context=\{'kernel_size': 1\}.*second map"):
        DSS("translations", 2, 3, context={"kernel_size": 1}, **options)


def test_a_second_map_of_its_own_has_no_other_coordinates() -> None:
    layer = DSS("translations", 2, 3, aggregation="mean", context={"kernel_size": 1})
    with pytest.raises(FeatureTypeError, match="options of its own"):
        layer.reparametrize("centered")
    again = layer.reparametrize("sum", set_size=3)
    assert torch.allclose(again(PHOTOS), layer(PHOTOS), atol=1e-5)
