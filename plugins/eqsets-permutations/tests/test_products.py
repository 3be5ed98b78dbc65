"""Sparse products: the eager and the compiled branch against dense matrices, with gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor

from eqsets import DSS, SetBatch, SetNetwork
from eqsets_permutations import Edges
from eqsets_permutations.convolution.adjacency import (
    Adjacency,
    gcn_adjacency,
    mean_adjacency,
    spmm,
    sum_adjacency,
)

DOUBLE = torch.float64
# Directed, with a loop, a double edge, a node without edges into it (5) and one with none (6).
INDEX = torch.tensor([[0, 1, 2, 2, 3, 4, 5, 5, 1], [1, 0, 2, 0, 0, 3, 4, 4, 3]])
NODES = 7


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def dense(weight: Tensor) -> Tensor:
    empty = torch.zeros(NODES, NODES, dtype=weight.dtype)
    return empty.index_put((INDEX[1], INDEX[0]), weight, accumulate=True)


@pytest.mark.parametrize("compiling", [False, True])
def test_product_and_its_gradients_are_those_of_the_matrix(
    compiling: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight, x, towards = draw(9), draw(NODES, 5), draw(NODES, 5, seed=1)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiling)
    results = []
    for product in (
        lambda w, v: spmm(Adjacency.of(INDEX, w, NODES), v),
        lambda w, v: dense(w) @ v,
    ):
        inputs = [weight.clone().requires_grad_(), x.clone().requires_grad_()]
        y = product(*inputs)
        results.append([y, *torch.autograd.grad((y * towards).sum(), inputs)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("compiling", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_normalised_adjacencies_are_those_of_the_matrix(
    compiling: bool, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = draw(9).abs() if weighted else torch.ones(9, dtype=DOUBLE)
    edges, like, eye = (
        Edges(INDEX, weight if weighted else None),
        draw(1),
        torch.eye(NODES).double(),
    )
    plain = dense(weight)
    degree = plain.sum(1, keepdim=True)
    loops = plain + torch.diag((plain.diagonal() == 0) * 2.0)
    scale = loops.sum(1).rsqrt()
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiling)
    torch.testing.assert_close(sum_adjacency(edges, NODES, like) @ eye, plain)
    mean = torch.where(degree > 0, plain / degree, 0)
    torch.testing.assert_close(mean_adjacency(edges, NODES, like) @ eye, mean)
    gcn = scale[:, None] * loops * scale
    torch.testing.assert_close(gcn_adjacency(edges, NODES, like, 2.0) @ eye, gcn)


@pytest.mark.parametrize("conv", ["gcn", "graph", "sage", "gin", "gat", "cheb"])
@pytest.mark.parametrize("ragged", [False, True])
def test_branches_for_compiled_graphs_give_the_same_gradients(
    conv: str, ragged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    options = {"K": 2} if conv == "cheb" else {}
    model = SetNetwork("permutations", [3, 4, 2], conv=conv, **options).double()
    rows = draw(5, NODES, 3)
    per_row = [INDEX[:, :k] for k in (9, 0, 4, 7, 1)]

    def run() -> list[Tensor]:
        if ragged:
            sets = SetBatch(rows.clone().requires_grad_(), torch.tensor([1, 0, 1, 0, 0]), 2)
            x, y = sets.values, model(sets, structure=Edges.stack(per_row, nodes=NODES)).values
        else:
            x = rows[None].clone().requires_grad_()
            y = model(x, structure=INDEX)
        return [y, *torch.autograd.grad(y.square().sum(), [x, *model.parameters()])]

    eager = run()
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    for one, other in zip(eager, run(), strict=True):
        torch.testing.assert_close(one, other)


Oracle = Callable[..., Tensor]


@pytest.mark.parametrize("conv", ["gat", "gine", "transformer"])
def test_edge_features_of_unequal_graphs_are_those_of_pyg(conv: str) -> None:
    """Each element with its own edges and features; the second branch sees the sum of the set."""
    torch.manual_seed(0)
    layer = DSS("permutations", 3, 4, aggregation="sum", conv=conv, edge_dim=2).double()
    x = draw(1, 3, NODES, 3)
    graphs = [Edges(INDEX[:, :k], attr=draw(k, 2, seed=k)) for k in (9, 2, 0)]
    y = layer(x, structure=Edges.stack(graphs, nodes=NODES))
    own, shared = layer.siamese.conv, layer.aggregate.conv
    assert isinstance(own, pyg.MessagePassing)
    index = torch.cat([graph.index for graph in graphs], 1)
    attr = torch.cat([graph.attr for graph in graphs])
    context = shared(x[0].sum(0), index, edge_attr=attr)
    expected = [
        own(x[0, i], graph.index, edge_attr=graph.attr) + context for i, graph in enumerate(graphs)
    ]
    torch.testing.assert_close(y[0], torch.stack(expected))
