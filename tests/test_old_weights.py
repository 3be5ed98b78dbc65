"""Weights of versions whose default aggregation was the sum."""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from typing import Any

import pytest
import torch

import eqsets
from eqsets import DSS, SetNetwork, element_group

RING = element_group("cyclic", size=4)


def aged(module: torch.nn.Module, version: int) -> dict[str, Any]:
    """Return the weights of a module as an earlier version saved them."""
    state: Any = OrderedDict(module.state_dict())
    metadata = {
        name: {"version": version if isinstance(part, DSS) else 1}
        for name, part in module.named_modules()
    }
    if version == 1:
        state = OrderedDict((key.replace("context.", ""), value) for key, value in state.items())
    state._metadata = metadata
    return state


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("bias", [True, False])
def test_weights_of_the_former_default_are_refused(
    version: int, alignment: str, bias: bool
) -> None:
    options: dict[str, Any] = {"alignment": alignment, "bias": bias}
    old = aged(DSS(RING, 2, 3, aggregation="sum", **options), version)
    with pytest.raises(RuntimeError, match=r"aggregation='sum'.*reparametrize"):
        DSS(RING, 2, 3, **options).load_state_dict(old)
    summed = DSS(RING, 2, 3, aggregation="sum", **options)
    summed.load_state_dict(old)  # as it was trained


@pytest.mark.parametrize("bias", [True, False])
def test_networks_name_the_layer(bias: bool) -> None:
    old = aged(SetNetwork(RING, [2, 3, 3], aggregation="sum", bias=bias), 2)
    with pytest.raises(RuntimeError, match=r"blocks\.layers\.2\.weights of a layer"):
        SetNetwork(RING, [2, 3, 3], bias=bias).load_state_dict(old)
    network = SetNetwork(RING, [2, 3, 3], aggregation="sum", bias=bias)
    network.load_state_dict(old)
    x = torch.randn(2, 5, 4, 2)
    assert torch.allclose(network.reparametrize("centered", set_size=5)(x), network(x), atol=1e-5)


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("bias", [True, False])
def test_weights_of_now_load(alignment: str, bias: bool) -> None:
    one, two = (DSS(RING, 2, 3, alignment=alignment, bias=bias) for _ in range(2))
    two.load_state_dict(one.state_dict())
    two.load_state_dict(dict(one.state_dict()))  # without versions
    x = torch.randn(2, 5, 4, 2)
    assert torch.equal(one(x), two(x))


def test_centred_weights_of_before_load_where_their_bias_says_what_they_are() -> None:
    one = DSS(RING, 2, 3)
    DSS(RING, 2, 3).load_state_dict(aged(one, 2))


def test_a_file_names_its_aggregation() -> None:
    options = {"normalization": None, "readout_aggregation": "mean", "readout_element": "mean"}
    old = SetNetwork(RING, [2, 3, 3], aggregation="sum", readout=2, **options)
    plain = eqsets.to_dict(old)
    for name in ("context", "readout_aggregation", "readout_element"):
        del plain["arguments"][name]  # what earlier versions did not write
    file = io.BytesIO()
    torch.save({"eqsets": json.dumps(plain), "state_dict": aged(old, 2)}, file)
    file.seek(0)
    x = torch.randn(2, 5, 4, 2)
    assert torch.equal(eqsets.load(file)(x), old(x))


def test_weights_of_a_network_that_scored_elements_say_how_it_was_normalised() -> None:
    score = {"readout": 1, "readout_aggregation": "none"}
    old = SetNetwork(RING, [2, 3, 3], normalization="element", **score)
    weights = aged(old, 2)
    for name, each in weights._metadata.items():  # type: ignore[attr-defined]
        each["version"] = 2 if name == "" else each["version"]
    with pytest.raises(RuntimeError, match=r"without norms of parts.*normalization='element'"):
        SetNetwork(RING, [2, 3, 3], **score).load_state_dict(weights)
    SetNetwork(RING, [2, 3, 3], normalization="element", **score).load_state_dict(weights)
    now = SetNetwork(RING, [2, 3, 3], **score)
    SetNetwork(RING, [2, 3, 3], **score).load_state_dict(now.state_dict())
