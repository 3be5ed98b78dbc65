"""Graphs to classify: MUTAG from the files of grakel, and pairs that colour refinement misses."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data

from experiments.data.packages import package_folder

__all__ = [
    "cai_fuerer_immerman",
    "indistinguishable",
    "loops",
    "read_mutag",
    "refinement_classes",
    "reordered",
    "stratified_folds",
    "to_data",
    "twisted_pairs",
]

MUTAG_ATOMS = 7


def read_mutag() -> tuple[list[Data], Tensor]:
    """Return the 188 graphs of MUTAG with their 7 types of atoms, and labels 0 or 1.

    Types of bonds are not used, as in the papers on GIN and ESAN.

    Raises:
        OptionError: grakel is not installed.
    """
    folder = package_folder("grakel", "0.1.11") / "tests" / "data" / "MUTAG"
    graph = _numbers(folder / "MUTAG_graph_indicator.txt")[:, 0] - 1
    types = _numbers(folder / "MUTAG_node_labels.txt")[:, 0]
    links = _numbers(folder / "MUTAG_A.txt").T - 1
    labels = (_numbers(folder / "MUTAG_graph_labels.txt")[:, 0] + 1) // 2
    features = torch.nn.functional.one_hot(types, MUTAG_ATOMS).float()
    graphs = []
    for number in range(len(labels)):
        nodes = (graph == number).nonzero()[:, 0]
        own = links[:, graph[links[0]] == number] - nodes[0]
        graphs.append(Data(x=features[nodes], edge_index=own))
    return graphs, labels


def _numbers(path: Path) -> Tensor:
    lines = path.read_text(encoding="utf-8").split("\n")
    return torch.tensor([[int(value) for value in line.split(",")] for line in lines if line])


def stratified_folds(labels: Tensor, folds: int, seed: int) -> Tensor:
    """Return the random fold of each graph, stratified by class."""
    generator = torch.Generator().manual_seed(seed)
    fold, start = torch.empty_like(labels), 0
    for label in labels.unique():
        own = (labels == label).nonzero()[:, 0]
        own = own[torch.randperm(len(own), generator=generator)]
        fold[own] = (torch.arange(len(own)) + start) % folds
        start += len(own)  # continue after the last class, so that folds have equal sizes
    return fold


def cai_fuerer_immerman(base: nx.Graph, twisted: bool) -> nx.Graph:
    """Return the graph of Cai, Fürer and Immerman over a base graph, twisted at one node or not.

    Each node of the base is replaced by its sets of edges of even size (of odd size at the twisted
    node); sets at the two ends of an edge are linked if both or neither contain that edge. For a
    base without leaves, message passing does not distinguish the two graphs, although they are not
    isomorphic.

    References:
        An optimal lower bound on the number of variables for graph identification, Cai, Fürer,
        Immerman, Combinatorica 1992.
    """
    odd = min(base.nodes) if twisted else None
    copies: dict[int, list[frozenset[frozenset[int]]]] = {}
    for node in base.nodes:
        ends = [frozenset(edge) for edge in base.edges(node)]
        sizes = range(int(node == odd), len(ends) + 1, 2)
        copies[node] = [
            frozenset(some) for size in sizes for some in itertools.combinations(ends, size)
        ]
    graph = nx.Graph()
    graph.add_nodes_from((node, some) for node in base.nodes for some in copies[node])
    for u, v in base.edges:
        edge = frozenset((u, v))
        pairs = itertools.product(copies[u], copies[v])
        graph.add_edges_from(((u, a), (v, b)) for a, b in pairs if (edge in a) == (edge in b))
    return nx.convert_node_labels_to_integers(graph)


def indistinguishable(first: nx.Graph, second: nx.Graph) -> bool:
    """Return whether colour refinement (Weisfeiler-Leman) cannot distinguish two graphs."""
    both = nx.disjoint_union(first, second)
    colour = dict.fromkeys(both, 0)
    for _ in both:
        seen = {v: (colour[v], tuple(sorted(colour[u] for u in both[v]))) for v in both}
        names = {kind: number for number, kind in enumerate(sorted(set(seen.values())))}
        finer = {v: names[seen[v]] for v in both}
        if len(names) == len(set(colour.values())):
            break
        colour = finer
    count = len(first)
    return sorted(colour[v] for v in range(count)) == sorted(
        colour[v] for v in range(count, len(both))
    )


def loops(number: int, longest: int) -> list[nx.Graph]:
    """Return base graphs of one loop of 3 to ``longest`` nodes, or of two that share an edge."""
    lengths = range(3, longest + 1)
    if number == 1:
        return [nx.cycle_graph(length) for length in lengths]
    both = itertools.combinations_with_replacement(lengths, 2)
    return [_joined(first, second) for first, second in both]


def _joined(first: int, second: int) -> nx.Graph:
    names = {v: v if v < 2 else v + first for v in range(second)}
    return nx.compose(nx.cycle_graph(first), nx.relabel_nodes(nx.cycle_graph(second), names))


def twisted_pairs(count: int, number: int, longest: int, trees: tuple[int, int]) -> list[Data]:
    """Return pairs, the second twisted, over each base in turn, with a random tree added to both.

    Arguments:
        count: number of pairs; there are twice as many graphs.
        number: of loops of a base.
        longest: number of nodes of a loop.
        trees: minimum and maximum number of nodes of a tree.
    """
    bases = loops(number, longest)
    draw, generator = random.Random(0), torch.Generator().manual_seed(0)
    graphs = []
    for number_of_pair in range(count):
        tree = nx.random_labeled_tree(draw.randint(*trees), seed=draw)
        for twisted in (False, True):
            core = cai_fuerer_immerman(bases[number_of_pair % len(bases)], twisted)
            graphs.append(reordered(to_data(nx.disjoint_union(core, tree)), generator))
    return graphs


def refinement_classes(graphs: Sequence[Data]) -> Tensor:
    """Return a class for each graph: equal if colour refinement cannot distinguish two graphs."""
    known: dict[str, int] = {}
    classes = []
    for graph in graphs:
        plain = nx.Graph(graph.edge_index.T.tolist())
        nx.set_node_attributes(plain, dict(plain.degree), "degree")
        name = nx.weisfeiler_lehman_graph_hash(plain, node_attr="degree", iterations=len(plain))
        classes.append(known.setdefault(name, len(known)))
    return torch.tensor(classes)


def to_data(graph: nx.Graph) -> Data:
    """Return a graph of nodes 0, 1, ... without features as PyG data."""
    links = torch.tensor(list(graph.edges)).reshape(-1, 2).T
    links = torch.cat([links, links.flip(0)], 1)
    return Data(x=torch.ones(len(graph), 1), edge_index=links)


def reordered(data: Data, generator: torch.Generator) -> Data:
    """Return the same graph with permuted nodes."""
    order = torch.randperm(len(data.x), generator=generator)
    x = torch.empty_like(data.x)
    x[order] = data.x
    return Data(x=x, edge_index=order[data.edge_index])
