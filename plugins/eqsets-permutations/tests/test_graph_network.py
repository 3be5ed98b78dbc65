"""Virtual nodes, residuals and jumps: laws in every layout, and what each option changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import JumpingKnowledge
from torch_geometric.transforms import Compose
from torch_geometric.transforms import VirtualNode as AddVirtualNode

import eqsets
from eqsets import EqsetsError, PartBatch, SetBatch, SetNetwork
from eqsets_permutations import (
    DSSGNN,
    Edges,
    EgoNets,
    GraphNetwork,
    NodeDeleted,
    OnBags,
    bag,
    sets_of_graphs,
)
from eqsets_permutations.layers.virtual_node import VirtualNode

RING = torch.tensor([[0, 1, 2, 3, 1, 2, 3, 0], [1, 2, 3, 0, 0, 1, 2, 3]])
PATH = torch.tensor([[0, 1], [1, 2]])
OPTIONS = [
    {"virtual_node": node, "residual": residual, "jumping_knowledge": jump}
    for node, residual, jump in product(
        (None, "element", "set"), (False, True), ("last", "cat", "max", "sum")
    )
]


def network(**options: Any) -> GraphNetwork:
    torch.manual_seed(0)
    built = GraphNetwork("permutations", [3, 6, 6, 6], **{"conv": "gin", **options}).double()
    for parameter in built.parameters():
        nn.init.normal_(parameter, std=0.4)
    return built.eval()


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).double()


def test_without_its_options_it_is_a_set_network() -> None:
    plain = SetNetwork("permutations", [3, 6, 6], conv="gin", readout=2)
    ours = GraphNetwork("permutations", [3, 6, 6], conv="gin", readout=2)
    ours.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 4, 3)
    assert torch.equal(ours(x, structure=RING), plain(x, structure=RING))


@pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda options: "-".join(map(str, options.values()))
)
def test_equivariance_and_layouts(options: dict[str, Any]) -> None:
    model = network(**options)
    report = eqsets.equivariance_error(
        model, model.in_type, model.out_type, structure=torch.tensor([[0, 1, 2], [1, 2, 3]])
    )
    assert report.max < 1e-10
    x = draw(2, 3, 4, 3)
    mask = torch.tensor([[True, True, True], [True, False, True]])
    own = [model(x[:1], structure=RING)[0], model(x[1:, [0, 2]], structure=RING)[0]]
    padded = model(torch.where(mask[..., None, None], x, torch.nan), mask, structure=RING)
    torch.testing.assert_close(padded[0], own[0])
    torch.testing.assert_close(padded[1, [0, 2]], own[1])
    assert not padded[1, 1].any()
    ragged = model(SetBatch.from_list([x[0], x[1, [0, 2]]]), structure=RING)
    torch.testing.assert_close(ragged.values, torch.cat(own))
    graphs = [[Data(x=one, edge_index=RING) for one in each] for each in (x[0], x[1, [0, 2]])]
    nodes, edges = sets_of_graphs(graphs)
    together = [Edges.stack([RING] * n, nodes=4) for n in (3, 2)]
    own = [
        model(each[None], structure=side)[0]
        for each, side in zip((x[0], x[1, [0, 2]]), together, strict=True)
    ]
    expected = torch.cat([one.flatten(0, 1) for one in own])
    torch.testing.assert_close(model(nodes, structure=edges).values, expected)
    bags = OnBags(model)(Batch.from_data_list([bag(each) for each in graphs]))
    torch.testing.assert_close(bags.x, expected)


UNEQUAL = [
    [Data(x=draw(4, 3), edge_index=RING), Data(x=draw(3, 3) + 1, edge_index=PATH)],
    [Data(x=draw(1, 3) - 1, edge_index=PATH[:, :0])],
]


def pieces(model: GraphNetwork) -> tuple[Tensor, Tensor]:
    """Return the outputs of sets of unequal graphs in one batch, and of each set by itself."""
    nodes, edges = sets_of_graphs(UNEQUAL)
    parts = [sets_of_graphs([one]) for one in UNEQUAL]
    alone = torch.cat([model(x, structure=side) for x, side in parts])
    return model(nodes, structure=edges), alone


@pytest.mark.parametrize("scope", ["element", "set"])
def test_graphs_of_unequal_sizes_are_each_set_by_itself(
    scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network(virtual_node=scope, alignment="independent", readout=2)
    torch.testing.assert_close(*pieces(model))

    def mixed(self: VirtualNode, rows: Tensor, state: Any, *_: Any) -> tuple[Tensor, Any]:
        return rows + rows.sum(0), state  # over all graphs of the batch

    monkeypatch.setattr(VirtualNode, "forward", mixed)
    assert not torch.allclose(*pieces(model))


def test_points_without_edges_have_virtual_nodes_too() -> None:
    model = network(virtual_node="element", conv=None, alignment="independent", readout=2)
    x = draw(1, 2, 4, 3)
    batch = PartBatch.from_list([[x[0, 0], x[0, 1]]])
    torch.testing.assert_close(model(batch), model(x))


@pytest.mark.parametrize(
    ("scope", "reached"), [(None, (0, 0)), ("element", (1, 0)), ("set", (1, 1))]
)
def test_what_a_virtual_node_reaches(scope: str | None, reached: tuple[int, int]) -> None:
    """One layer on a graph in which node 3 is isolated: who sees a change of node 3?"""
    torch.manual_seed(0)
    model = GraphNetwork(
        "permutations", [3, 5], conv="gcn", aggregation="none", virtual_node=scope
    ).double()
    x = draw(1, 2, 4, 3)
    changed = x.clone()
    changed[0, 0, 3] += 1
    moved = (model(changed, structure=PATH) - model(x, structure=PATH)).abs().amax(-1)[0] > 1e-9
    assert moved[0, 3]
    assert (bool(moved[0, :3].all()), bool(moved[1].all())) == reached
    assert (bool(moved[0, :3].any()), bool(moved[1].any())) == reached


def test_jumps_are_those_of_pyg() -> None:
    x, outputs = draw(2, 3, 4, 3), []
    model = network()
    for module in model.blocks.layers:
        if isinstance(module, eqsets.DSS):
            module.register_forward_pre_hook(lambda _, args: outputs.append(args[0]))
    last = model(x, structure=RING)
    layers = [*outputs[1:], last]
    for jump in ("max", "cat"):
        other = network(jumping_knowledge=jump)
        other.load_state_dict(model.state_dict(), strict=False)
        expected = JumpingKnowledge(jump)(layers)
        expected = other.joint(expected)
        torch.testing.assert_close(other(x, structure=RING), expected)
    summed = network(jumping_knowledge="sum")
    summed.load_state_dict(model.state_dict())
    torch.testing.assert_close(summed(x, structure=RING), torch.stack(layers).sum(0))


def test_a_residual_layer_of_zeros_is_the_identity() -> None:
    model = GraphNetwork("permutations", [3, 3], conv="gcn", residual=True).double()
    x = draw(2, 3, 4, 3)
    assert not torch.allclose(model(x, structure=RING), x)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(model(x, structure=RING), x)


CHANGES: list[dict[str, Any]] = [
    {"virtual_node": "element"},
    {"virtual_node": "set"},
    {"residual": True},
    {"jumping_knowledge": "cat"},
    {"jumping_knowledge": "max"},
    {"jumping_knowledge": "sum"},
]


@pytest.mark.parametrize("options", CHANGES, ids=str)
@pytest.mark.parametrize("kind", ["network", "DSSGNN"])
def test_every_option_matters(kind: str, options: dict[str, Any]) -> None:
    bags = [NodeDeleted()(Data(x=draw(4, 3), edge_index=RING))]

    def result(**given: Any) -> Tensor:
        if kind == "network":
            return network(**given)(draw(2, 3, 4, 3), structure=RING).detach()
        torch.manual_seed(0)
        model = DSSGNN(3, 2, hidden=6, **given).double().eval()
        return model(Batch.from_data_list(bags)).detach()

    assert not torch.allclose(result(**options), result())


@pytest.mark.parametrize("options", OPTIONS[1::5], ids=str)
def test_every_weight_learns_and_is_saved(options: dict[str, Any], tmp_path: Any) -> None:
    model = GraphNetwork(
        "permutations", [6, 6, 6], node_categories=[4, 3], conv="gin", readout=2, **options
    ).double()
    x = model.in_type.sample(2, 3, generator=torch.Generator().manual_seed(0))
    model(x, structure=RING[:, :3]).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    plain = json.loads(json.dumps(eqsets.to_dict(model)))
    assert eqsets.to_dict(eqsets.from_dict(plain)) == plain
    eqsets.save(model, tmp_path / "model.pt")
    again = eqsets.load(tmp_path / "model.pt").double()
    assert torch.equal(again(x, structure=RING), model(x, structure=RING))


def test_a_subgraph_network_on_categories_is_each_bag_by_itself() -> None:
    generator = torch.Generator().manual_seed(0)
    graphs = [
        Data(
            x=torch.randint(5, (nodes, 2), generator=generator),
            edge_index=index,
            edge_attr=torch.randint(3, (index.shape[1],), generator=generator),
        )
        for nodes, index in ((4, RING), (3, PATH), (1, PATH[:, :0]))
    ]
    model = DSSGNN(
        4,
        2,
        hidden=6,
        node_categories=[2, 2, 5, 5],
        virtual_node="set",
        residual=True,
        jumping_knowledge="cat",
        conv="gine",
        edge_categories=[3],
    )
    model.double().eval()
    bags = [EgoNets(1, marked=True)(graph) for graph in graphs]
    expected = torch.cat([model(one) for one in bags])
    torch.testing.assert_close(model(Batch.from_data_list(bags)), expected)
    g = torch.tensor([2, 0, 3, 1])
    moved = graphs[0].clone()
    moved.x, moved.edge_index = graphs[0].x[g.argsort()], g[graphs[0].edge_index]
    torch.testing.assert_close(model(EgoNets(1, marked=True)(moved)), expected[:1])
    moved.x = graphs[0].x.flip(0)  # another graph
    assert not torch.allclose(model(EgoNets(1, marked=True)(moved)), expected[:1])


def test_a_virtual_node_of_pyg_goes_in_front_of_a_policy() -> None:
    both = Compose([AddVirtualNode(), NodeDeleted()])
    bags = [both(Data(x=draw(n, 3), edge_index=RING % n)) for n in (4, 3)]
    assert [one.num_originals for one in bags] == [5, 4]
    model = DSSGNN(3, 2, normalization="element").double()
    expected = torch.cat([model(one) for one in bags])
    torch.testing.assert_close(model(Batch.from_data_list(bags)), expected)


def build(*features: Any, **options: Any) -> GraphNetwork:
    return GraphNetwork("permutations", list(features), conv="gcn", **options)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "virtual node": (lambda: build(3, 3, virtual_node="graph"), "unknown virtual_node 'graph'"),
    "virtual node True": (lambda: build(3, 3, virtual_node=True), "unknown virtual_node True"),
    "residual": (lambda: build(3, 3, residual="yes"), "residual='yes', expected True or False"),
    "no residual": (lambda: build(3, 4, 5, residual=True), "would have no effect"),
    "jump": (lambda: build(3, 3, jumping_knowledge="lstm"), "unknown jumping_knowledge 'lstm'"),
    "jump of one": (lambda: build(3, 3, jumping_knowledge="cat"), "for one layer, expected at"),
    "jump of widths": (
        lambda: build(3, 4, 5, jumping_knowledge="max"),
        r"widths \[4, 5\], expected one width",
    ),
    "pairs": (
        lambda: GraphNetwork("permutations", ["2 pairs", "2 pairs"]),
        "expected features of nodes",
    ),
    "images": (lambda: GraphNetwork("translations", [3, 3]), "expected features of nodes"),
    "pool": (lambda: build(3, 3, set_pool="mean"), "set_pool='mean', expected none"),
    "categories": (lambda: build(3, 3, node_categories=4), "sizes=4, expected a list"),
    "columns": (
        lambda: DSSGNN(3, 2, node_categories=[4]),
        r"in_channels=3 and node_categories=\[4\]",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises(EqsetsError, match=message):
        call()
