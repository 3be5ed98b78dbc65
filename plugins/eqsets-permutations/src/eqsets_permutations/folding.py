"""Bring rows of elements to the nodes of a graph, and back."""

from __future__ import annotations

from torch import Tensor

from eqsets import ShapeError
from eqsets_permutations.edges import Edges
from eqsets_permutations.membership import Members

__all__ = ["disjoint_union", "fold", "unfold"]


def fold(rows: Tensor, edges: Edges | Members | None, owner: str) -> tuple[Tensor, Edges]:
    """Return the elements side by side on the nodes of their graph.

    Arguments:
        rows: ``(E, P, C)``.
        edges: of one graph for all rows, of one for every ``E / blocks`` rows, or of one each.
        owner: who asks, for messages.

    Returns:
        ``(blocks * P, E / blocks, C)`` and the edges. With one block this is a view: elements that
        come from :func:`unfold` are already in this order.

    Raises:
        ShapeError: there are no edges, or their numbers do not fit the rows.
    """
    if isinstance(edges, Members):
        edges.require_shared()
        edges = edges.edges
    if edges is None:
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


def unfold(x: Tensor, edges: Edges) -> Tensor:
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
    steps = points * edges.index.new_tensor(range(copies))
    index = (shift + node)[:, :, None] + steps
    weight, attr = edges.weight, edges.attr
    return Edges(
        index.reshape(2, -1),
        None if weight is None else weight.repeat_interleave(copies, 0),
        None if attr is None else attr.repeat_interleave(copies, 0),
        count,
        points,
    )


def _sizes(owner: str, edges: Edges, points: int) -> str:
    return (
        f"convolution {owner!r} got graphs of {edges.nodes} nodes and elements of {points} nodes, "
        "expected the same. Elements of different sizes travel as a bag: see "
        "eqsets_permutations.bags."
    )
