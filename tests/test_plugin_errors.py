"""Wrong calls of the plugins end in an error that says what was wrong and what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from eqsets import DSS, EqsetsError, SetBatch, element_group
from eqsets_permutations import DSSGNN, Edges, EgoNets, NodeDeleted, OnBags, bag, vote
from eqsets_planar import freeze

EDGES = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
IMAGES, PLANAR = element_group("translations"), element_group("planar")
SPACE = element_group("spatial")
POINTS = "points: 2x0e"
draw = torch.randn


def conv(group: Any, *types: Any, **options: Any) -> nn.Module:
    return DSS(group, *types, **options)


def cloud(structure: Any, x: Any = None, **options: Any) -> Any:
    layer = DSS("spatial", POINTS, POINTS, **{"radius": 1.0, **options})
    return layer(draw(2, 3, 6, 2) if x is None else x, structure=structure)


def graph(structure: Any, **options: Any) -> Any:
    return DSS("permutations", 3, 4, conv="gcn", **options)(draw(2, 3, 4, 3), structure=structure)


CALLS: dict[str, Callable[[], Any]] = {
    "groups=2.0": lambda: conv("translations", 4, 4, groups=2.0),
    "groups=True": lambda: conv("translations", 4, 4, groups=True),
    "transposed='yes'": lambda: conv("translations", 4, 4, transposed="yes"),
    "bias='no'": lambda: conv("translations", 4, 4, bias="no"),
    "small grid": lambda: conv("translations", 3, 4, kernel_size=9, padding=0)(draw(1, 1, 3, 4, 4)),
    "empty grid": lambda: conv("translations", 3, 4)(draw(1, 1, 3, 0, 4)),
    "pool of another shape": lambda: IMAGES.pool(IMAGES.feature_type(3))(draw(2, 3, 8)),
    "pool of other channels": lambda: IMAGES.pool(IMAGES.feature_type(3))(draw(2, 4, 8, 8)),
    "upsample": lambda: IMAGES.upsample(IMAGES.feature_type("3 /2"))(draw(2, 4, 8, 8)),
    "heads='2'": lambda: conv("permutations", 3, 4, conv="gat", heads="2"),
    "heads=0": lambda: conv("permutations", 3, 4, conv="gat", heads=0),
    "train_eps='yes'": lambda: conv("permutations", 3, 4, conv="gin", train_eps="yes"),
    "improved='yes'": lambda: conv("permutations", 3, 4, conv="gcn", improved="yes"),
    "edges as lists": lambda: graph([[0, 1], [1, 2]]),
    "edges of every graph as a list": lambda: graph([EDGES, EDGES]),
    "edges in int32": lambda: graph(EDGES.int()),
    "sparse adjacency": lambda: graph(torch.eye(4).to_sparse()),
    "no edges": lambda: graph(Data(x=draw(4, 3))),
    "weights as a list": lambda: Edges(EDGES, [1.0, 2.0, 3.0, 4.0]),
    "context as a tensor": lambda: Edges(EDGES, context=EDGES),
    "bag of tensors": lambda: bag([draw(3, 3)]),
    "bags as a tensor": lambda: OnBags(conv("permutations", 3, 4))(draw(3, 4)),
    "no bag": lambda: DSSGNN(3, 4)(Data(x=draw(4, 3), edge_index=EDGES)),
    "policy of a tensor": lambda: NodeDeleted().forward(draw(3, 3)),
    "marked='x'": lambda: EgoNets(marked="x"),
    "no votes": lambda: vote(DSSGNN(3, 2), [], NodeDeleted(), votes=0),
    "exact='no'": lambda: conv("planar", 3, 4, exact="no"),
    "reflected border": lambda: conv("planar", 3, 4, padding_mode="reflect", kernel_size=7)(
        draw(1, 2, 3, 3, 3)
    ),
    "circular border": lambda: conv("planar", 3, 4, padding_mode="circular", kernel_size=9)(
        draw(1, 2, 3, 3, 3)
    ),
    "groups of fields": lambda: conv("planar", 4, 4, groups=3),
    "norm of other channels": lambda: PLANAR.norm(PLANAR.feature_type(3))(draw(2, 4, 8, 8)),
    "gates of other channels": lambda: PLANAR.nonlinearity(PLANAR.feature_type("irrep(1)"))(
        draw(2, 3, 8, 8)
    ),
    "blur of another shape": lambda: PLANAR.pool(PLANAR.feature_type(3))(draw(2, 3, 8)),
    "blur of no pixels": lambda: PLANAR.pool(PLANAR.feature_type(3))(draw(2, 3, 0, 8)),
    "freeze of no module": lambda: freeze(3),
    "p='a' of fields": lambda: PLANAR.dropout(PLANAR.feature_type(3), "a"),
    "p='a' of copies": lambda: SPACE.dropout(SPACE.feature_type(3), "a"),
    "positions of two numbers": lambda: cloud(draw(6, 2)),
    "positions of fewer points": lambda: cloud(draw(5, 3)),
    "whole positions": lambda: cloud(torch.ones(6, 3).long()),
    "positions as lists": lambda: cloud([[0, 0, 0]] * 6),
    "no positions": lambda: cloud(None),
    "positions of other sets": lambda: cloud(
        SetBatch.from_list([draw(3, 6, 3), draw(2, 6, 3)]),
        SetBatch.from_list([draw(2, 6, 2), draw(3, 6, 2)]),
    ),
    "matrix of the plane": lambda: SPACE.feature_type("1x1o").transform(draw(2, 2), draw(3)),
    "irreps of another width": lambda: SPACE.feature_type("1x1o").transform(torch.eye(3), draw(4)),
    "turned positions": lambda: SPACE.transform_structure(torch.eye(2), draw(6, 3)),
}


@pytest.mark.parametrize("call", CALLS)
def test_wrong_call_is_refused(call: str) -> None:
    with pytest.raises(EqsetsError, match=r"expected|choose one of"):
        CALLS[call]()


def test_right_calls_are_not() -> None:
    sets = SetBatch.from_list([draw(2, 6, 2), draw(3, 6, 2)])
    positions = SetBatch.from_list([draw(2, 6, 3), draw(3, 6, 3)])
    assert isinstance(cloud(positions, sets), SetBatch)
    assert graph(EDGES).shape == (2, 3, 4, 4)
    padded = conv("translations", 3, 4, kernel_size=9, padding=4)
    assert padded(draw(1, 1, 3, 1, 4)).shape == (1, 1, 4, 1, 4)
    reflected = conv("planar", 3, 4, padding_mode="reflect", kernel_size=5)
    assert reflected(draw(1, 2, 3, 3, 3)).shape == (1, 2, 4, 3, 3)
