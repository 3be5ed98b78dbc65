"""What bags of subgraphs are for: graphs that the Weisfeiler-Leman test cannot distinguish."""

from __future__ import annotations

import itertools

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from eqsets_permutations.subgraphs.esan import DSSGNN, vote
from eqsets_permutations.subgraphs.policies import NodeDeleted, SubgraphPolicy

SKIPS = (2, 3, 4, 5, 6, 9, 11, 12, 13, 16)  # circular skip links of the CSL graphs, 41 nodes


class Whole(NodeDeleted):
    """The bag of the graph alone: DSS-GNN is then a plain graph network."""

    def roots(self, edge_index: torch.Tensor, nodes: int) -> torch.Tensor:
        return edge_index.new_full((1,), -1)


def as_data(graph: nx.Graph) -> Data:
    pairs = torch.tensor(list(graph.edges), dtype=torch.int64).reshape(-1, 2).T
    return Data(
        x=torch.ones(len(graph), 1, dtype=torch.float64),
        edge_index=torch.cat([pairs, pairs.flip(0)], 1),
    )


def embed(graphs: list[nx.Graph], policy: SubgraphPolicy, layers: int = 4) -> torch.Tensor:
    """Return what an untrained network says of each graph, in float64."""
    torch.manual_seed(0)
    model = DSSGNN(1, 16, hidden=8, layers=layers, normalization=None).double().eval()
    for weight in model.parameters():  # far from zero, so that differences do not shrink
        weight.data *= 2
    return vote(model, [as_data(graph) for graph in graphs], policy, votes=1)


@pytest.fixture(scope="module")
def pairs() -> list[tuple[nx.Graph, nx.Graph]]:
    """All pairs of the atlas (1,252 graphs up to 7 nodes) that 1-WL takes for equal."""
    graphs = [graph for graph in nx.graph_atlas_g() if len(graph)]
    assert len(graphs) == 1252
    indistinguishable: dict[str, list[nx.Graph]] = {}
    for graph in graphs:
        key = nx.weisfeiler_lehman_graph_hash(graph, iterations=7)
        indistinguishable.setdefault(key, []).append(graph)
    return [
        pair for group in indistinguishable.values() for pair in itertools.combinations(group, 2)
    ]


@pytest.mark.filterwarnings("ignore:The hashes produced for graphs:UserWarning")
def test_atlas_pairs_are_distinguished(pairs: list[tuple[nx.Graph, nx.Graph]]) -> None:
    assert len(pairs) == 26
    flat = [graph for pair in pairs for graph in pair]
    plain = embed(flat, Whole()).reshape(26, 2, -1)
    assert (plain[:, 0] - plain[:, 1]).abs().max() < 1e-9 * plain.abs().max()
    bags = embed(flat, NodeDeleted()).reshape(26, 2, -1)
    gap = (bags[:, 0] - bags[:, 1]).norm(dim=1) / bags.norm(dim=(1, 2))
    assert gap.min() > 1e-7


def test_circular_skip_links_are_distinguished() -> None:
    graphs = [nx.circulant_graph(41, [1, skip]) for skip in SKIPS]
    plain = embed(graphs, Whole(), layers=8)
    assert (plain - plain[0]).abs().max() < 1e-9 * plain.abs().max()
    bags = embed(graphs, NodeDeleted(), layers=8)
    gaps = torch.cdist(bags, bags) / bags.norm()
    assert (gaps + torch.eye(10)).min() > 1e-9
