"""Categorical nodes and edges: embeddings in every layout, and clear errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GINEConv

import eqsets
from eqsets import DSS, EqsetsError, PartBatch, SetBatch
from eqsets_permutations import CategoryEmbedding, Edges, NodeCategories, OnBags, bag
from eqsets_permutations.categories import (
    OGB_ATOMS,
    OGB_BONDS,
    ZINC_ATOMS,
    ZINC_BONDS,
    ColumnEmbedding,
    category_sizes,
)

SIZES = (5, 3, 2)
KIND = NodeCategories(SIZES, nodes=4)
RING = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
KINDS = torch.tensor([[0, 1], [1, 0], [2, 1], [0, 0]])  # of the edges: two columns of 3 and 2


def draw(*batch: int, seed: int = 0) -> Tensor:
    return KIND.sample(*batch, generator=torch.Generator().manual_seed(seed))


def embedding() -> CategoryEmbedding:
    torch.manual_seed(0)
    return CategoryEmbedding("permutations", SIZES, 6).double()


def test_columns_are_embedded_and_added() -> None:
    """The same as one table for each column, and as the linear map of the indicators."""
    table, x = ColumnEmbedding(SIZES, 6).double(), draw(2, 3)
    each = [nn.functional.one_hot(x[..., k], size) for k, size in enumerate(SIZES)]
    expected = torch.cat(each, -1).double() @ table.weight
    torch.testing.assert_close(table(x), expected)
    torch.testing.assert_close(table(x.int()), expected)
    swapped = x.clone()
    swapped[..., 0] = (x[..., 0] + 1) % SIZES[0]
    assert not torch.allclose(table(swapped), expected)


def test_the_layouts_agree() -> None:
    module, x = embedding(), draw(2, 3)
    expected = module(x)
    mask = torch.tensor([[True, True, True], [True, False, True]])
    unknown = torch.where(mask[..., None, None], x, 10**6)  # what is absent is never read
    padded = module(unknown, mask)
    assert torch.equal(padded, torch.where(mask[..., None, None], expected, 0))
    ragged = module(SetBatch.from_list([x[0], x[1, :2]]))
    assert torch.equal(ragged.values, torch.cat([expected[0], expected[1, :2]]))
    parts = module(PartBatch.from_list([[x[0, 0], x[0, 1, :2]], [x[1, 0, :1]]]))
    own = [expected[0, 0], expected[0, 1, :2], expected[1, 0, :1]]
    assert torch.equal(parts.values, torch.cat(own))
    graphs = [bag([Data(x=one, edge_index=RING) for one in each]) for each in x]
    bags = OnBags(module)(Batch.from_data_list(graphs))
    assert torch.equal(bags.x, expected.flatten(0, 2))


def test_it_commutes_with_permutations_of_nodes_and_of_the_set() -> None:
    module, x = embedding(), draw(2, 3)
    g, order = torch.tensor([2, 0, 3, 1]), torch.tensor([1, 2, 0])
    y = module(x)
    assert torch.equal(module(KIND.transform(g, x)), module.out_type.transform(g, y))
    assert torch.equal(module(x[:, order]), y[:, order])
    shifted = x + torch.tensor([0, 0, 0, 1])[:, None] * (x == 0)  # depends on the node: no symmetry
    moved = KIND.transform(g, x)
    other = moved + torch.tensor([0, 0, 0, 1])[:, None] * (moved == 0)
    assert not torch.equal(module(other), module.out_type.transform(g, module(shifted)))


def edge_layer() -> DSS:
    torch.manual_seed(0)
    options: dict[str, Any] = {"edge_categories": [3, 2], "aggregation": "none"}
    return DSS("permutations", 6, 6, conv="gine", **options).double()


def test_edges_are_embedded_by_each_layer() -> None:
    layer, x = edge_layer(), torch.randn(2, 3, 4, 6).double()
    conv = layer.siamese
    assert isinstance(conv.conv, GINEConv)
    y = layer(x, structure=Edges(RING, attr=KINDS))
    features = conv.edge_embedding(KINDS)
    for one, expected in zip(x.flatten(0, 1), y.flatten(0, 1), strict=True):
        torch.testing.assert_close(conv.conv(one, RING, features), expected)
    assert not torch.allclose(layer(x, structure=Edges(RING, attr=KINDS.flip(0))), y)


def test_edges_move_with_their_categories() -> None:
    layer, x = edge_layer(), torch.randn(2, 3, 4, 6).double()
    g = torch.tensor([2, 0, 3, 1])
    edges = Edges(RING, attr=KINDS)
    expected = layer.out_type.transform(g, layer(x, structure=edges))
    moved = layer.in_type.transform(g, x)
    torch.testing.assert_close(layer(moved, structure=edges.relabel(g)), expected)
    wrong = Edges(edges.relabel(g).index, attr=KINDS.flip(0))
    assert not torch.allclose(layer(moved, structure=wrong), expected)


def test_a_column_alone_needs_no_second_axis() -> None:
    """As in ZINC, whose bonds are ``(M,)``."""
    torch.manual_seed(0)
    layer = DSS("permutations", 6, 6, conv="gine", edge_categories=[3]).double()
    x = torch.randn(1, 2, 4, 6).double()
    column = KINDS[:, 0]
    one, other = Edges(RING, attr=column), Edges(RING, attr=column[:, None])
    assert torch.equal(layer(x, structure=one), layer(x, structure=other))
    graphs = [Data(x=each, edge_index=RING, edge_attr=column) for each in x[0]]
    y = OnBags(layer)(bag(graphs, original=graphs[0]))
    expected = layer(x, structure=Edges(RING, attr=column))
    torch.testing.assert_close(y.x, expected.flatten(0, 2))


def test_a_network_with_categories_is_described_saved_and_loaded(tmp_path: Any) -> None:
    network = eqsets.nn.SetSequential(
        embedding(), eqsets.SetNetwork("permutations", [6, 8], conv="gine", edge_categories=[3, 2])
    ).double()
    plain = json.loads(json.dumps(eqsets.to_dict(network)))
    assert eqsets.to_dict(eqsets.from_dict(plain)) == eqsets.to_dict(network)
    eqsets.save(network, tmp_path / "network.pt")
    x, edges = draw(2, 3), Edges(RING, attr=KINDS)
    again = eqsets.load(tmp_path / "network.pt").double()
    assert torch.equal(again(x, structure=edges), network(x, structure=edges))


def test_sizes_of_a_data_set_are_read() -> None:
    graphs = [
        Data(x=torch.tensor([[4, 0], [1, 2]]), edge_index=RING, edge_attr=torch.tensor([1, 3])),
        Data(x=torch.tensor([[0, 7]]), edge_index=RING, edge_attr=torch.zeros(0).long()),
    ]
    assert category_sizes(graphs) == [5, 8]
    assert category_sizes(graphs, "edge_attr") == [4]
    table = ColumnEmbedding(category_sizes(graphs), 3)
    assert all(table(one.x).shape == (len(one.x), 3) for one in graphs)


def test_documented_sizes() -> None:
    assert (len(OGB_ATOMS), len(OGB_BONDS)) == (9, 3)
    assert (ZINC_ATOMS, ZINC_BONDS) == ((28,), (4,))


def layer(**options: Any) -> DSS:
    return DSS("permutations", 6, 6, **options)


def ran(module: nn.Module, edges: Edges) -> Any:
    return module(torch.randn(1, 2, 4, 6), structure=edges)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "too large": (
        lambda: embedding()(draw(1, 1) + torch.tensor([0, 7, 0])),
        r"category (7|8|9) in column 1, expected 0 to 2: that column has 3",
    ),
    "first too large": (
        lambda: embedding()(torch.tensor([[[[0, 3, 0]]]])),
        r"category 3 in column 1, expected 0 to 2",
    ),
    "negative": (lambda: embedding()(draw(1, 1) - 9), r"category -\d in column 0"),
    "floats": (lambda: embedding()(draw(1, 1).float()), r"CategoryEmbedding got torch.float32"),
    "truth values": (lambda: embedding()(draw(1, 1) > 0), "got torch.bool, expected whole"),
    "columns": (lambda: embedding()(draw(1, 1)[..., :2]), r"2 instead of 3 .* one size for each"),
    "no sizes": (lambda: CategoryEmbedding("permutations", [], 6), r"sizes=\[\], expected a list"),
    "size of 0": (lambda: CategoryEmbedding("permutations", [3, 0], 6), r"sizes=\[3, 0\]"),
    "a number": (lambda: CategoryEmbedding("permutations", 28, 6), "sizes=28, expected a list"),
    "pairs": (lambda: CategoryEmbedding("permutations", [2], "3 pairs"), "expected features of"),
    "images": (lambda: CategoryEmbedding("translations", [2], 3), "expected features of nodes"),
    "as features": (lambda: DSS("permutations", KIND, 6), "expected a number of channels"),
    "channels": (lambda: KIND.with_channels(3), "has no channel|cannot be given"),
    "edges too large": (
        lambda: ran(edge_layer().float(), Edges(RING, attr=KINDS + torch.tensor([0, 2]))),
        r"edge_categories of convolution 'gine' got the category \d in column 1, expected 0 to 1",
    ),
    "edge columns": (
        lambda: ran(edge_layer().float(), Edges(RING, attr=KINDS[:, :1])),
        "1 columns of categories .* expected 2",
    ),
    "edge floats": (
        lambda: ran(edge_layer().float(), Edges(RING, attr=KINDS.float())),
        "got torch.float32, expected whole numbers",
    ),
    "no attributes": (
        lambda: ran(edge_layer().float(), Edges(RING)),
        "edges without attributes, expected whole numbers",
    ),
    "not embedded": (
        lambda: ran(layer(conv="gine", edge_dim=2), Edges(RING, attr=KINDS)),
        "got edge features of torch.int64, expected floating point",
    ),
    "no edge features": (lambda: layer(conv="gcn", edge_categories=[3]), "takes no edge features"),
    "no convolution": (lambda: layer(edge_categories=[3]), "takes no edge features"),
    "of PyG": (lambda: layer(conv="tag", edge_categories=[3]), "takes no edge features"),
    "edge sizes": (lambda: layer(conv="gine", edge_categories=4), "sizes=4, expected a list"),
    "edge width": (
        lambda: layer(conv="gine", edge_categories=[3], edge_dim=0),
        "edge_dim=0, expected a whole number",
    ),
    "truth values of edges": (lambda: Edges(RING, attr=KINDS > 0), "whole numbers for categories"),
    "whole weights": (lambda: Edges(RING, torch.ones(4).long()), "expected floating point on"),
    "read floats": (lambda: category_sizes([torch.ones(3, 2)]), "got torch.float32"),
    "read nothing": (lambda: category_sizes([]), "got no values"),
    "read no attribute": (lambda: category_sizes([Data()], "edge_attr"), "got NoneType"),
    "read negative": (lambda: category_sizes([-torch.ones(2).long()]), "got the category -1"),
    "read columns": (
        lambda: category_sizes([torch.ones(2, 1).long(), torch.ones(2, 3).long()]),
        "3 columns, expected 1",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises(EqsetsError, match=message):
        call()
