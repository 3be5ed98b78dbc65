"""Sets of graphs of unequal numbers of nodes: rows for set modules, and the edges between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eqsets import PartBatch, ShapeError
from eqsets_permutations.edges import Edges, as_edges, together

__all__ = ["join_edges", "sets_of_graphs"]


def sets_of_graphs(sets: Sequence[Sequence[Any]]) -> tuple[PartBatch, Edges]:
    """Return the nodes and edges of sets of graphs, whose numbers of nodes may all differ.

    Where all graphs of each set have equally many nodes, nodes of one number correspond; else use
    ``alignment="independent"``.

    Arguments:
        sets: for each set its graphs: PyG ``Data``, or objects with ``x (P, C)``, ``edge_index``
            and if they have them ``edge_attr`` and ``edge_weight``.

    Returns:
        Features of nodes, and ``structure=`` of the modules that take them.

    Raises:
        ShapeError: a set is empty, a graph has no features, or only some have edge features.

    Example:
        >>> from torch_geometric.data import Data
        >>> import eqsets
        >>> ring = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
        >>> graphs = [Data(x=torch.ones(n, 2), edge_index=ring % n) for n in (2, 3, 4)]
        >>> x, edges = sets_of_graphs([graphs[:2], graphs[2:]])
        >>> x
        PartBatch(2 sets of 1 to 2 elements of 2 to 4 parts of shape (2,), torch.float32)
        >>> layer = eqsets.DSS("permutations", 2, 8, conv="gin", alignment="independent")
        >>> layer(x, structure=edges).values.shape
        torch.Size([9, 8])
    """
    graphs = [graph for one in sets for graph in one]
    for position, graph in enumerate(graphs):
        x = getattr(graph, "x", None)
        if not isinstance(x, Tensor) or x.dim() != 2:
            raise ShapeError(
                f"sets_of_graphs got {type(graph).__name__} at position {position}, expected a "
                "graph with node features x (P, C) and an edge_index. Give nodes without features "
                "ones: torch.ones(P, 1)."
            )
    nodes = PartBatch.from_list([[graph.x for graph in one] for one in sets])
    return nodes, join_edges(graphs, [len(graph.x) for graph in graphs])


def join_edges(graphs: Sequence[Any], sizes: Sequence[int]) -> Edges:
    """Return the edges of graphs of ``sizes`` nodes, numbered through, graph after graph.

    Arguments:
        graphs: each an ``edge_index``, an ``Edges`` of one block, or a PyG ``Data``.
        sizes: number of nodes of each.

    Raises:
        ShapeError: an index is out of range, or only some have weights or features.
    """
    if len(graphs) != len(sizes) or not len(graphs):
        raise ShapeError(
            f"join_edges got {len(graphs)} graphs and {len(sizes)} sizes, expected one size for "
            "each graph, and at least one."
        )
    parts, start, index = [as_edges(graph) for graph in graphs], 0, []
    for part, size in zip(parts, sizes, strict=True):
        if part.blocks > 1:
            raise ShapeError(
                f"join_edges got {part.blocks} graphs at once, expected one at each position."
            )
        part.check(size)
        index.append(part.index + start)
        start += size
    weight = together([part.weight for part in parts], "weights", "join_edges")
    attr = together([part.attr for part in parts], "features", "join_edges")
    return Edges(torch.cat(index, 1), weight, attr, 1, start)
