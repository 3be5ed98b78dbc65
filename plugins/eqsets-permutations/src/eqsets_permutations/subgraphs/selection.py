"""Some of the subgraphs of a bag, and functions of each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from eqsets import ShapeError
from eqsets_permutations.subgraphs.bags import BagData

__all__ = ["check_bag", "copied", "process_each", "selected_subgraphs"]

_EDGE_KEYS = ("edge_attr", "edge_weight")
# What belongs to the original graph, or is numbered again.
_NOT_COPIED = ("edge_index", "element", "node", "num_elements", "num_originals")


def selected_subgraphs(bag: BagData, chosen: Tensor) -> BagData:
    """Return a bag of the subgraphs whose numbers are ``chosen (m,)``, in that order.

    Raises:
        ShapeError: it is not one bag.
    """
    check_bag(bag)
    count = int(bag.num_elements)
    number = torch.full((count,), -1, dtype=torch.int64, device=bag.element.device)
    number[chosen] = torch.arange(len(chosen), device=number.device)
    element = number[bag.element]
    row = _in_order(element)
    edge = _in_order(element[bag.edge_index[0]])
    new_row = torch.empty_like(element)
    new_row[row] = torch.arange(len(row), device=row.device)
    result = BagData(
        edge_index=new_row[bag.edge_index[:, edge]],
        element=element[row],
        node=bag.node[row],
        num_elements=len(chosen),
        num_originals=int(bag.num_originals),
    )
    for key in bag.keys():  # noqa: SIM118  # a Data iterates over pairs
        if key in _NOT_COPIED:
            continue
        original = key.startswith("context_")
        result[key] = bag[key] if original else copied(bag, key, row, edge)
    return result


def check_bag(bag: object) -> None:
    """Raise :class:`~eqsets.ShapeError` unless it is one bag."""
    if not isinstance(bag, BagData) or bag.get("batch") is not None:
        raise ShapeError(
            f"got {type(bag).__name__} to draw subgraphs from, expected one bag. Make bags with a "
            "policy, such as NodeDeleted(), as pre_transform= of the data set."
        )


def _in_order(number: Tensor) -> Tensor:
    """Return the positions that have a number of at least 0, by that number."""
    there = (number >= 0).nonzero()[:, 0]
    return there[number[there].argsort(stable=True)]


def copied(data: Data, key: str, node: Tensor, edge: Tensor) -> Any:
    """Return another attribute of the graph for its bag: one value for each node, edge or graph.

    Targets ``y`` and numbers of nodes stay those of the original graph.
    """
    value = data[key]
    if key == "y" or "index" in key or key == "face":
        return value
    rows = node if data.is_node_attr(key) else edge if "edge" in key else None
    if rows is None or not (data.is_node_attr(key) or data.is_edge_attr(key)):
        return value
    if isinstance(value, Tensor):
        return value[rows.to(value.device)]
    if isinstance(value, list | tuple):
        return [value[row] for row in rows.tolist()]
    return value[rows.cpu().numpy()]


def process_each(bag: BagData, process: Callable[[Data], Data], owner: str) -> None:
    """Apply a function to every subgraph of a bag, in place of its features.

    Raises:
        ShapeError: it returns something else than a graph with features on the same nodes and
            edges.
    """
    nodes, results = int(bag.num_originals), []
    of_edge = bag.element[bag.edge_index[0]]
    for number in range(int(bag.num_elements)):
        own = of_edge == number
        edges = {key: bag[key][own] for key in _EDGE_KEYS if key in bag}
        index = bag.edge_index[:, own] - nodes * number
        x = bag.x[number * nodes : (number + 1) * nodes]
        graph = process(Data(x=x, edge_index=index.clone(), **edges))
        fits = (
            isinstance(graph, Data)
            and isinstance(graph.x, Tensor)
            and graph.x.dim() == 2
            and len(graph.x) == nodes
            and torch.equal(graph.edge_index, index)
        )
        if not fits:
            raise ShapeError(
                f"process_subgraphs of {owner} made {graph} of subgraph {number}, expected a Data "
                f"with x ({nodes}, C) and the same edge_index: it may change features. Apply what "
                "changes nodes or edges to the graph, before the policy."
            )
        edges = {key: graph[key] for key in _EDGE_KEYS if graph.get(key) is not None}
        results.append(Data(x=graph.x, edge_index=index, **edges))
    joint = Batch.from_data_list(results)
    bag.x = joint.x
    for key in _EDGE_KEYS:
        if key in joint:
            bag[key] = joint[key]
