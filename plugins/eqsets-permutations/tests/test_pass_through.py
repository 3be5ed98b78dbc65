"""Edge weights and features reach PyG's convolutions, element by element and through policies."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from eqsets import DSS
from eqsets_permutations.edges import Edges
from eqsets_permutations.subgraphs.bags import OnBags
from eqsets_permutations.subgraphs.esan import DSSGNN, vote
from eqsets_permutations.subgraphs.policies import EdgeDeleted, EgoNets, NodeDeleted, SubgraphPolicy

GRAPH = torch.tensor([[0, 1, 2, 3, 4, 0, 2], [1, 2, 3, 4, 0, 2, 2]])


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("conv", "options", "key"),
    [
        ("tag", {}, "weight"),
        ("cheb", {"K": 2}, "weight"),
        ("le", {}, "weight"),
        ("gat", {"edge_dim": 2, "heads": 3}, "attr"),
        ("gatv2", {"edge_dim": 2}, "attr"),
        ("transformer", {"edge_dim": 2}, "attr"),
        ("gine", {"edge_dim": 2}, "attr"),
    ],
)
@pytest.mark.parametrize("blocks", [1, 2, 6])
def test_a_set_is_pyg_on_each_element(
    conv: str, options: dict[str, Any], key: str, blocks: int
) -> None:
    """One graph for all, for each set, or for each element, with values of their own."""
    layer = DSS("permutations", 4, 6, aggregation="sum", conv=conv, **options).double()
    values = [
        draw(7, seed=k).abs() if key == "weight" else draw(7, 2, seed=k) for k in range(blocks)
    ]
    graphs = [Edges(GRAPH, **{key: one}) for one in values]
    shared = [Edges(GRAPH, **{key: draw(*values[0].shape, seed=9).abs()})] * 2
    side = Edges.stack(graphs, nodes=5, context=Edges.stack(shared, nodes=5))
    x = draw(2, 3, 5, 4)
    y = layer(x, structure=side)
    name = f"edge_{key}"
    total = getattr(shared[0], key)
    for b in range(2):
        context = layer.aggregate.conv(x[b].sum(0), GRAPH, **{name: total})
        for i in range(3):
            own = values[(3 * b + i) * blocks // 6]
            expected = layer.siamese.conv(x[b, i], GRAPH, **{name: own}) + context
            torch.testing.assert_close(y[b, i], expected)


@pytest.mark.parametrize("policy", [NodeDeleted(), EdgeDeleted(), EgoNets(1)], ids=repr)
def test_subgraphs_keep_what_their_edges_have(policy: SubgraphPolicy) -> None:
    data = Data(x=draw(5, 4), edge_index=GRAPH, edge_attr=draw(7, 2), edge_weight=draw(7))
    bag = policy(data)
    numbers = {tuple(pair): k for k, pair in enumerate(GRAPH.T.tolist())}
    rows = [numbers[tuple(pair)] for pair in bag.node[bag.edge_index].T.tolist()]
    assert torch.equal(bag.edge_attr, data.edge_attr[rows])
    assert torch.equal(bag.edge_weight, data.edge_weight[rows])
    assert torch.equal(bag.context_attr, data.edge_attr)
    assert torch.equal(bag.context_weight, data.edge_weight)
    layer = DSS("permutations", 4, 6, aggregation="sum", conv="gine", edge_dim=2).double()
    del bag.edge_weight, bag.context_weight
    y = OnBags(layer)(Batch.from_data_list([bag, bag])).x[: len(bag.x)]
    own = layer.siamese.conv(bag.x, bag.edge_index, bag.edge_attr)
    total = torch.zeros(5, 4, dtype=torch.float64).index_add(0, bag.node, bag.x)
    context = layer.aggregate.conv(total, GRAPH, data.edge_attr)
    torch.testing.assert_close(y, own + context[bag.node])


@pytest.mark.slow
def test_votes_over_draws_approach_the_whole_bag() -> None:
    """With one layer and no norm, the output is linear in the bag up to the head's input."""
    data = [Data(x=draw(5, 4, seed=k), edge_index=GRAPH) for k in range(2)]
    torch.manual_seed(0)
    model = DSSGNN(4, 3, hidden=4, layers=1, conv="gcn", aggregation="none", normalization=None)
    model.double().head = torch.nn.Identity()  # type: ignore[assignment]
    whole = vote(model, data, NodeDeleted(), votes=1)
    policy = NodeDeleted(fraction=0.4, generator=torch.Generator().manual_seed(0))
    errors = [(vote(model, data, policy, votes=votes) - whole).norm() for votes in (1, 300)]
    assert errors[1] < 0.2 * errors[0]
    torch.testing.assert_close(vote(model, data, NodeDeleted(), votes=3), whole)
