"""Which edges the rows of a batch have, and which the aggregated elements: one of each set."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from eqsets import ShapeError
from eqsets.layout import Dense, Layout
from eqsets_permutations.edges import Edges

__all__ = ["edges_of_rows", "edges_of_sets"]


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
        kept = layout.present[row[0]]
        index = index[:, kept]
        weight = None if weight is None else weight[kept]
        attr = None if attr is None else attr[kept]
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
    picked = torch.arange(len(block), device=block.device).repeat_interleave(repeats)
    start = (repeats.cumsum(0) - repeats)[picked]
    place = torch.arange(len(picked), device=block.device) - start
    row = order[first[block[picked]] + place]
    return replace(
        edges,
        index=node[:, picked] + nodes * row,
        weight=None if edges.weight is None else edges.weight[picked],
        attr=None if edges.attr is None else edges.attr[picked],
        blocks=rows,
    )
