"""Subgraphs that are made once: stored, loaded from disk, and drawn again in every epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Batch, Data, InMemoryDataset
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import AddSelfLoops, OneHotDegree

from eqsets import EqsetsError
from eqsets_permutations import (
    DSSGNN,
    BagData,
    EdgeDeleted,
    EgoNets,
    NodeDeleted,
    SampledSubgraphs,
    SubgraphDataset,
    process_subgraphs,
)

MAKE: dict[str, Callable[..., Any]] = {
    "nodes": NodeDeleted,
    "edges": EdgeDeleted,
    "ego": lambda **options: EgoNets(1, **options),
    "ego+": lambda **options: EgoNets(1, marked=True, **options),
}


def graph(nodes: int) -> Data:
    """Return a ring of integers with values of every kind, also as many edges as rows of a bag."""
    generator = torch.Generator().manual_seed(nodes)
    node = torch.arange(nodes)
    pairs = torch.stack([node, node.roll(-1)])
    edges = torch.cat([pairs, pairs.flip(0)], 1)
    return Data(
        x=torch.randint(5, (nodes, 2), generator=generator),
        edge_index=edges,
        edge_attr=torch.randint(3, (edges.shape[1],), generator=generator),
        edge_color=torch.arange(edges.shape[1]),
        pos=torch.arange(3.0 * nodes).reshape(nodes, 3),
        y=torch.tensor([float(nodes)]),
        root_index=torch.tensor([nodes - 1]),
    )


GRAPHS = [graph(nodes) for nodes in (3, 5, 4, 6)]


def same(one: Data, other: Data) -> bool:
    """Return whether two bags have the same attributes."""
    first, second = one.to_dict(), other.to_dict()
    return first.keys() == second.keys() and all(
        torch.equal(torch.as_tensor(value).reshape(-1), torch.as_tensor(second[key]).reshape(-1))
        for key, value in first.items()
    )


@pytest.mark.parametrize("kind", MAKE)
def test_stored_bags_are_those_of_the_policy(kind: str) -> None:
    policy = MAKE[kind]()
    dataset = process_subgraphs(GRAPHS, policy)
    assert len(dataset) == 4
    assert dataset.policy is policy
    assert all(same(bag, policy(one)) for bag, one in zip(dataset, GRAPHS, strict=True))
    assert not same(dataset[0], dataset[1])


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
def test_a_sample_of_the_stored_bag_is_what_the_policy_draws(kind: str, fraction: float) -> None:
    for one in GRAPHS:
        sources = [torch.Generator().manual_seed(3) for _ in range(2)]
        drawn = MAKE[kind](fraction=fraction, generator=sources[0])(one)
        if fraction == 1:  # where the policy draws nothing, not even an order
            assert SampledSubgraphs(fraction)(MAKE[kind]()(one)).num_elements == drawn.num_elements
            continue
        sampled = SampledSubgraphs(fraction, generator=sources[1])(MAKE[kind]()(one))
        assert same(sampled, drawn)


def test_draws_depend_on_seed_epoch_and_graph_alone() -> None:
    dataset = process_subgraphs(GRAPHS, NodeDeleted(), fraction=0.4, seed=1)
    first = list(dataset)
    assert all(same(*pair) for pair in zip(dataset, first, strict=True))
    again = process_subgraphs(GRAPHS, NodeDeleted(), fraction=0.4, seed=1)
    assert all(same(*pair) for pair in zip(again, first, strict=True))
    some = dataset[[2, 0]]
    assert isinstance(some, SubgraphDataset)
    assert same(some[0], first[2])
    assert same(dataset[-1], first[3])
    assert [len(dataset[:3]), len(dataset[torch.tensor([True, False, True, True])])] == [3, 3]
    dataset.set_epoch(1)
    assert not all(same(*pair) for pair in zip(dataset, first, strict=True))
    other = process_subgraphs(GRAPHS, NodeDeleted(), fraction=0.4, seed=2)
    assert not all(same(*pair) for pair in zip(other, first, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_loaders_batch_them_right(workers: int) -> None:
    """The same for any number of worker processes, and each bag by itself."""
    dataset = process_subgraphs(GRAPHS, EgoNets(1, marked=True), fraction=0.5, seed=1)
    loader = DataLoader(dataset, batch_size=4, follow_batch=["element"], num_workers=workers)
    (batch,) = loader
    bags = list(dataset)
    assert same(batch, next(iter(DataLoader(bags, batch_size=4, follow_batch=["element"]))))
    assert batch.element_batch.tolist() == [k for k, b in enumerate(bags) for _ in b.element]
    torch.manual_seed(0)
    model = DSSGNN(4, 2, node_categories=[2, 2, 5, 5], conv="gine", edge_categories=[3])
    model.double().eval()
    expected = torch.cat([model(one) for one in bags])
    torch.testing.assert_close(model(batch), expected)
    batch.node = batch.node.roll(1)  # the negative control: nodes of other graphs
    assert not torch.allclose(model(batch), expected)


class Molecules(InMemoryDataset):  # type: ignore[misc]  # torch_geometric is not typed
    """A data set on disk, as the data sets of PyG are."""

    @property
    def processed_file_names(self) -> list[str]:
        return ["data.pt"]

    def process(self) -> None:
        graphs = [one if self.pre_transform is None else self.pre_transform(one) for one in GRAPHS]
        self.save(graphs, self.processed_paths[0])

    def __init__(self, root: Path, **transforms: Any) -> None:
        super().__init__(str(root), **transforms)
        self.load(self.processed_paths[0], data_cls=BagData)


def test_bags_on_disk_as_pre_transform(tmp_path: Path) -> None:
    policy = EgoNets(1, marked=True)
    dataset = Molecules(tmp_path, pre_transform=policy)
    batch = next(iter(DataLoader(dataset, batch_size=4)))
    expected = Batch.from_data_list([policy(one) for one in GRAPHS])
    model = DSSGNN(4, 2, node_categories=[2, 2, 5, 5], conv="gine", edge_categories=[3])
    model.double().eval()
    torch.testing.assert_close(model(batch), model(expected))
    sampled = Molecules(tmp_path, pre_transform=policy, transform=SampledSubgraphs(0.4))
    batch = next(iter(DataLoader(sampled, batch_size=4)))
    assert batch.num_elements.tolist() == [2, 2, 2, 3]
    assert model(batch).shape == (4, 2)


def test_another_policy_for_a_data_set_on_disk_is_noticed(tmp_path: Path) -> None:
    """PyG compares the text of the transform: options that it lacks would be ignored silently."""
    Molecules(tmp_path, pre_transform=EgoNets(1))
    with pytest.warns(UserWarning, match="pre_transform"):
        Molecules(tmp_path, pre_transform=EgoNets(2))
    texts = {repr(EgoNets(1)), repr(EgoNets(2)), repr(EgoNets(1, marked=True))}
    texts |= {repr(NodeDeleted()), repr(NodeDeleted(process_subgraphs=OneHotDegree(3)))}
    assert len(texts) == 5


def test_functions_of_every_subgraph() -> None:
    """Degrees in the subgraph, as ESAN's argument of the same name computes them."""
    bag = NodeDeleted(process_subgraphs=OneHotDegree(3, cat=False))(GRAPHS[1])
    degrees = bag.x.argmax(-1).reshape(5, 5)
    expected = torch.full((5, 5), 2) - torch.eye(5).long() * 2
    expected -= torch.eye(5).long().roll(1, 1) + torch.eye(5).long().roll(-1, 1)
    assert torch.equal(degrees, expected)
    assert same_edges(bag, NodeDeleted()(GRAPHS[1]))
    before = OneHotDegree(3, cat=False)(GRAPHS[1].clone())
    assert (NodeDeleted()(before).x.argmax(-1) == 2).all()  # of the graph, where it goes first


def same_edges(one: Data, other: Data) -> bool:
    keys = ("edge_index", "edge_attr", "context_index", "element", "node")
    return all(torch.equal(one[key].flatten(), other[key].flatten()) for key in keys)


BAG = NodeDeleted()(GRAPHS[0])
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "no policy": (lambda: process_subgraphs(GRAPHS, "node_deleted"), "policy 'node_deleted'"),
    "a part": (lambda: process_subgraphs(GRAPHS, NodeDeleted(fraction=0.5)), "would never be seen"),
    "one graph": (lambda: process_subgraphs(GRAPHS[0], NodeDeleted()), r"Write \[graph\]"),
    "a number": (lambda: process_subgraphs(3, NodeDeleted()), "got int, expected a data set"),
    "no graph": (lambda: process_subgraphs([], NodeDeleted()), "got no graph"),
    "bags": (lambda: process_subgraphs([BAG], NodeDeleted()), "is a bag or a batch already"),
    "fraction": (lambda: process_subgraphs(GRAPHS, NodeDeleted(), fraction=2), "fraction=2"),
    "seed": (lambda: process_subgraphs(GRAPHS, NodeDeleted(), seed=-1), "seed=-1, expected"),
    "epoch": (lambda: process_subgraphs(GRAPHS, NodeDeleted()).set_epoch(0.5), "epoch=0.5"),
    "sample": (lambda: SampledSubgraphs(0), "fraction=0, expected more than 0"),
    "sample of a truth value": (lambda: SampledSubgraphs(True), "fraction=True"),
    "sample of a graph": (lambda: SampledSubgraphs(0.5)(GRAPHS[0]), "expected one bag"),
    "sample of a batch": (
        lambda: SampledSubgraphs(0.5)(Batch.from_data_list([BAG, BAG])),
        "expected one bag",
    ),
    "process": (lambda: NodeDeleted(process_subgraphs="degree"), "process_subgraphs='degree'"),
    "process edges": (
        lambda: NodeDeleted(process_subgraphs=AddSelfLoops())(GRAPHS[0]),
        "the same edge_index: it may change features",
    ),
    "process nothing": (
        lambda: NodeDeleted(process_subgraphs=lambda data: None)(GRAPHS[0]),
        "made None of subgraph 0",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises(EqsetsError, match=message):
        call()
