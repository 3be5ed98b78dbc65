"""What a layer goes through on its way to users: compile, export, copies, weights, dtypes."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

from eqsets import DSS, SetNetwork, element_group
from eqsets_permutations.edges import Edges

GRAPH = torch.tensor([[0, 1, 2, 3, 4, 0, 2], [1, 2, 3, 4, 0, 2, 2]])
CONVS = ["gcn", "graph", "sage", "gin"]


def network(conv: str) -> SetNetwork:
    torch.manual_seed(0)
    return SetNetwork("permutations", [3, 8, 4], conv=conv, normalization="element", readout=2)


@pytest.mark.slow
def test_compiles_without_breaks_for_several_set_sizes() -> None:
    model = network("gin")
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for size in (3, 5, 6):
        x = torch.randn(2, size, 5, 3)
        expected = model(x, structure=GRAPH)
        y = compiled(x, structure=GRAPH)
        torch.testing.assert_close(y, expected)
        model.zero_grad()
        y.sum().backward()
        got = [p.grad.clone() for p in model.parameters()]
        model.zero_grad()
        expected.sum().backward()
        for ours, weight in zip(got, model.parameters(), strict=True):
            torch.testing.assert_close(ours, weight.grad)


class WithEdges(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        return self.model(x, structure=edges)


@pytest.mark.slow
def test_exports_with_a_free_set_size() -> None:
    model = WithEdges(network("gcn")).eval()
    free = {1: torch.export.Dim.DYNAMIC}
    program = torch.export.export(
        model, (torch.randn(2, 3, 5, 3), GRAPH), dynamic_shapes=(free, free)
    )
    x, fewer = torch.randn(2, 7, 5, 3), GRAPH[:, :4]
    torch.testing.assert_close(program.module()(x, fewer), model(x, fewer))


@pytest.mark.parametrize("conv", [*CONVS, "gat", "linear"])
def test_copies_and_weights(conv: str) -> None:
    layer = DSS("permutations", 3, 4, conv=conv)
    x = torch.randn(2, 3, 5, 3)
    expected = layer(x, structure=Edges(GRAPH))
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(twin(x, structure=GRAPH), expected)
    keys = set(layer.state_dict())
    assert keys == set(layer.eval().state_dict())
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    other = DSS("permutations", 3, 4, conv=conv)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    torch.testing.assert_close(other(x, structure=GRAPH), expected)


@pytest.mark.parametrize("conv", [*CONVS, "linear"])
def test_half_precision_sums_in_float32(conv: str) -> None:
    layer = DSS("permutations", 3, 4, conv=conv)
    x = torch.randn(2, 3, 5, 3)
    expected = layer(x, structure=GRAPH)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x, structure=GRAPH)
    y.float().sum().backward()
    torch.testing.assert_close(y.float(), expected, rtol=0.1, atol=0.1)
    half = copy.deepcopy(layer).bfloat16()(x.bfloat16(), structure=GRAPH)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), expected, rtol=0.1, atol=0.1)


def test_edges_survive_pickle_and_serve_twice() -> None:
    edges = Edges(GRAPH, nodes=5)
    layer = DSS("permutations", 3, 4, conv="gcn")
    x = torch.randn(2, 3, 5, 3)
    first = layer(x, structure=edges)
    again = pickle.loads(pickle.dumps(edges))
    torch.testing.assert_close(layer(x, structure=again), first)
    double = copy.deepcopy(layer).double()
    assert double(x.double(), structure=edges).dtype == torch.float64
    assert repr(edges) == "Edges(7 edges, 1 block of 5 nodes)"


def test_types_are_values() -> None:
    symmetry = element_group("permutations", nodes=7)
    kind = symmetry.feature_type("4 pairs")
    assert kind == element_group("permutations").feature_type("4 pairs")
    assert hash(kind) == hash(pickle.loads(pickle.dumps(kind)))
    assert repr(kind) == "PairFeatures(count=4, nodes=7)"
    assert symmetry.group.order == 5040


@pytest.mark.slow
def test_torch_geometric_is_imported_when_it_is_used() -> None:
    script = """if True:
        import sys, torch, eqsets
        layer = eqsets.DSS("permutations", 3, 4, conv="gcn")
        layer(torch.randn(1, 2, 3, 3), structure=torch.tensor([[0, 1], [1, 2]]))
        assert "torch_geometric" not in sys.modules
        sys.modules["torch_geometric"] = None
        try:
            eqsets.DSS("permutations", 3, 4, conv="gat")
        except eqsets.PluginError as error:
            assert "pip install torch_geometric" in str(error), error
        else:
            raise SystemExit("no error")
    """
    subprocess.run([sys.executable, "-c", script], check=True)
