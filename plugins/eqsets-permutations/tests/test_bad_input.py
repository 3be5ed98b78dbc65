"""Bad input: a clear error or a correct result, and never NaN."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch, Data

from eqsets import DSS, FeatureTypeError, SetNetwork, ShapeError
from eqsets_permutations.edges import Edges
from eqsets_permutations.subgraphs.bags import BagData, OnBags, bag
from eqsets_permutations.subgraphs.policies import EdgeDeleted, EgoNets, NodeDeleted

CONVS = ("gcn", "graph", "sage", "gin", "gat", "tag")
LINKS = torch.tensor([[0, 1, 2], [1, 2, 3]])
NONE = torch.zeros(2, 0, dtype=torch.int64)
LAYERS = {conv: DSS("permutations", 2, 3, conv=conv).double() for conv in CONVS}


def features(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def graph(nodes: int, edges: Tensor = NONE, **others: Tensor) -> Data:
    return Data(x=features(nodes, 2), edge_index=edges, **others)


indices = st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), max_size=8)


@given(st.sampled_from(CONVS), indices, st.integers(1, 5), st.integers(1, 3))
def test_any_edges_give_numbers_or_an_error(
    conv: str, pairs: list[tuple[int, int]], nodes: int, size: int
) -> None:
    """Loops, double edges, isolated nodes and no edges are fine, other indices are refused."""
    index = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    x = features(1, size, nodes, 2).requires_grad_()
    valid = all(0 <= node < nodes for pair in pairs for node in pair)
    if not valid:
        with pytest.raises(ShapeError, match="edge indices go from"):
            LAYERS[conv](x, structure=index)
        return
    y = LAYERS[conv](x, structure=index)
    y.sum().backward()
    assert x.grad is not None
    assert y.isfinite().all()
    assert x.grad.isfinite().all()


@given(indices, st.lists(st.floats(-3, 3, width=32), min_size=8, max_size=8))
def test_weighted_sums_are_those_of_the_matrix(
    pairs: list[tuple[int, int]], weights: list[float]
) -> None:
    """Whatever the edges, negative weights and all: the product with the dense matrix."""
    pairs = [(abs(source), abs(target)) for source, target in pairs]
    index = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    weight = torch.tensor(weights[: len(pairs)], dtype=torch.float64)
    layer = DSS("permutations", 2, 3, aggregation="sum", conv="graph").double()
    x = features(2, 3, 6, 2)
    matrix = torch.zeros(6, 6, dtype=torch.float64)
    matrix.index_put_((index[1], index[0]), weight, accumulate=True)
    own, total = layer.siamese, layer.aggregate
    expected = own.lin_root(x) + own.lin_rel(matrix @ x)
    context = total.lin_root(x.sum(1)) + total.lin_rel(matrix @ x.sum(1))
    y = layer(x, structure=Edges(index, weight))
    torch.testing.assert_close(y, expected + context[:, None])


@given(
    st.sampled_from([torch.int64, torch.int32, torch.float32, torch.bool]),
    st.lists(st.integers(0, 4), max_size=3),
    st.one_of(st.none(), st.integers(-1, 3), st.just(1.5), st.booleans()),
    st.one_of(st.integers(-1, 2), st.just("two")),
)
def test_edges_are_made_or_refused(
    dtype: torch.dtype, shape: list[int], nodes: object, blocks: object
) -> None:
    try:
        edges = Edges(torch.ones(shape).to(dtype), nodes=nodes, blocks=blocks)  # type: ignore[arg-type]
    except ShapeError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert "expected" in refusal
        return
    assert (dtype, shape[0]) == (torch.int64, 2)
    assert nodes is None or edges.blocks * nodes > 1 or shape[1] == 0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Edges(LINKS, torch.tensor([1.0, torch.nan, 1.0])), "NaN or infinite on 1 of 3"),
        (lambda: Edges(LINKS, attr=torch.full((3, 2), torch.inf)), "NaN or infinite on 3 of 3"),
        (lambda: Edges(LINKS, torch.ones(3, dtype=torch.int64)), "expected floating point"),
        (lambda: Edges(LINKS, nodes=0), "nodes=0, expected whole numbers"),
        (lambda: Edges(LINKS).relabel(torch.tensor([1, 0])), "expected 0 to 1 for 2 nodes"),
        (lambda: NodeDeleted()(graph(3, LINKS)), "expected 0 to 2 for 3 nodes"),
        (lambda: EgoNets()(graph(4, LINKS.float())), "torch.float32, expected torch.int64"),
        (lambda: EdgeDeleted()(graph(4, LINKS, edge_weight=torch.ones(2))), "expected 3 rows"),
        (lambda: NodeDeleted()(graph(4, LINKS, num_nodes=9)), "expected 9 rows"),
        (lambda: NodeDeleted()(graph(0)), "expected a graph with nodes"),
        (lambda: bag([graph(4), graph(3)]), r"graphs of \[3, 4\] nodes in a set that shares"),
        (lambda: bag([graph(4), Data(x=features(4, 3), edge_index=NONE)]), r"channels: \[2, 3\]"),
        (lambda: bag([graph(4, LINKS, edge_weight=torch.ones(3)), graph(4)]), "edge weights:"),
        (lambda: bag([graph(4, LINKS, edge_weight=torch.ones(2))]), r"weight \(2,\) for 3 edges"),
    ],
)
def test_data_that_do_not_fit_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        make()


@pytest.mark.parametrize("fraction", ["half", None, float("nan"), -1])
def test_fractions_that_are_none_are_refused(fraction: object) -> None:
    with pytest.raises(FeatureTypeError, match="expected more than 0 and at most 1"):
        NodeDeleted(fraction=fraction)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("types", "shape", "message"),
    [
        ([2, 3], (1, 2, 0, 2), "elements of 0 nodes"),
        (["2 pairs", 3], (1, 2, 0, 0, 2), "elements of 0 by 0 nodes"),
        (["2 pairs", "1 pairs"], (1, 2, 3, 4, 2), "as many rows as columns"),
    ],
)
def test_elements_without_nodes_are_refused(
    types: list[object], shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        SetNetwork("permutations", types, readout=2)(torch.zeros(shape))


def test_a_graph_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match="graphs of 7 nodes and elements of 4 nodes"):
        LAYERS["gcn"](features(1, 2, 4, 2), structure=graph(7, LINKS))
    with pytest.raises(ShapeError, match="graphs of 9 nodes and elements of 4 nodes"):
        LAYERS["gcn"](features(1, 2, 4, 2), structure=Data(edge_index=LINKS, num_nodes=9))


def broken(**changes: Callable[[BagData], object]) -> BagData:
    data = bag([graph(3), graph(3)])
    for key, change in changes.items():
        data[key] = change(data)
    return data


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (broken(node=lambda b: b.node + 5), "indices from 5 to 7, expected 0 to 2"),
        (broken(node=lambda b: b.node - 1), "indices from -1 to 1, expected 0 to 2"),
        (broken(node=lambda b: b.node[:-1]), "6 rows on cpu and 5 indices"),
        (broken(element=lambda b: b.element[:-1]), r"element \(5,\) of torch.int64, expected \(6,"),
        (broken(element=lambda b: b.element.float()), "of torch.float32, expected"),
        (broken(num_elements=lambda b: 3), r"no nodes for the graphs \[2\]"),
        (broken(num_originals=lambda b: 4), r"no rows for the sets \[3\]"),
        (broken(edge_index=lambda b: torch.tensor([[0], [6]])), "expected 0 to 5 for 6 nodes"),
        (broken(context_index=lambda b: torch.tensor([[0], [3]])), "expected 0 to 2 for 3 nodes"),
        (bag([graph(0), graph(3)], shared_nodes=False), r"no nodes for the graphs \[0\]"),
    ],
)
def test_broken_bags_are_refused(alignment: str, data: BagData, message: str) -> None:
    network = SetNetwork("permutations", [2, 3], conv="gcn", alignment=alignment, readout=2)
    with pytest.raises(ShapeError, match=message):
        OnBags(network.double())(data)


@pytest.mark.parametrize("conv", ["eg", "hetero", "rgcn", "spline"])
def test_convolutions_that_take_other_arguments_are_refused(conv: str) -> None:
    with pytest.raises(FeatureTypeError, match=rf"'{conv}' could not be built .* pass a callable"):
        DSS("permutations", 3, 4, conv=conv)


def test_convolutions_of_pyg_fail_clearly() -> None:
    x = features(1, 2, 4, 2)
    with pytest.raises(ShapeError, match=r"'gine' failed on .* no weights or features"):
        DSS("permutations", 2, 3, conv="gine").double()(x, structure=LINKS)
    attr = Edges(LINKS, attr=torch.ones(3, 2))
    with pytest.raises(ShapeError, match=r"'transformer' failed on .* edge_attr"):
        DSS("permutations", 2, 3, conv="transformer").double()(x, structure=attr)
    with pytest.raises(FeatureTypeError, match="made NaN from edge weights down to -1"):
        LAYERS["tag"](x, structure=Edges(LINKS, torch.tensor([1.0, -1.0, 0.5])))
    with pytest.raises(FeatureTypeError, match="'gin' got edge features"):
        LAYERS["gin"](x, structure=attr)


def test_weights_of_another_dtype_are_converted() -> None:
    x, weight = features(1, 2, 4, 2).float(), torch.tensor([0.5, 2.0, 1.0])
    layer = DSS("permutations", 2, 3, conv="tag")
    expected = layer(x, structure=Edges(LINKS, weight))
    torch.testing.assert_close(layer(x, structure=Edges(LINKS, weight.double())), expected)


def test_isolated_nodes_in_bags_give_numbers() -> None:
    batch = Batch.from_data_list([bag([graph(3), graph(3)]), bag([graph(1)])])
    for alignment in ("shared", "independent"):
        network = SetNetwork("permutations", [2, 3, 3], conv="gcn", alignment=alignment, readout=2)
        assert OnBags(network.double())(batch).isfinite().all()
