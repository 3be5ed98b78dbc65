"""What is worked out once: one matrix for all layers and both branches, never a stale one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from eqsets import DSS, SetNetwork
from eqsets_permutations import adjacency
from eqsets_permutations.edges import Edges

RING = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_a_network_builds_one_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = adjacency.gcn_adjacency

    def counting(*args: object) -> adjacency.Adjacency:
        built.append(args)
        return build(*args)

    monkeypatch.setattr(adjacency, "gcn_adjacency", counting)
    network = SetNetwork("permutations", [2, 4, 4, 4], conv="gcn", readout=1).double()
    network(draw(2, 3, 4, 2), structure=RING)
    assert len(built) == 1
    network(draw(2, 3, 4, 2), structure=RING)  # a plain tensor is looked at anew
    assert len(built) == 2
    edges = Edges(RING)
    network(draw(2, 3, 4, 2), structure=edges)
    network(draw(2, 3, 4, 2), structure=edges)
    assert len(built) == 3


def test_edges_that_are_written_into_are_looked_at_anew() -> None:
    layer, x = DSS("permutations", 2, 3, conv="graph").double(), draw(1, 2, 4, 2)
    index, weight = RING.clone(), draw(4).abs()
    edges = Edges(index, weight)
    before = layer(x, structure=edges)
    weight.mul_(3)
    index[0, 0] = 2
    after = layer(x, structure=edges)
    torch.testing.assert_close(after, layer(x, structure=Edges(index.clone(), weight.clone())))
    assert not torch.allclose(before, after)


def test_edges_seen_in_inference_mode_serve_training() -> None:
    layer, x, edges = DSS("permutations", 2, 3, conv="gcn").double(), draw(1, 2, 4, 2), Edges(RING)
    with torch.inference_mode():
        expected = layer(x, structure=edges).clone()
    y = layer(x, structure=edges)
    torch.testing.assert_close(y, expected)
    y.sum().backward()


@pytest.mark.parametrize("weighted", [False, True])
def test_derivatives_of_second_order(weighted: bool) -> None:
    layer = DSS("permutations", 2, 2, conv="gcn").double()
    inputs = [draw(1, 2, 4, 2).requires_grad_()]
    if weighted:
        inputs.append(draw(4).abs().requires_grad_())

    def output(x: Tensor, weight: Tensor | None = None) -> Tensor:
        y: Tensor = layer(x, structure=Edges(RING, weight))
        return y.tanh()

    assert torch.autograd.gradcheck(output, inputs)
    assert torch.autograd.gradgradcheck(output, inputs)
