"""Ragged bags: the same numbers as dense sets, PyG batches in and out, and bad input."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

import eqsets
from eqsets import DSS, SetBatch, SetNetwork, ShapeError
from eqsets_permutations.edges import Edges
from eqsets_permutations.subgraphs.bags import BagData, OnBags, as_sets, bag
from eqsets_permutations.subgraphs.policies import EdgeDeleted, EgoNets, NodeDeleted

RING = torch.tensor([[0, 1, 2, 3, 1, 2, 3, 0], [1, 2, 3, 0, 0, 1, 2, 3]])
PATH = torch.tensor([[0, 1], [1, 2]])


def graph(edges: Tensor, nodes: int, seed: int, channels: int = 3) -> Data:
    x = torch.randn(nodes, channels, generator=torch.Generator().manual_seed(seed)).double()
    return Data(x=x, edge_index=edges)


FIRST = [graph(RING, 4, 0), graph(RING[:, :5], 4, 1), graph(RING[:, 3:], 4, 2)]
SECOND = [graph(PATH, 3, 3), graph(PATH.flip(0), 3, 4)]


def dense(module: nn.Module, graphs: list[Data]) -> Tensor:
    x = torch.stack([one.x for one in graphs])[None]
    side = Edges.stack([one.edge_index for one in graphs], nodes=x.shape[2])
    return module(x, structure=side)


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("aggregation", ["sum", "mean", "max", "none", "sridhar"])
@pytest.mark.parametrize("conv", ["gcn", "gin", "gat", "linear"])
def test_a_batch_of_bags_is_each_set_by_itself(conv: str, aggregation: str, alignment: str) -> None:
    layer = DSS("permutations", 3, 5, conv=conv, aggregation=aggregation, alignment=alignment)
    batch = Batch.from_data_list([bag(FIRST), bag(SECOND)])
    y = OnBags(layer.double())(batch)
    assert type(y) is type(batch)
    expected = [dense(layer, graphs)[0].flatten(0, 1) for graphs in (FIRST, SECOND)]
    torch.testing.assert_close(y.x, torch.cat(expected))
    assert len(y.to_data_list()) == 2


@pytest.mark.parametrize("normalization", [None, "element", "batch"])
def test_a_network_on_bags_is_the_network_on_dense_sets(normalization: str | None) -> None:
    network = SetNetwork(
        "permutations", [3, 8, 8], conv="gin", readout=4, normalization=normalization
    )
    network.double().eval()
    y = OnBags(network)(Batch.from_data_list([bag(FIRST), bag(SECOND)]))
    torch.testing.assert_close(y, torch.cat([dense(network, FIRST), dense(network, SECOND)]))


def test_invariants_of_every_element() -> None:
    read = OnBags(eqsets.nn.invariant("permutations", 3))
    sets = read(Batch.from_data_list([bag(FIRST), bag(SECOND)]))
    assert isinstance(sets, SetBatch)
    expected = torch.stack([one.x.mean(0) for one in [*FIRST, *SECOND]])
    torch.testing.assert_close(sets.values, expected)
    assert sets.sizes().tolist() == [3, 2]


@pytest.mark.parametrize("readout", ["mean", "sum", "max"])
def test_readouts_over_nodes(readout: str) -> None:
    symmetry = eqsets.element_group("permutations", readout=readout)
    module = eqsets.nn.Readout(symmetry, 3, 2).double()
    y = OnBags(module)(Batch.from_data_list([bag(FIRST), bag(SECOND)]))
    torch.testing.assert_close(y, torch.cat([dense(module, FIRST), dense(module, SECOND)]))


def test_rows_may_come_in_any_order() -> None:
    layer = OnBags(SetNetwork("permutations", [3, 6], conv="gcn", readout=2).double())
    data = bag(FIRST)
    order = torch.randperm(len(data.x), generator=torch.Generator().manual_seed(0))
    shuffled = data.clone()
    shuffled.x, shuffled.node, shuffled.element = (
        values[order] for values in (data.x, data.node, data.element)
    )
    shuffled.edge_index = order.argsort()[data.edge_index]
    torch.testing.assert_close(layer(shuffled), layer(data))


def test_graphs_of_different_sizes_share_invariants_only() -> None:
    mixed = bag([FIRST[0], SECOND[0]], shared_nodes=False)
    options = {"aggregation": "sum", "alignment": "independent"}
    layer = DSS("permutations", 3, 5, conv="gcn", **options).double()
    y = OnBags(layer)(mixed)
    invariants = [one.x.mean(0) for one in (FIRST[0], SECOND[0])]
    context = (invariants[0] + invariants[1]) @ layer.aggregate.linear.weight.T
    own = [layer.siamese(g.x[None], Edges(g.edge_index))[0] for g in (FIRST[0], SECOND[0])]
    torch.testing.assert_close(y.x, torch.cat(own) + context)
    for conv in ("gcn", "linear"):
        shared = OnBags(DSS("permutations", 3, 5, conv=conv).double())
        with pytest.raises(ShapeError, match="alignment='independent'"):
            shared(mixed)


@pytest.mark.parametrize("readout", ["mean", "max"])
def test_graphs_of_different_sizes_are_centred(readout: str) -> None:
    """A x_i without the mean over the set of its mean over the nodes, which B gives instead."""
    graphs = [FIRST[0], SECOND[0], FIRST[0]]
    symmetry = eqsets.element_group("permutations", readout=readout)
    layer = DSS(symmetry, 3, 5, conv="graph", alignment="independent").double()
    torch.nn.init.normal_(layer.context.offset.linear.weight)
    y = OnBags(layer)(bag(graphs, shared_nodes=False))
    own = [layer.siamese(g.x[None], Edges(g.edge_index))[0] for g in graphs]
    read = {"mean": lambda x: x.mean(0), "max": lambda x: x.amax(0)}[readout]
    common = sum(read(g.x) for g in graphs) / 3 @ layer.aggregate.linear.weight.T
    common = common + layer.context.offset.linear.weight[:, 0]
    if readout == "mean":
        common = common - sum(one.mean(0) for one in own) / 3
    torch.testing.assert_close(y.x, torch.cat(own) + common)


def test_bags_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"graphs of \[3, 4\] nodes"):
        bag([FIRST[0], SECOND[0]])
    with pytest.raises(ShapeError, match="got no graph"):
        bag([])
    with pytest.raises(ShapeError, match="expected node features x"):
        bag([Data(edge_index=RING)])
    with pytest.raises(ShapeError, match="expected 0 to 2"):
        bag([Data(x=torch.ones(3, 1), edge_index=RING)])
    with pytest.raises(ShapeError, match="expected a bag of graphs"):
        as_sets(FIRST[0])
    wrong = bag(FIRST)
    wrong.element = wrong.element + 1
    with pytest.raises(ShapeError, match="element numbers from 1 to 3"):
        as_sets(wrong)


@pytest.mark.parametrize(
    "policy", [NodeDeleted(), EdgeDeleted(), EgoNets(1), EgoNets(2, marked=True)], ids=repr
)
def test_policies_do_what_the_paper_says(policy: object) -> None:
    data = graph(RING, 4, 0)
    result = policy(data)
    assert isinstance(result, BagData)
    subgraphs = []
    for element in range(result.num_elements):
        inside = result.element[result.edge_index[0]] == element
        edges = result.node[result.edge_index[:, inside]]
        subgraphs.append({tuple(edge) for edge in edges.T.tolist()})
    whole = {tuple(edge) for edge in RING.T.tolist()}
    if isinstance(policy, NodeDeleted):
        expected = [{e for e in whole if node not in e} for node in range(4)]
    elif isinstance(policy, EdgeDeleted):
        pairs = sorted({tuple(sorted(e)) for e in whole})
        expected = [{e for e in whole if tuple(sorted(e)) != pair} for pair in pairs]
    elif policy.hops == 1:
        balls = [{(n - 1) % 4, n, (n + 1) % 4} for n in range(4)]
        expected = [{e for e in whole if set(e) <= ball} for ball in balls]
    else:
        expected = [whole] * 4
        roots = result.x[:, 0].reshape(4, 4)
        assert torch.equal(roots, torch.eye(4, dtype=torch.float64))
        assert torch.equal(result.x[:, 2:], data.x.repeat(4, 1))
    assert subgraphs == expected
    assert torch.equal(result.context_index, RING)


def test_policies_draw_a_part() -> None:
    data = graph(RING, 4, 0)
    data.y = torch.tensor([1])
    policy = NodeDeleted(fraction=0.3, generator=torch.Generator().manual_seed(0))
    draws = [policy(data) for _ in range(8)]
    assert {draw.num_elements for draw in draws} == {2}
    assert len({tuple(draw.edge_index.flatten().tolist()) for draw in draws}) > 1
    assert draws[0].y.tolist() == [1]
    with pytest.raises(eqsets.FeatureTypeError, match=r"fraction=0, expected more than 0"):
        NodeDeleted(fraction=0)
    with pytest.raises(eqsets.FeatureTypeError, match="hops=-1"):
        EgoNets(-1)
    with pytest.raises(ShapeError, match="expected a graph with nodes"):
        NodeDeleted()(Data())
    empty = EdgeDeleted()(Data(x=torch.ones(2, 1), edge_index=torch.zeros(2, 0).long()))
    assert empty.num_elements == 1


def test_edge_features_go_along() -> None:
    data = graph(RING, 4, 0)
    data.edge_attr = torch.randn(8, 2, dtype=torch.float64)
    result = NodeDeleted()(data)
    assert result.edge_attr.shape == (16, 2)
    assert result.context_attr.shape == (8, 2)
    layer = OnBags(DSS("permutations", 3, 4, conv="gat", edge_dim=2).double())
    assert layer(Batch.from_data_list([result, result])).x.isfinite().all()


def test_the_old_path_of_policies_warns() -> None:
    import eqsets_permutations.policies as old

    with pytest.warns(DeprecationWarning, match="import NodeDeleted from eqsets_permutations"):
        assert old.NodeDeleted is NodeDeleted
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        _ = old.Missing
