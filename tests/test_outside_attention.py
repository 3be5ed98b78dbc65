"""The trial of an aggregation with weights: written outside, described, saved, loaded, tested."""

from __future__ import annotations

import copy
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import eqsets
from eqsets import DSS, DescriptionError, FeatureTypeError, SetBatch, SetNetwork, element_group
from eqsets.testing import check
from tests import outside_attention
from tests.outside_attention import Attention, AttentionContext

RING = element_group("cyclic", size=4)


def layer_of(heads: int = 2, features: int = 3) -> DSS:
    torch.manual_seed(0)
    return DSS(RING, 2, features, aggregation=Attention(heads))


def sets() -> Tensor:
    return torch.randn(2, 3, 4, 2, generator=torch.Generator().manual_seed(1))


def by_loop(layer: DSS, members: Tensor) -> Tensor:
    """Attention as a formula, one element after the other."""
    context = layer.context
    assert isinstance(context, AttentionContext)
    read = [context.invariant(x[None])[0] for x in members]
    weights = torch.stack([context.score(u) for u in read]).softmax(0)
    outputs = []
    for x, u in zip(members, read, strict=True):
        mix = context.mix(u).softmax(0)
        total = torch.zeros_like(x)
        for k in range(len(mix)):
            for j, other in enumerate(members):
                total = total + mix[k] * weights[j, k] * other
        outputs.append(layer.siamese(x[None])[0] + context.aggregate(total[None])[0])
    return torch.stack(outputs)


def test_the_layer_is_the_loop_in_all_layouts() -> None:
    layer, x = layer_of(), sets()
    mask = torch.tensor([[True, False, True], [True, True, True]])
    padded = layer(torch.where(mask[:, :, None, None], x, torch.nan), mask)
    ragged = layer(SetBatch.from_list([x[0][mask[0]], x[1]])).to_list()
    for b in range(2):
        expected = by_loop(layer, x[b][mask[b]])
        assert torch.allclose(layer(x[b][mask[b]][None])[0], expected, atol=1e-6)
        assert torch.allclose(padded[b][mask[b]], expected, atol=1e-6)
        assert torch.allclose(ragged[b], expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["cyclic", "translations"])
def test_the_layer_is_held_to_the_contract(group: str) -> None:
    torch.manual_seed(0)
    symmetry = RING if group == "cyclic" else element_group(group, dims=1, grid=5)
    options = {} if group == "cyclic" else {"kernel_size": 3}
    report = check(DSS(symmetry, 2, 3, aggregation=Attention(), **options), profile="quick")
    assert report.ok, report
    held = {result.id for result in report.results if result.status == "passed"}
    assert {"EQL10-set-permutation", "EQD12-plain-description"} <= held


def test_two_layers_share_no_weights() -> None:
    """One description serves all layers of a network, and ties none of them."""
    network = SetNetwork(RING, [2, 2, 2], aggregation=Attention(), activation="tanh")
    first, last = (layer for layer in network.blocks.layers if isinstance(layer, DSS))
    assert first.aggregation is last.aggregation
    names = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    assert len(names) == len(list(network.parameters())) == 2 * 6
    before = copy.deepcopy(last.state_dict())
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(1)
    assert all(torch.equal(before[name], value) for name, value in last.state_dict().items())


def test_a_tied_network_is_found() -> None:
    """The negative control: the same context module in both layers."""
    network = SetNetwork(RING, [2, 2, 2], aggregation=Attention())
    first, last = (layer for layer in network.blocks.layers if isinstance(layer, DSS))
    last.context = first.context
    every = list(network.named_parameters(remove_duplicate=False))
    assert len(every) > len(list(network.parameters()))


def test_weights_of_the_attention_learn() -> None:
    layer = layer_of()
    layer(sets()).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_network_is_described_saved_and_loaded() -> None:
    network, file = SetNetwork(RING, [2, 3, 3], aggregation=Attention(3), readout=2), io.BytesIO()
    plain = json.loads(json.dumps(eqsets.to_dict(network)))
    name = f"{outside_attention.__name__}:Attention"
    assert plain["arguments"]["aggregation"] == {"name": name, "options": {"heads": 3}}
    assert eqsets.from_dict(plain).construction.arguments["aggregation"] == Attention(3)
    eqsets.save(network, file)
    file.seek(0)
    result = eqsets.load(file)
    assert torch.equal(result(sets()), network(sets()))


@pytest.mark.slow
def test_a_file_imports_nothing_that_it_names(tmp_path: Path) -> None:
    """If the class is not registered, loading raises an error and does not import it."""
    eqsets.save(layer_of(), tmp_path / "layer.pt")
    code = (
        "import sys, eqsets\n"
        f"try: eqsets.load({str(tmp_path / 'layer.pt')!r})\n"
        "except eqsets.PluginError as error: print(error)\n"
        f"assert {outside_attention.__name__!r} not in sys.modules\n"
    )
    root = str(Path(__file__).parents[1])
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert run.returncode == 0, run.stderr
    assert "outside_attention:Attention" in run.stdout
    assert "Import" in run.stdout


def test_what_it_does_not_do_it_says() -> None:
    with pytest.raises(FeatureTypeError, match="expected 'shared'"):
        DSS(RING, 2, 3, aggregation=Attention(), alignment="independent")
    with pytest.raises(FeatureTypeError, match="expected one that reduces a set"):
        eqsets.nn.SetPool(RING, 2, Attention())
    with pytest.raises(DescriptionError, match="haeds"):
        eqsets.from_dict(
            {
                **eqsets.to_dict(layer_of()),
                "arguments": {
                    "in_features": 2,
                    "out_features": 3,
                    "aggregation": {
                        "name": f"{outside_attention.__name__}:Attention",
                        "options": {"haeds": 3},
                    },
                },
            }
        )
