"""The edges of a batch as side information: of its rows, and of one graph a set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets import ShapeError
from eqsets.layout import Layout, PaddedParts, Parts
from eqsets.sets.inner import Inner
from eqsets.structure import Structure
from eqsets_permutations.convolution.batching import disjoint_union, edges_of_rows, edges_of_sets
from eqsets_permutations.edges import Edges
from eqsets_permutations.subgraphs.bag_structure import NodeBatch

__all__ = ["GraphStructure"]


@dataclass(frozen=True, eq=False)
class GraphStructure(Structure):
    """Edges of one graph for all elements, of one for each set, or of one for each element.

    For graphs of unequal numbers of nodes (a :class:`~eqsets.PartBatch`), the edges between all
    nodes of the batch, numbered through, as in ``Batch.edge_index`` of PyG.

    Arguments:
        edges: as given.
    """

    edges: Edges

    def __post_init__(self) -> None:
        # No field: FSDP2 copies dataclasses by the fields of their __init__; a copy has none.
        self.__dict__["_last"] = []

    @property
    def _stored(self) -> list[tuple[Inner, tuple[NodeBatch, NodeBatch]]]:
        """The side information of the last batch."""
        stored: list[tuple[Inner, tuple[NodeBatch, NodeBatch]]] = self.__dict__["_last"]
        return stored

    @property
    def given(self) -> Edges:
        return self.edges

    def rows(self, layout: Layout) -> tuple[Edges | NodeBatch, ...]:
        if isinstance(layout, Parts):
            return (self._of_parts(layout)[0],)
        return (edges_of_rows(self.edges, layout),)

    def sets(self, layout: Layout) -> tuple[Edges | NodeBatch, ...]:
        """Return the edges of the context, or the sum of those of the elements of each set."""
        if isinstance(layout, Parts):
            return (self._of_parts(layout)[1],)
        return (edges_of_sets(self.edges, layout),)

    def transform(self, g: Tensor) -> GraphStructure:
        """Relabel the nodes: ``g`` is one permutation ``(P,)``, or one of each graph."""
        return GraphStructure(self.edges.relabel(g))

    def _of_parts(self, layout: Parts) -> tuple[NodeBatch, NodeBatch]:
        """Return the side information of nodes and of corresponding nodes, once for a network."""
        for inner, both in self._stored:
            if inner is layout.inner and not torch.compiler.is_compiling():
                return both
        inner = layout.inner
        own, context = _edges_of_nodes(self.edges, layout), self.edges.context
        if context is not None:
            context = _blocks_of_one(context, inner.num_groups)
        elif inner.corresponding:
            context = _blocks_of_one(own, inner.num_groups, inner.group[own.index])
        both = (
            NodeBatch(own, inner.element, len(inner.index)),
            NodeBatch(context, inner.set_of_group, inner.num_sets),
        )
        if not torch.compiler.is_compiling():
            self._stored[:] = [(inner, both)]
        return both


def _edges_of_nodes(edges: Edges, layout: Parts) -> Edges:
    """Return the edges of all nodes, as blocks of one node each, which store their matrices.

    Raises:
        ShapeError: the edges are not those of the nodes of the batch.
    """
    count = layout.num_rows
    if isinstance(layout, PaddedParts) and (edges.blocks > 1 or edges.nodes is not None):
        return _edges_of_present(edges, layout)
    total = edges.blocks * edges.nodes if edges.nodes is not None else count
    if total != count:
        raise ShapeError(
            f"got edges of {total} nodes for graphs of {count} nodes in all, expected an "
            "edge_index between all nodes of the batch, numbered through, as Batch.edge_index of "
            "PyG. Use eqsets_permutations.sets_of_graphs([[graph, ...], ...])."
        )
    edges.check(count)
    owner = layout.inner.element[edges.index]
    readable = edges.index.device.type == "cpu" and not torch.compiler.is_compiling()
    if readable and bool((owner[0] != owner[1]).any()):
        raise ShapeError(
            "got an edge between nodes of two elements, expected edges inside of elements: nodes "
            "are numbered through in the order of the batch. Use "
            "eqsets_permutations.sets_of_graphs([[graph, ...], ...])."
        )
    return _blocks_of_one(edges, count)


def _edges_of_present(edges: Edges, layout: PaddedParts) -> Edges:
    """Return the edges between present nodes of graphs that are padded to ``P`` nodes."""
    batch, size, points = layout.mask.shape
    if edges.nodes != points or edges.blocks not in (1, batch, batch * size):
        raise ShapeError(
            f"got edges of {edges.blocks} graphs of {edges.nodes} nodes for a mask of "
            f"{tuple(layout.mask.shape)}, expected one graph for all, for each set or for each "
            f"element, of {points} nodes. Use Edges.stack([...], nodes={points})."
        )
    union = disjoint_union(edges, batch * size, points)
    flat = layout.mask.reshape(-1)
    there = flat[union.index].all(0)
    number = flat.cumsum(0) - 1
    return _blocks_of_one(_chosen(union, there), layout.num_rows, number[union.index[:, there]])


def _chosen(edges: Edges, there: Tensor) -> Edges:
    weight, attr = edges.weight, edges.attr
    return Edges(
        edges.index[:, there],
        None if weight is None else weight[there],
        None if attr is None else attr[there],
        edges.blocks,
        edges.nodes,
    )


def _blocks_of_one(edges: Edges, count: int, index: Tensor | None = None) -> Edges:
    index = edges.index if index is None else index
    return Edges(index, edges.weight, edges.attr, count, 1).prepared()
