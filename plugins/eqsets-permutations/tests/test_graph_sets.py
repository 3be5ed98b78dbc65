"""Graphs of unequal numbers of nodes in one batch, against PyG on each graph."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv

from eqsets import DSS, PartBatch, SetNetwork, ShapeError, nn
from eqsets_permutations import Edges, join_edges, sets_of_graphs


def graph(nodes: int, **more: torch.Tensor) -> Data:
    index = torch.randint(nodes, (2, 2 * nodes))
    if not more:
        index = index.unique(dim=1)  # PyG drops all but one of several loops at a node
    return Data(x=torch.randn(nodes, 3), edge_index=index, **more)


def test_a_siamese_layer_is_the_convolution_of_pyg() -> None:
    torch.manual_seed(0)
    sets = [[graph(4), graph(2)], [graph(5), graph(1), graph(3)]]
    x, edges = sets_of_graphs(sets)
    layer, reference = DSS("permutations", 3, 8, conv="gcn", aggregation="none"), GCNConv(3, 8)
    reference.load_state_dict(layer.siamese.state_dict())
    y = layer(x, structure=edges)
    for of, outputs in zip(sets, y.to_list(), strict=True):
        for one, output in zip(of, outputs, strict=True):
            assert torch.allclose(output, reference(one.x, one.edge_index), atol=1e-5)


def test_batch_statistics_count_every_node_once() -> None:
    torch.manual_seed(0)
    x, _ = sets_of_graphs([[graph(4), graph(2)], [graph(5)]])
    norm = nn.norm("permutations", 3, "batch")
    y = norm(x).values
    assert torch.allclose(y.mean(0), torch.zeros(3), atol=1e-6)
    dense, mask = x.to_padded()
    again = nn.norm("permutations", 3, "batch")
    padded = again(torch.where(mask[..., None], dense, torch.nan), mask)
    assert torch.allclose(padded[mask], y, atol=1e-6)
    assert torch.allclose(again.module.running_var, norm.module.running_var)


def test_edge_features_go_along() -> None:
    torch.manual_seed(0)
    sets = [[graph(n, edge_attr=torch.randn(2 * n, 2)) for n in (3, 4)]]
    x, edges = sets_of_graphs(sets)
    net = SetNetwork(
        "permutations", [3, 4, 4], conv="gine", edge_dim=2, alignment="independent", readout=2
    ).eval()
    alone = sets_of_graphs([sets[0][::-1]])
    swapped = net(alone[0], structure=alone[1])
    assert torch.allclose(net(x, structure=edges), swapped, atol=1e-5)


X, EDGES = sets_of_graphs([[graph(4), graph(2)], [graph(5)]])


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (torch.tensor([[0], [4]]), "an edge between nodes of two elements"),
        (torch.tensor([[0], [11]]), "from 0 to 11, expected 0 to 10"),
        (Edges(torch.tensor([[0], [1]]), nodes=4), "edges of 4 nodes for graphs of 11"),
        (Edges.stack([torch.zeros(2, 0).long()] * 3, nodes=4), "edges of 12 nodes for graphs"),
        (None, "got no edges"),
    ],
)
def test_bad_edges_are_refused(structure, message: str) -> None:
    layer = DSS("permutations", 3, 4, conv="gcn", aggregation="none")
    with pytest.raises(ShapeError, match=message):
        layer(X, structure=structure)


def test_bad_padded_edges_are_refused() -> None:
    layer = DSS("permutations", 3, 4, conv="gcn", aggregation="none")
    x, mask = X.to_padded()
    with pytest.raises(ShapeError, match=r"edges of 2 graphs of 4 nodes for a mask of \(2, 2, 5\)"):
        layer(x, mask, structure=Edges.stack([torch.zeros(2, 0).long()] * 2, nodes=4))


def test_different_graphs_do_not_share_nodes() -> None:
    layer = DSS("permutations", 3, 4, conv="gcn")
    with pytest.raises(ShapeError, match="different numbers of parts"):
        layer(X, structure=EDGES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sets_of_graphs([]), "at least one set"),
        (lambda: sets_of_graphs([[]]), "at least one element"),
        (lambda: sets_of_graphs([[Data(edge_index=torch.zeros(2, 0).long())]]), "node features x"),
        (lambda: sets_of_graphs([["graph"]]), "got str at position 0"),
        (lambda: join_edges([], []), "at least one"),
        (lambda: join_edges([torch.zeros(2, 0).long()], [1, 2]), "1 graphs and 2 sizes"),
        (lambda: join_edges([torch.tensor([[0], [3]])], [3]), "from 0 to 3, expected 0 to 2"),
        (lambda: join_edges([Edges.stack([EDGES.index] * 2, nodes=11)], [22]), "expected one at"),
        (
            lambda: sets_of_graphs([[graph(2, edge_weight=torch.ones(4)), graph(2)]]),
            "join_edges got edge weights for 1 of 2",
        ),
    ],
)
def test_bad_graphs_are_refused(make, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        make()


def test_pairs_of_unequal_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="has no parts in any number"):
        DSS("permutations", "1 pairs", "1 pairs")(PartBatch.from_list([[torch.ones(2, 1)]]))
