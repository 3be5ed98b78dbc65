"""Networks of PyG as networks of sets of graphs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, GINConv, GraphConv, Linear, global_mean_pool

from eqsets import FeatureTypeError, SetBatch, ShapeError, set_aware
from eqsets.set_aware import SetAwareLayer
from eqsets_permutations.edges import Edges

RING = torch.tensor([[0, 1, 2, 3, 4, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 0, 1, 2, 3, 4]])
MASK = torch.tensor([[True, False, True], [True, True, True]])


class Nodes(nn.Module):
    """A residual network of nodes, with batch normalisation."""

    def __init__(self, conv) -> None:
        super().__init__()
        self.enter, self.conv, self.norm = conv(2, 4), conv(4, 4), nn.BatchNorm1d(4)
        self.leave = Linear(4, 3)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.enter(x, edge_index).relu()
        x = x + self.norm(self.conv(x, edge_index)).relu()
        return self.leave(x)


class Graphs(nn.Module):
    """A network with edge weights and one vector for each graph."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = GCNConv(2, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor, edge_weight=None) -> Tensor:
        x = self.conv(x, edge_index, edge_weight=edge_weight).relu()
        return self.head(global_mean_pool(x, batch))


MODELS = {
    "gcn": lambda: Nodes(GCNConv),
    "graph": lambda: Nodes(GraphConv),
    "gat": lambda: Nodes(lambda a, b: GATConv(a, b, heads=2, concat=False)),
    "gin": lambda: Nodes(lambda a, b: GINConv(nn.Sequential(nn.Linear(a, b), nn.ReLU()))),
    "graphs": Graphs,
}


def sets() -> Tensor:
    return torch.randn(2, 3, 5, 2, generator=torch.Generator().manual_seed(0)).double()


def models(name: str):
    torch.manual_seed(0)
    model = MODELS[name]().double().eval()
    return model, set_aware(model, "permutations")


def alone(model: nn.Module, x: Tensor, edges: Tensor, **given: Tensor) -> Tensor:
    if isinstance(model, Graphs):
        return model(x, edges, torch.zeros(5, dtype=torch.long), **given)[0]
    return model(x, edges)


def moved(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    for layer in network.modules():
        if isinstance(layer, SetAwareLayer):
            for name, weight in layer.common.named_parameters():
                if not name.endswith("bias"):
                    noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
                    weight.data.add_(0.3 * noise)
    return network


@pytest.mark.parametrize("name", MODELS)
def test_at_the_start_it_computes_what_the_model_computes_on_each_graph(name: str) -> None:
    model, network = models(name)
    x = sets()
    expected = torch.stack([torch.stack([alone(model, one, RING) for one in few]) for few in x])
    assert torch.allclose(network(x, structure=RING), expected, atol=1e-12)
    padded = network(torch.where(MASK[..., None, None], x, torch.nan), MASK, structure=RING)
    assert torch.allclose(padded[MASK], expected[MASK], atol=1e-12)
    batch = SetBatch.from_list([x[0][MASK[0]], x[1]])
    assert torch.allclose(network(batch, structure=RING).values, expected[MASK], atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_then_it_is_a_network_of_sets_of_graphs(name: str) -> None:
    _, network = models(name)
    x, order = sets(), torch.tensor([2, 0, 1])
    before = network(x, structure=RING)
    y = moved(network)(x, structure=RING)
    assert not torch.allclose(y, before, atol=1e-3)
    assert torch.allclose(network(x[:, order], structure=RING), y[:, order], atol=1e-12)
    nodes = torch.tensor([3, 0, 4, 1, 2])
    relabelled = network(x[:, :, nodes], structure=nodes.argsort()[RING])
    assert torch.allclose(relabelled, y if name == "graphs" else y[:, :, nodes], atol=1e-12)
    other = x.clone()
    other[:, 2] *= 2
    assert not torch.allclose(network(other, structure=RING)[:, :2], y[:, :2], atol=1e-6)


def test_graphs_and_weights_of_each_element() -> None:
    model, network = models("graphs")
    x = sets()
    weights = torch.rand(6, 10, generator=torch.Generator().manual_seed(1)).double() + 0.1
    index = torch.cat([RING + 5 * number for number in range(6)], 1)
    edges = Edges(index, weights.flatten(), None, 6, 5)
    expected = [
        alone(model, one, RING, edge_weight=w)
        for one, w in zip(x.flatten(0, 1), weights, strict=True)
    ]
    actual = network(x, structure=edges)
    assert torch.allclose(actual.flatten(0, 1), torch.stack(expected), atol=1e-12)


def test_sets_of_points_need_no_edges() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3)).double()
    network = set_aware(model, "permutations", alignment="independent")
    assert torch.allclose(network(sets()), model(sets()), atol=1e-12)
    nodes = torch.stack([torch.randperm(5) for _ in range(3)])
    moved(network)
    x = sets()
    shuffled = torch.stack([x[:, i, nodes[i]] for i in range(3)], 1)
    expected = torch.stack([network(x)[:, i, nodes[i]] for i in range(3)], 1)
    assert torch.allclose(network(shuffled), expected, atol=1e-12)


class Changed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = GraphConv(2, 4)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(x, edge_index[:, ::2])


def test_other_graphs_than_those_of_the_call_are_refused() -> None:
    with pytest.raises(ShapeError, match="GraphConv got edge_index, expected the edges"):
        set_aware(Changed().double(), "permutations")(sets(), structure=RING)
    weighted, network = Edges(RING, torch.ones(10).double()), models("gcn")[1]
    with pytest.raises(FeatureTypeError, match="Nodes got edge_weight, which its forward"):
        network(sets(), structure=weighted)
    network = set_aware(models("gcn")[0], "permutations", alignment="independent")
    with pytest.raises(FeatureTypeError, match="expected 'shared'"):
        network(sets(), structure=RING)
