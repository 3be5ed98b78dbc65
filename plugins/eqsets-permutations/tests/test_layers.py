"""Graph layers: equivariance in float64, PyG as the oracle, and the complete linear maps."""

from __future__ import annotations

import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn

from eqsets import DSS, FeatureTypeError, PluginError, SetBatch, ShapeError, element_group
from eqsets import equivariance_error as error_of
from eqsets.generated import PermutationFeatures
from eqsets.groups import SymmetricGroup
from eqsets.solve import EquivariantLinear, action_of, basis_between
from eqsets_permutations.edges import Edges

GRAPH = torch.tensor([[0, 1, 2, 3, 4, 0, 2], [1, 2, 3, 4, 0, 2, 2]])
WEIGHT = torch.tensor([0.5, 1.0, 2.0, 0.3, 1.5, 0.7, 0.9], dtype=torch.float64)
PYG = {"gcn": pyg.GCNConv, "graph": pyg.GraphConv, "sage": pyg.SAGEConv}
SYMMETRY = element_group("permutations")


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("conv", [None, "gcn", "graph", "sage", "gin", "gat", "tag", "transformer"])
@pytest.mark.parametrize("aggregation", ["sum", "max", "sridhar", "aittala"])
def test_equivariant_on_one_graph(conv: str | None, aggregation: str) -> None:
    options = {} if conv is None else {"conv": conv}
    layer = DSS("permutations", 3, 4, aggregation=aggregation, **options).double()
    side = None if conv is None else GRAPH
    report = error_of(layer, layer.in_type, layer.out_type, structure=side, samples=3)
    assert report.max < 1e-12


def test_points_may_move_independently() -> None:
    layer = DSS("permutations", 3, 4, alignment="independent").double()
    assert error_of(layer, layer.in_type, layer.out_type, samples=3).max < 1e-12


@pytest.mark.parametrize("conv", sorted(PYG))
@pytest.mark.parametrize(("width", "weighted"), [(2, False), (7, True)])
def test_is_the_convolution_of_pyg(conv: str, width: int, weighted: bool) -> None:
    ours = SYMMETRY.linear(SYMMETRY.feature_type(4), SYMMETRY.feature_type(width), conv=conv)
    theirs = PYG[conv](4, width)
    theirs.load_state_dict(ours.state_dict())
    ours, theirs, x = ours.double(), theirs.double(), draw(6, 5, 4)
    if conv == "sage":
        weighted = False
    side = Edges(GRAPH, WEIGHT if weighted else None)
    extra = (WEIGHT,) if weighted else ()
    expected = torch.stack([theirs(element, GRAPH, *extra) for element in x])
    torch.testing.assert_close(ours(x, side), expected)


def test_gin_is_that_of_pyg() -> None:
    ours = SYMMETRY.linear(SYMMETRY.feature_type(4), SYMMETRY.feature_type(6), conv="gin", eps=0.3)
    theirs = pyg.GINConv(ours.nn, eps=0.3).double()
    x = draw(6, 5, 4)
    expected = torch.stack([theirs(element, GRAPH) for element in x])
    torch.testing.assert_close(ours.double()(x, Edges(GRAPH)), expected)


@pytest.mark.parametrize("conv", ["gcn", "graph"])
def test_edge_weights_learn(conv: str) -> None:
    layer = DSS("permutations", 2, 3, conv=conv).double()
    x = draw(1, 2, 5, 2).requires_grad_()
    weight = WEIGHT.clone().requires_grad_()

    def run(x: Tensor, weight: Tensor) -> Tensor:
        return layer(x, structure=Edges(GRAPH, weight))

    assert torch.autograd.gradcheck(run, (x, weight))


@pytest.mark.parametrize("conv", ["gcn", "graph", "sage", "gin", "gat"])
def test_own_edges_are_a_plain_loop(conv: str) -> None:
    """Each element, and each set, with its own edges; dense, padded and ragged."""
    graphs = [GRAPH, GRAPH[:, 1:], GRAPH.flip(0), GRAPH[:, :3], GRAPH[:, 2:4], GRAPH[:, :0]]
    x = draw(2, 3, 5, 4)
    layer = DSS("permutations", 4, 3, aggregation="sum", conv=conv).double()

    def loop(own: list[Tensor], shared: list[Tensor], present: Tensor) -> Tensor:
        y = torch.zeros(2, 3, 5, 3, dtype=torch.float64)
        for b in range(2):
            total = x[b][present[b]].sum(0, keepdim=True)
            context = layer.aggregate(total, Edges(shared[b]))
            for i in present[b].nonzero()[:, 0].tolist():
                y[b, i] = (layer.siamese(x[b, i : i + 1], Edges(own[3 * b + i])) + context)[0]
        return y

    everyone = torch.ones(2, 3, dtype=torch.bool)
    mask = torch.tensor([[True, True, False], [True, False, True]])
    together = [torch.cat(graphs[:3], 1), torch.cat(graphs[3:], 1)]
    per_element = Edges.stack(graphs, nodes=5)
    torch.testing.assert_close(layer(x, structure=per_element), loop(graphs, together, everyone))
    left = [torch.cat(graphs[:2], 1), torch.cat([graphs[3], graphs[5]], 1)]
    expected = loop(graphs, left, mask)
    torch.testing.assert_close(layer(x, mask, structure=per_element), expected)
    sets = SetBatch(x.flatten(0, 1)[[0, 5, 3, 1]], torch.tensor([0, 1, 1, 0]), 2)
    stacked = Edges.stack([graphs[r] for r in (0, 5, 3, 1)], nodes=5)
    ragged = layer(sets, structure=stacked).values
    torch.testing.assert_close(ragged, expected.flatten(0, 1)[[0, 5, 3, 1]])
    per_set = Edges.stack([GRAPH, GRAPH[:, :4]], nodes=5)
    repeated = [GRAPH] * 3 + [GRAPH[:, :4]] * 3
    expected = loop(repeated, [GRAPH, GRAPH[:, :4]], everyone)
    torch.testing.assert_close(layer(x, structure=per_set), expected)
    flat = SetBatch(x.flatten(0, 1)[[3, 0, 4, 1, 5, 2]], torch.tensor([1, 0, 1, 0, 1, 0]), 2)
    torch.testing.assert_close(
        layer(flat, structure=per_set).values, expected.flatten(0, 1)[[3, 0, 4, 1, 5, 2]]
    )


def solved(space: str, target: str, nodes: int) -> EquivariantLinear:
    group = SymmetricGroup(nodes)
    types = [PermutationFeatures(1, group, (nodes,), space=s) for s in (space, target)]
    actions = [action_of(group, t) for t in types]
    return EquivariantLinear(*types, basis_between(*actions), actions[1])


@pytest.mark.parametrize(
    ("source", "target", "dimension"),
    [("nodes", "nodes", 2), ("nodes", "pairs", 5), ("pairs", "nodes", 5), ("pairs", "pairs", 15)],
)
def test_linear_maps_are_complete(source: str, target: str, dimension: int) -> None:
    """The span over the parameters is the space that the solver finds."""
    nodes = 4
    types = [SYMMETRY.feature_type(f"1 {kind}") for kind in (source, target)]
    layer = SYMMETRY.linear(*types).double()
    assert error_of(layer, *types, set_axis=False).max < 1e-12
    names = {"nodes": "points", "pairs": "pairs"}
    oracle = solved(names[source], names[target], nodes).double()
    sizes = [nodes ** (2 if kind == "pairs" else 1) for kind in (source, target)]
    shape = (nodes, nodes, 1) if source == "pairs" else (nodes, 1)
    x = torch.eye(sizes[0], dtype=torch.float64).reshape(-1, *shape)

    def span(module: nn.Module) -> Tensor:
        maps = []
        for parameter in module.parameters():
            for entry in range(parameter.numel()):
                for other in module.parameters():
                    nn.init.zeros_(other)
                parameter.data.view(-1)[entry] = 1
                maps.append(torch.cat([module(x), module(0 * x[:1])]).detach().flatten())
        return torch.stack(maps)

    ours, theirs = span(layer), span(oracle)
    constants = 2 if target == "pairs" else 1
    assert torch.linalg.matrix_rank(ours) == dimension + constants
    assert torch.linalg.matrix_rank(torch.cat([ours, theirs])) == dimension + constants


@pytest.mark.parametrize("aggregation", ["sum", "max"])
@pytest.mark.parametrize("alignment", ["shared", "independent"])
def test_pairs_in_sets(aggregation: str, alignment: str) -> None:
    layer = DSS(
        "permutations", "2 pairs", "3 pairs", aggregation=aggregation, alignment=alignment
    ).double()
    assert error_of(layer, layer.in_type, layer.out_type, samples=3).max < 1e-12


def test_single_and_isolated_nodes_are_finite() -> None:
    for conv in ("gcn", "graph", "sage", "gin"):
        layer = DSS("permutations", 2, 2, conv=conv)
        x = torch.randn(2, 3, 1, 2, requires_grad=True)
        y = layer(x, structure=torch.zeros(2, 0, dtype=torch.int64))
        y.sum().backward()
        assert y.isfinite().all()
        assert x.grad is not None
        assert x.grad.isfinite().all()
    readout = SYMMETRY.invariant(SYMMETRY.feature_type("2 pairs"))
    assert readout(torch.randn(3, 1, 1, 2)).isfinite().all()


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (torch.tensor([[0, 5], [1, 2]]), "from 0 to 5, expected 0 to 4"),
        (torch.tensor([[0, -1], [1, 2]]), "from -1 to 2, expected 0 to 4"),
        (torch.tensor([[0.0], [1.0]]), "torch.float32, expected torch.int64"),
        (GRAPH.T, r"index \(7, 2\), expected \(2, M\)"),
        ("ring", "type str, expected edges"),
        (None, "got no edges"),
    ],
)
def test_bad_edges_are_refused(structure: object, message: str) -> None:
    layer = DSS("permutations", 2, 2, conv="gcn")
    with pytest.raises(ShapeError, match=message):
        layer(torch.randn(2, 3, 5, 2), structure=structure)


def test_edges_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"weight \(3,\) for 7 edges"):
        Edges(GRAPH, WEIGHT[:3])
    with pytest.raises(ShapeError, match="for all or for none"):
        Edges.stack([Edges(GRAPH, WEIGHT), Edges(GRAPH)], nodes=5)
    with pytest.raises(ShapeError, match="expected one graph of 6 nodes"):
        Edges.stack([Edges(GRAPH, nodes=5)], nodes=6)
    layer = DSS("permutations", 2, 2, conv="gcn")
    with pytest.raises(ShapeError, match="got edges of 5 graphs for 6 elements in 2 sets"):
        layer(torch.randn(2, 3, 5, 2), structure=Edges.stack([GRAPH] * 5, nodes=5))
    with pytest.raises(ShapeError, match="graphs of 5 nodes and elements of 4 nodes"):
        layer(torch.randn(2, 3, 4, 2), structure=Edges.stack([GRAPH] * 2, nodes=5))


def test_bad_convolutions_are_refused() -> None:
    with pytest.raises(PluginError, match="Did you mean 'graph'"):
        DSS("permutations", 2, 2, conv="grahp")
    with pytest.raises(FeatureTypeError, match="3 heads for 4 channels"):
        DSS("permutations", 2, 4, conv="gat", heads=3)
    with pytest.raises(FeatureTypeError, match="got the options"):
        DSS("permutations", 2, 4, conv="gcn", kernel_size=3)
    with pytest.raises(FeatureTypeError, match="expected features of nodes"):
        DSS("permutations", "2 pairs", 4, conv="gcn")
    with pytest.raises(FeatureTypeError, match="takes the mean"):
        DSS("permutations", 2, 4, conv="sage")(
            torch.randn(1, 2, 5, 2), structure=Edges(GRAPH, WEIGHT.float())
        )
    side = Edges(GRAPH, attr=torch.randn(7, 3))
    for conv in ("gcn", "sg"):
        with pytest.raises(FeatureTypeError, match=r"got (edge features|edge_attr)"):
            DSS("permutations", 2, 4, conv=conv)(torch.randn(1, 2, 5, 2), structure=side)


def test_edge_features_and_callables() -> None:
    side = Edges(GRAPH, attr=torch.randn(7, 3))
    x = torch.randn(2, 3, 5, 4)
    assert DSS("permutations", 4, 6, conv="gat", edge_dim=3)(x, structure=side).shape[-1] == 6
    assert DSS("permutations", 4, 6, conv="gat", heads=3)(x, structure=GRAPH).shape[-1] == 6
    assert DSS("permutations", 4, 6, conv="gine", edge_dim=3)(x, structure=side).shape[-1] == 6

    def mine(inputs: int, outputs: int) -> nn.Module:
        return pyg.ChebConv(inputs, outputs, K=2)

    assert DSS("permutations", 4, 6, conv=mine)(x, structure=GRAPH).shape[-1] == 6
    wrong = DSS("permutations", 4, 6, conv=lambda inputs, outputs: pyg.GCNConv(inputs, 5))
    with pytest.raises(ShapeError, match="nodes of 6 channels"):
        wrong(x, structure=GRAPH)


def test_biases_of_convolutions_without_the_option() -> None:
    edges = torch.tensor([[0, 1, 2, 2], [1, 2, 0, 1]])
    options = {"conv": "film", "bias": False}
    layer = DSS("permutations", 2, 3, **options)
    assert not any(name.endswith("bias") for name, _ in layer.named_parameters())
    y = layer(torch.zeros(1, 2, 3, 2), structure=edges)
    assert not y.any()
    # a state from before has numbers there: they are loaded, and the function is that of before
    state = {key: torch.full_like(value, 0.5) for key, value in layer.state_dict().items()}
    layer.load_state_dict(state)
    assert layer(torch.zeros(1, 2, 3, 2), structure=edges).any()
