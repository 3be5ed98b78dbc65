"""Subgraph policies: bags of unequal graphs in one batch are each bag by itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader

from eqsets import DSS, ShapeError
from eqsets_permutations import (
    DSSGNN,
    BagData,
    EdgeDeleted,
    EgoNets,
    NodeDeleted,
    OnBags,
    SubgraphPolicy,
)

POLICIES: list[SubgraphPolicy] = [
    NodeDeleted(),
    EdgeDeleted(),
    EgoNets(hops=1),
    EgoNets(hops=1, marked=True),
]
SIZES = (4, 7, 1, 3)


def graph(nodes: int, *, num_nodes: bool = True) -> Data:
    """Return a ring with a node apart from it and one value of every kind that data can have."""
    generator = torch.Generator().manual_seed(nodes)
    ring = torch.arange(max(0, nodes - 1))
    pairs = torch.stack([ring, ring.roll(-1)])[:, : 0 if nodes < 3 else None]
    edges = torch.cat([pairs, pairs.flip(0)], 1)
    return Data(
        x=torch.randn(nodes, 2, generator=generator).double(),
        edge_index=edges,
        edge_weight=torch.rand(edges.shape[1], generator=generator).double(),
        edge_color=torch.arange(edges.shape[1]),
        pos=torch.arange(3.0 * nodes).reshape(nodes, 3),
        names=[f"node {number}" for number in range(nodes)],
        y=torch.tensor([float(nodes)]),
        root_index=torch.tensor([nodes - 1]),
        title=f"graph {nodes}",
        num_nodes=nodes if num_nodes else None,
    )


def in_channels(policy: SubgraphPolicy) -> int:
    return 4 if isinstance(policy, EgoNets) and policy.marked else 2


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@pytest.mark.parametrize("num_nodes", [True, False])
def test_a_batch_of_bags_is_each_bag_by_itself(policy: SubgraphPolicy, num_nodes: bool) -> None:
    bags = [policy(graph(size, num_nodes=num_nodes)) for size in SIZES]
    torch.manual_seed(0)
    layer = OnBags(DSS("permutations", in_channels(policy), 3, conv="gcn").double())
    network = DSSGNN(in_channels(policy), 2, conv="graph", normalization="element").double()
    batch = Batch.from_data_list(bags)
    torch.testing.assert_close(layer(batch).x, torch.cat([layer(bag).x for bag in bags]))
    expected = torch.cat([network(bag) for bag in bags])
    torch.testing.assert_close(network(batch), expected)
    assert len({round(float(value), 6) for value in expected[:, 0].detach()}) == len(SIZES)
    (loaded,) = DataLoader(bags, batch_size=len(bags))
    torch.testing.assert_close(network(loaded), expected)


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_a_count_of_the_original_graph_would_mix_the_bags(policy: SubgraphPolicy) -> None:
    bags = [policy(graph(size)) for size in SIZES]
    torch.manual_seed(0)
    layer = OnBags(DSS("permutations", in_channels(policy), 3, conv="gcn").double())
    expected = torch.cat([layer(bag).x for bag in bags])
    for bag, size in zip(bags, SIZES, strict=True):
        bag.num_nodes = size  # as earlier versions did
    assert not torch.allclose(layer(Batch.from_data_list(bags)).x, expected)


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_attributes_have_one_value_for_each_node_edge_or_graph(policy: SubgraphPolicy) -> None:
    data = [graph(size) for size in SIZES]
    bags = [policy(one) for one in data]
    for one, bag in zip(data, bags, strict=True):
        assert bag.num_nodes == len(bag.x) == len(bag.node) == one.num_nodes * bag.num_elements
        assert torch.equal(bag.pos, one.pos[bag.node])
        assert bag.names == [one.names[node] for node in bag.node.tolist()]
        assert len(bag.edge_color) == bag.num_edges == bag.edge_index.shape[1]
        ends = bag.node[bag.edge_index]
        assert torch.equal(ends, one.edge_index[:, bag.edge_color])
        assert torch.equal(bag.y, one.y)
        assert bag.title == one.title
        assert torch.equal(bag.root_index, one.root_index)
    batch = Batch.from_data_list(bags)
    roots = torch.tensor(SIZES).cumsum(0) - 1  # numbers of original nodes
    assert torch.equal(batch.root_index, roots)
    assert batch.num_nodes == len(batch.x)
    assert torch.equal(batch.ptr.diff(), torch.tensor([len(bag.x) for bag in bags]))


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_bags_come_back_out_of_a_batch(policy: SubgraphPolicy) -> None:
    bags = [policy(graph(size)) for size in SIZES]
    back = Batch.from_data_list(bags).to_data_list()
    again = Batch.from_data_list([back[1], back[0]])
    other = Batch.from_data_list([bags[1], bags[0]])
    for key in ("x", "edge_index", "element", "node", "context_index", "root_index"):
        assert torch.equal(again[key], other[key]), key


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_one_number_for_each_node_is_one_channel(
    policy: SubgraphPolicy, dtype: torch.dtype
) -> None:
    flat = Data(x=torch.arange(5).to(dtype), edge_index=torch.tensor([[0, 1], [1, 0]]))
    column = Data(x=flat.x[:, None], edge_index=flat.edge_index)
    assert torch.equal(policy(flat).x, policy(column).x)
    assert policy(flat).x.dtype == dtype


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_what_is_no_plain_graph_is_refused(policy: SubgraphPolicy) -> None:
    two: Data | BagData
    for two in (Batch.from_data_list([graph(3), graph(4)]), policy(graph(3))):
        with pytest.raises(ShapeError, match="expected one plain graph"):
            policy(two)
    for x in (torch.tensor(1.0), torch.ones(4, 2), [1.0, 2.0, 3.0]):
        with pytest.raises(ShapeError, match="expected 3 rows"):
            policy(Data(x=x, edge_index=torch.tensor([[0], [1]]), num_nodes=3))


def test_learned_features_have_gradients() -> None:
    x: Tensor = torch.ones(3, 2, requires_grad=True)
    bag = EgoNets(marked=True)(Data(x=x, edge_index=torch.tensor([[0], [1]])))
    bag.x.sum().backward()
    assert torch.equal(x.grad, torch.full((3, 2), 3.0))
