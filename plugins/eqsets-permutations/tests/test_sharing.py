"""Matrices of the edges: one for all layers and both branches of a pass, never a stale one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from eqsets import DSS, SetNetwork
from eqsets_permutations.convolution import adjacency
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
    for structure in (RING, Edges(RING)):
        for _ in range(2):
            built.clear()
            network(draw(2, 3, 4, 2), structure=structure)
            assert len(built) == 1
    built.clear()
    prepared = Edges(RING).prepared()
    network(draw(2, 3, 4, 2), structure=prepared)
    network(draw(2, 3, 4, 2), structure=prepared)
    assert len(built) == 1, "over several forward passes where that is asked for"


def write(values: Tensor, new: Tensor) -> None:
    values.copy_(new)


def write_data(values: Tensor, new: Tensor) -> None:
    values.data.copy_(new)  # does not count as a write for autograd


def write_numpy(values: Tensor, new: Tensor) -> None:
    values.numpy()[:] = new.numpy()


def write_in_inference(values: Tensor, new: Tensor) -> None:
    with torch.inference_mode():
        values.copy_(new)


@pytest.mark.parametrize("writing", [write, write_data, write_numpy, write_in_inference])
@pytest.mark.parametrize("conv", ["gcn", "graph"])
def test_edges_that_are_written_are_read_again(
    conv: str, writing: Callable[[Tensor, Tensor], None]
) -> None:
    layer, x = DSS("permutations", 2, 3, conv=conv).double(), draw(1, 2, 4, 2)
    index, weight = RING.clone(), draw(4).abs()
    edges = Edges(index, weight)
    before = layer(x, structure=edges)
    writing(weight, weight * torch.tensor([3.0, 1.0, 2.0, 5.0], dtype=torch.float64))
    writing(index, torch.tensor([[2, 1, 2, 3], [1, 2, 3, 0]]))
    after = layer(x, structure=edges)
    torch.testing.assert_close(after, layer(x, structure=Edges(index.clone(), weight.clone())))
    assert not torch.allclose(before, after)


def test_prepared_edges_are_a_snapshot() -> None:
    layer, x = DSS("permutations", 2, 3, conv="graph").double(), draw(1, 2, 4, 2)
    index, weight = RING.clone(), draw(4).abs()
    edges = Edges(index, weight).prepared()
    expected = layer(x, structure=Edges(index.clone(), weight.clone()))
    for stage in ("before a matrix is stored", "after"):
        weight.mul_(3)
        index[0, 0] = 2
        assert torch.equal(layer(x, structure=edges), expected), stage
    assert edges.prepared() is edges


def test_learned_weights_of_prepared_edges_are_read_at_every_step() -> None:
    layer, x = DSS("permutations", 2, 3, conv="gcn").double(), draw(1, 2, 4, 2)
    weight = draw(4).abs().requires_grad_()
    edges = Edges(RING, weight).prepared()
    for _ in range(2):
        y = layer(x, structure=edges)
        torch.testing.assert_close(y, layer(x, structure=Edges(RING, weight.detach().clone())))
        (grad,) = torch.autograd.grad(y.square().sum(), weight)
        assert float(grad.abs().min()) > 0
        with torch.no_grad():
            weight -= 0.1 * grad.sign()


def test_prepared_edges_serve_graphs_of_several_sizes() -> None:
    """The matrix of four nodes is not that of six, two of them isolated."""
    layer, edges = DSS("permutations", 2, 3, conv="gcn").double(), Edges(RING).prepared()
    for nodes in (4, 6, 4):
        x = draw(1, 2, nodes, 2)
        torch.testing.assert_close(layer(x, structure=edges), layer(x, structure=Edges(RING)))


def test_edges_prepared_in_inference_mode_serve_training() -> None:
    layer, x = DSS("permutations", 2, 3, conv="gcn").double(), draw(1, 2, 4, 2)
    edges = Edges(RING).prepared()
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
