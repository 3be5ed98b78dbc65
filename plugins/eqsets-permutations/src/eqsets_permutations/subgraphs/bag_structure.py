"""Which nodes belong to which element, where elements differ in size and rows are single nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from torch import Tensor
from torch.utils import _pytree as pytree

from eqsets import SetBatch, ShapeError
from eqsets.layout import Layout, Members, Ragged
from eqsets.structure import Structure
from eqsets_permutations.edges import Edges

__all__ = ["BagStructure", "NodeBatch", "NodeSide", "broadcast_to_nodes", "reduce_nodes"]


def _rebuilt(kind: Callable[..., Any], *parts: Any) -> Any:
    return kind(*parts)


@dataclass(frozen=True, eq=False)
class NodeBatch:
    """Side information of rows ``(R, 1, C)`` that are the nodes of elements of any size.

    Attributes:
        edges: of all nodes, ``R`` blocks of one node each; ``None`` where elements of a set that
            share no nodes are asked for what they have in common.
        element: ``(R,)``, the element of each node.
        elements: number of elements.
    """

    edges: Edges | None
    element: Tensor
    elements: int

    def require_shared(self) -> None:
        """Raise :class:`~eqsets.ShapeError` where the elements of a set share no nodes."""
        if self.edges is None:
            raise ShapeError(
                "the graphs of a set are aggregated node by node, but theirs are not the same "
                "nodes: expected bags of graphs on shared nodes. Use alignment='independent', "
                "which shares invariants only, or aggregation='none'."
            )


NodeSide: TypeAlias = Edges | NodeBatch | Members | None
"""What modules on rows take next to them; ``Members`` where there are no edges."""


def reduce_nodes(rows: Tensor, side: NodeSide, kind: str) -> Tensor:
    """Return the ``"mean"``, ``"sum"`` or ``"max"`` over the nodes of each element, ``(E, C)``."""
    nodes = _members(side)
    if nodes is None:
        return rows.amax(1) if kind == "max" else rows.mean(1) if kind == "mean" else rows.sum(1)
    reduce = {"max": nodes.max, "mean": nodes.mean, "sum": nodes.sum}[kind]
    return reduce(rows[:, 0])


def broadcast_to_nodes(values: Tensor, side: NodeSide) -> Tensor:
    """Return ``values (E, C)`` so that they broadcast to the nodes of each element."""
    nodes = _members(side)
    return (values if nodes is None else nodes.spread(values))[:, None]


def _members(side: object) -> Members | None:
    """Return which rows form an element, where rows are nodes; ``None`` where rows are elements."""
    if isinstance(side, NodeBatch):
        return Members.of(side.element, side.elements)
    return side if isinstance(side, Members) else None


pytree.register_pytree_node(
    NodeBatch,
    lambda members: ([members.edges, members.element], members.elements),
    lambda children, elements: _rebuilt(NodeBatch, *children, elements),
    serialized_type_name="eqsets_permutations.NodeBatch",
)


@dataclass(frozen=True, eq=False)
class BagStructure(Structure):
    """Side information of sets of graphs of any size, whose rows are single nodes.

    It goes with a :class:`~eqsets.SetBatch` of rows ``(R, 1, C)`` whose index says which original
    node each row is a copy of: rows of one original node are aggregated together.

    Attributes:
        edges: of all rows, ``R`` blocks of one node each.
        context: edges of the original nodes, for the second branch; ``None`` where the elements of
            a set share no nodes.
        element: ``(R,)``, the element of each row.
        set_of_element: ``(elements,)``, the set of each element.
        set_of_node: ``(O,)``, the set of each original node.
        num_sets: number of sets ``B``.
    """

    edges: Edges
    context: Edges | None
    element: Tensor
    set_of_element: Tensor
    set_of_node: Tensor
    num_sets: int

    def prepared(self) -> BagStructure:
        """Return a snapshot: see :meth:`~eqsets_permutations.edges.Edges.prepared`."""
        edges = self.edges.prepared()
        context = None if self.context is None else self.context.prepared()
        known = edges is self.edges and context is self.context
        return self if known else replace(self, edges=edges, context=context)

    def rows(self, layout: Layout) -> tuple[NodeBatch]:
        return (NodeBatch(self.edges, self.element, len(self.set_of_element)),)

    def sets(self, layout: Layout) -> tuple[NodeBatch]:
        """Return the side information of the aggregated nodes."""
        return (NodeBatch(self.context, self.set_of_node, self.num_sets),)

    def readout_layout(self, layout: Layout) -> Layout:
        """Return which elements form a set: rows are nodes, invariants are of elements."""
        index = self.set_of_element
        return Ragged(SetBatch(index[:, None], index, self.num_sets))

    def spread(self, elements: Tensor) -> Tensor:
        """Return numbers of graphs for each of their nodes."""
        return elements.index_select(0, self.element)

    def transform(self, g: Tensor) -> BagStructure:
        """Refuse: a bag has graphs of any size, and one ``g`` is of one size.

        Raises:
            ShapeError: always.
        """
        raise ShapeError(
            f"got a group element of shape {tuple(g.shape)} for a bag of graphs, expected edges of "
            "graphs of one size. Relabel the graphs before they go into the bag."
        )


pytree.register_pytree_node(
    BagStructure,
    lambda bag: (
        [bag.edges, bag.context, bag.element, bag.set_of_element, bag.set_of_node],
        bag.num_sets,
    ),
    lambda children, num_sets: _rebuilt(BagStructure, *children, num_sets),
    serialized_type_name="eqsets_permutations.BagStructure",
)
