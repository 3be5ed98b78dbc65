"""How the elements of a batch and their edges become one graph that a convolution runs on.

Requirements that shaped this module:

- elements on one graph stay side by side on its nodes: the graph is never copied for each;
- graphs of each set or of each element become one disjoint union, as in a PyG ``Batch``;
- the second branch has edges of its own: those of the aggregated elements.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from eqsets import ShapeError
from eqsets.layout import Dense, Layout, Members
from eqsets_permutations.edges import Edges
from eqsets_permutations.subgraphs.bag_structure import NodeBatch, NodeSide

__all__ = ["disjoint_union", "edges_of_rows", "edges_of_sets", "nodes_to_rows", "rows_to_nodes"]


def rows_to_nodes(rows: Tensor, edges: NodeSide, owner: str) -> tuple[Tensor, Edges]:
    """Return the elements side by side on the nodes of their graph.

    Arguments:
        rows: ``(E, P, C)``.
        edges: of one graph for all rows, of one for every ``E / blocks`` rows, or of one each.
        owner: who asks, for messages.

    Returns:
        ``(blocks * P, E / blocks, C)`` and the edges. With one block this is a view: elements that
        come from :func:`nodes_to_rows` are already in this order.

    Raises:
        ShapeError: there are no edges, or their numbers do not fit the rows.
    """
    if isinstance(edges, NodeBatch):
        edges.require_shared()
        edges = edges.edges
    if edges is None or isinstance(edges, Members):
        raise ShapeError(
            f"convolution {owner!r} got no edges, expected those of the graphs. Pass structure="
            "edge_index to the layer, or leave conv out for sets of points."
        )
    count, points, channels = rows.shape
    blocks = edges.blocks
    if blocks == 1:
        if edges.nodes is None:
            edges.check(points)
        elif edges.nodes != points:
            raise ShapeError(_sizes(owner, edges, points))
        return rows.transpose(0, 1), edges
    if edges.nodes != points:
        raise ShapeError(_sizes(owner, edges, points))
    if count % blocks:
        raise ShapeError(
            f"convolution {owner!r} got edges of {blocks} graphs for {count} elements, expected "
            "one graph for all, for each set or for each element. Stack as many as there are."
        )
    x = rows.reshape(blocks, count // blocks, points, channels).transpose(1, 2)
    return x.reshape(blocks * points, count // blocks, channels), edges


def nodes_to_rows(x: Tensor, edges: Edges) -> Tensor:
    """Return ``x (blocks * P, E / blocks, C)`` as rows ``(E, P, C)``."""
    if edges.blocks == 1:
        return x.transpose(0, 1)
    nodes, copies, channels = x.shape
    points = nodes // edges.blocks
    y = x.reshape(edges.blocks, points, copies, channels).transpose(1, 2)
    return y.reshape(edges.blocks * copies, points, channels)


def disjoint_union(edges: Edges, count: int, points: int) -> Edges:
    """Return one graph for each of ``count`` elements, for code that knows no shared graphs."""
    blocks = edges.blocks
    copies = count // blocks
    if copies == 1:
        return edges
    block, node = edges.index // points, edges.index % points
    shift = points * (block * copies)
    steps = points * torch.arange(copies, device=edges.index.device)
    index = (shift + node)[:, :, None] + steps
    weight, attr = edges.weight, edges.attr
    return Edges(
        index.reshape(2, -1),
        None if weight is None else _copies(weight, copies),
        None if attr is None else _copies(attr, copies),
        count,
        points,
    )


def _copies(x: Tensor, copies: int) -> Tensor:
    """Return each row ``copies`` times; unlike repeat_interleave it can be written to ONNX."""
    return x[:, None].expand(-1, copies, *x.shape[1:]).flatten(0, 1)


def _sizes(owner: str, edges: Edges, points: int) -> str:
    return (
        f"convolution {owner!r} got graphs of {edges.nodes} nodes and elements of {points} nodes, "
        "expected the same. For graphs of different sizes see "
        "eqsets_permutations.sets_of_graphs."
    )


def edges_of_rows(edges: Edges, layout: Layout) -> Edges:
    """Return the edges of rows ``(R, P, C)``: one graph for all, or a graph for each.

    Raises:
        ShapeError: there are neither one graph, nor as many as sets or as elements.
    """
    if edges.blocks in (1, layout.num_rows):
        return edges
    if edges.blocks != layout.num_sets:
        raise ShapeError(
            f"got edges of {edges.blocks} graphs for {layout.num_rows} elements in "
            f"{layout.num_sets} sets, expected one graph for all, for each set or for each "
            "element. Stack as many as there are."
        )
    if isinstance(layout, Dense):  # the elements of a set lie side by side on its graph
        return edges
    return _repeat(edges, _set_of_row(layout, edges.index), layout.num_rows)


def edges_of_sets(edges: Edges, layout: Layout) -> Edges:
    r"""Return the edges of aggregated elements ``(B, P, C)``: :math:`\sum_j A_j` unless given."""
    if edges.context is not None:
        return edges.context
    if edges.blocks in (1, layout.num_sets):
        return edges
    nodes = edges.nodes or 0
    row, node = edges.index // nodes, edges.index % nodes
    index = _set_of_row(layout, edges.index)[row] * nodes + node
    weight, attr = edges.weight, edges.attr
    if layout.present is not None:  # what is absent has no edges
        present = layout.present[row[0]]
        index = index[:, present]
        weight = None if weight is None else weight[present]
        attr = None if attr is None else attr[present]
    return replace(edges, index=index, weight=weight, attr=attr, blocks=layout.num_sets)


def _set_of_row(layout: Layout, like: Tensor) -> Tensor:
    return layout.spread(torch.arange(layout.num_sets, device=like.device))


def _repeat(edges: Edges, set_of_row: Tensor, rows: int) -> Edges:
    """Give each row the edges of its set; rows may come in any order."""
    nodes = edges.nodes or 0
    block, node = edges.index[0] // nodes, edges.index % nodes
    order = set_of_row.argsort(stable=True)
    sizes = torch.bincount(set_of_row, minlength=edges.blocks)
    first = sizes.cumsum(0) - sizes
    repeats = sizes[block]
    picked = torch.arange(block.shape[0], device=block.device).repeat_interleave(repeats)
    start = (repeats.cumsum(0) - repeats)[picked]
    offset = torch.arange(picked.shape[0], device=block.device) - start
    row = order[first[block[picked]] + offset]
    return replace(
        edges,
        index=node[:, picked] + nodes * row,
        weight=None if edges.weight is None else edges.weight[picked],
        attr=None if edges.attr is None else edges.attr[picked],
        blocks=rows,
    )
