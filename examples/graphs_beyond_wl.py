"""Graphs that message passing cannot distinguish: circular skip links, and pairs of the atlas.

    python examples/graphs_beyond_wl.py            # 5 folds
    python examples/graphs_beyond_wl.py --quick    # 1 fold

Expected: GIN 10 % (chance), DSS-GNN 100 %; of 26 pairs GIN distinguishes 0, DSS-GNN 26. About
1 minute on one CPU core (measured: 64 s; --quick 13 s).
Needs `pip install "eqsets[permutations]" networkx`.

A CSL graph is a ring of 41 nodes with links that skip R of them; R is the class. Message passing
cannot distinguish its nodes, so a graph network has the same output for all ten classes. Bags of
ego nets with marked roots distinguish them, and DSS is invariant to the order of the bag. Data set:
Relational Pooling for Graph Representations, Murphy et al., ICML 2019.

The atlas of networkx has all 1,252 graphs of 1 to 7 nodes. The Weisfeiler-Leman test does
not distinguish 26 pairs; bags of node-deleted subgraphs do, even without training.
"""

from __future__ import annotations

import argparse
import itertools
import warnings

import networkx as nx
import torch
from torch.nn.functional import cross_entropy
from torch_geometric.data import Batch, Data

from eqsets_permutations.subgraphs.bags import bag
from eqsets_permutations.subgraphs.esan import DSSGNN
from eqsets_permutations.subgraphs.policies import EgoNets, NodeDeleted

NODES = 41
SKIPS = (2, 3, 4, 5, 6, 9, 11, 12, 13, 16)
COPIES = 15  # graphs of each class, with permuted nodes
STEPS = 160
FOLDS = 5


def skip_links(skip: int, generator: torch.Generator) -> Data:
    """Return the ring with links that skip ``skip`` nodes, with permuted nodes."""
    node = torch.arange(NODES)
    links = [torch.stack([node, (node + step) % NODES]) for step in (1, skip)]
    index = torch.randperm(NODES, generator=generator)[torch.cat(links, 1)]
    return Data(x=torch.ones(NODES, 1), edge_index=torch.cat([index, index.flip(0)], 1))


def train(bags: list[Data], labels: torch.Tensor, channels: int) -> DSSGNN:
    """Train a network with one graph of each class per step."""
    torch.manual_seed(0)
    model = DSSGNN(channels, len(SKIPS), hidden=16, layers=6, conv="gin")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for step in range(STEPS):
        indices = [(labels == c).nonzero()[:, 0] for c in range(len(SKIPS))]
        rows = torch.stack([own[step % len(own)] for own in indices])
        loss = cross_entropy(model(Batch.from_data_list([bags[r] for r in rows])), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def accuracy(model: DSSGNN, bags: list[Data], labels: torch.Tensor) -> float:
    """Return the accuracy."""
    with torch.no_grad():
        return float((model(Batch.from_data_list(bags)).argmax(1) == labels).float().mean())


def atlas_pairs() -> list[tuple[nx.Graph, nx.Graph]]:
    """Return the pairs of small graphs that have the same Weisfeiler-Leman colours."""
    by_colours: dict[str, list[nx.Graph]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # networkx 3.5 changed the hash: irrelevant here
        for graph in nx.graph_atlas_g():
            if len(graph):
                colours = nx.weisfeiler_lehman_graph_hash(graph, iterations=7)
                by_colours.setdefault(colours, []).append(graph)
    return [pair for group in by_colours.values() for pair in itertools.combinations(group, 2)]


def distinguished_pairs(pairs: list[tuple[nx.Graph, nx.Graph]], whole: bool) -> tuple[int, float]:
    """Return the number of pairs with different outputs, and the smallest difference."""
    torch.manual_seed(0)
    model = DSSGNN(1, 16, hidden=8, layers=4, normalization=None).double()
    for weight in model.parameters():  # large weights, so that differences do not vanish
        weight.data *= 2
    gaps = []
    for pair in pairs:
        bags = []
        for graph in pair:
            links = torch.tensor(list(graph.edges)).reshape(-1, 2).T
            links = torch.cat([links, links.flip(0)], 1)
            data = Data(x=torch.ones(len(graph), 1, dtype=torch.float64), edge_index=links)
            bags.append(bag([data], original=data) if whole else NodeDeleted()(data))
        with torch.no_grad():
            first, second = model(Batch.from_data_list(bags))
        gaps.append(float((first - second).norm() / first.norm()))
    return sum(gap > 1e-9 for gap in gaps), min(gaps)


def main() -> None:
    """Compare GIN and DSS-GNN on the same folds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", "--smoke", action="store_true", help="one fold only")
    folds = 1 if parser.parse_args().quick else FOLDS
    generator = torch.Generator().manual_seed(0)
    graphs = [skip_links(skip, generator) for skip in SKIPS for _ in range(COPIES)]
    labels = torch.arange(len(SKIPS)).repeat_interleave(COPIES)
    fold = torch.arange(len(graphs)) % FOLDS
    policy = EgoNets(hops=4, marked=True)
    sides = {
        "GIN": ([bag([graph], original=graph) for graph in graphs], 1),
        "DSS-GNN": ([policy(graph) for graph in graphs], 3),
    }
    for name, (bags, channels) in sides.items():
        scores = []
        for number in range(folds):
            train_set, test_set = (fold != number).nonzero()[:, 0], (fold == number).nonzero()[:, 0]
            model = train([bags[i] for i in train_set], labels[train_set], channels)
            scores.append(accuracy(model, [bags[i] for i in test_set], labels[test_set]))
        print(f"{name:8} accuracy {100 * sum(scores) / folds:.0f} %, {folds} of 5 folds")
    pairs = atlas_pairs()
    for name, whole in (("GIN", True), ("DSS-GNN", False)):
        count, gap = distinguished_pairs(pairs, whole)
        print(f"{name:8} distinguishes {count} of {len(pairs)} pairs, smallest gap {gap:.0e}")
    with torch.no_grad():
        first, permuted = (model(bags[i]) for i in test_set[:2])
    print(f"equivariance error, permuted nodes: {(first - permuted).norm() / first.norm():.0e}")


if __name__ == "__main__":
    main()
