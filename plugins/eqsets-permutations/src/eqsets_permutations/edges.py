"""The edges of the elements of a batch of sets, in one list for all of them.

Requirements that shaped this module:

- a set on one graph keeps one graph: its elements lie side by side on the nodes, and nothing is
  copied for each of them;
- graphs of one set each, or of one element each, are one disjoint union: no Python per graph;
- the same object serves both branches of a layer: ``context`` are the edges of the second one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from eqsets import ShapeError

__all__ = ["Edges", "as_edges", "is_whole", "together"]


@dataclass(frozen=True, eq=False, repr=False)
class Edges:
    """Edges of ``blocks`` graphs; block ``k`` has the nodes ``k * nodes ... (k + 1) * nodes - 1``.

    With one block, all elements of all sets live on one graph. With ``B`` blocks each set has its
    own, with as many blocks as there are elements each element has.

    Arguments:
        index: ``(2, M)`` int64, sources above targets, as ``edge_index`` of PyG.
        weight: ``(M,)`` floating point, or ``None`` for ones; may be learned.
        attr: ``(M, D)`` edge features, for convolutions that take them; or whole numbers
            ``(M, columns)`` or ``(M,)``, categories for convolutions with ``edge_categories=``.
        blocks: number of graphs.
        nodes: nodes of each graph; needed with several.
        context: edges of the aggregated elements, one block for each set. Without, those of a set
            are put together: the sum of the adjacency matrices of its elements.

    Raises:
        ShapeError: shapes, dtypes or devices do not fit, or an index is out of range.

    Example:
        >>> Edges(torch.tensor([[0, 1], [1, 0]]))
        Edges(2 edges, 1 block)
    """

    index: Tensor
    weight: Tensor | None = None
    attr: Tensor | None = None
    blocks: int = 1
    nodes: int | None = None
    context: Edges | None = None

    def __post_init__(self) -> None:
        index = self.index
        if not isinstance(index, Tensor) or index.dim() != 2 or index.shape[0] != 2:
            got = tuple(index.shape) if isinstance(index, Tensor) else type(index).__name__
            raise ShapeError(
                f"Edges got the index {got}, expected (2, M): sources above targets. "
                "Transpose a list of pairs with .T, or take edge_index from a PyG Data."
            )
        if index.dtype != torch.int64:
            raise ShapeError(
                f"Edges got an index of {index.dtype}, expected torch.int64. "
                "Convert it with index.long()."
            )
        if not _is_count(self.blocks) or not (
            _is_count(self.nodes) or (self.nodes is None and self.blocks == 1)
        ):
            raise ShapeError(
                f"Edges got blocks={self.blocks!r} and nodes={self.nodes!r}, expected whole "
                "numbers of at least 1, and nodes where there are several blocks. Use "
                "Edges.stack([...], nodes=P)."
            )
        if isinstance(self.attr, Tensor) and self.attr.dim() == 1 and is_whole(self.attr):
            object.__setattr__(self, "attr", self.attr[:, None])  # one column, as in ZINC
        for name, values, rank in (("weight", self.weight, 1), ("attr", self.attr, 2)):
            if values is not None:
                _check_values(name, values, rank, index)
        if self.context is not None and not isinstance(self.context, Edges):
            raise ShapeError(
                f"Edges got context of type {type(self.context).__name__}, expected Edges or None. "
                "Write context=Edges(edge_index)."
            )
        if self.nodes is not None:
            self.check(self.blocks * self.nodes)

    def check(self, total: int) -> None:
        """Raise :class:`~eqsets.ShapeError` if an index is outside ``0 ... total - 1``."""
        index = self.index
        if not _readable(index) or not index.numel():
            return
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= total:
            raise ShapeError(
                f"edge indices go from {low} to {high}, expected 0 to {total - 1} for {total} "
                "nodes. Number the nodes from 0 in the order of their features."
            )

    @classmethod
    def stack(cls, graphs: Sequence[Any], *, nodes: int, context: Edges | None = None) -> Edges:
        """Return the edges of several graphs on ``nodes`` nodes each, as one object.

        Arguments:
            graphs: each an ``edge_index``, an ``Edges`` of one block, or a PyG ``Data``; as many
                as there are sets, or as there are elements: set after set, in the order of rows.
            nodes: node count of every graph.
            context: edges of the second branch, for graphs of elements.

        Raises:
            ShapeError: there is none, only some have weights or features, or node counts differ.
        """
        parts = [as_edges(graph) for graph in graphs]
        if not parts:
            raise ShapeError("Edges.stack got no graph, expected at least one. Leave it out.")
        for position, (part, graph) in enumerate(zip(parts, graphs, strict=True)):
            count = graph_nodes(graph)
            if part.blocks > 1 or (count is not None and count != nodes):
                raise ShapeError(
                    f"Edges.stack got {part.blocks} graphs of {count} nodes at position "
                    f"{position}, expected one graph of {nodes} nodes. For graphs of different "
                    "sizes see eqsets_permutations.sets_of_graphs."
                )
            part.check(nodes)
        shift = [part.index + position * nodes for position, part in enumerate(parts)]
        return cls(
            torch.cat(shift, 1),
            together([part.weight for part in parts], "weights"),
            together([part.attr for part in parts], "features"),
            len(parts),
            nodes,
            context,
        )

    def relabel(self, g: Tensor) -> Edges:
        """Return the edges after node ``p`` has become ``g[p]``; ``g``: (P,) or (blocks, P).

        Raises:
            ShapeError: ``g`` is of another number of nodes.
        """
        size = g.shape[-1]
        self.check(size * self.blocks)
        g = g.to(self.index.device).reshape(-1, size)
        block, node = self.index // size, self.index % size
        moved = block * size + g[torch.where(block < len(g), block, 0), node]
        context = None if self.context is None else self.context.relabel(g[:1])
        return replace(self, index=moved, context=context)

    def prepared(self) -> Edges:
        """Return a snapshot that stores the matrices that convolutions build from it.

        The snapshot has copies of the index and of the weights, so that later writes to these
        cannot make a stored matrix stale. A network makes one in each forward pass; make one
        yourself to reuse it over many forward passes on one graph. Weights that are learned are
        not copied, and matrices of them are not stored.
        """
        if "_matrices" in self.__dict__ or torch.compiler.is_compiling():
            return self
        weight = self.weight
        if weight is not None and not weight.requires_grad:
            weight = weight.clone()
        context = None if self.context is None else self.context.prepared()
        fields = (self.index.clone(), weight, self.attr, context, self.blocks, self.nodes)
        snapshot = _unchecked(fields)
        object.__setattr__(snapshot, "_matrices", {})
        return snapshot

    def __repr__(self) -> str:
        blocks = f"{self.blocks} block{'s' * (self.blocks > 1)}"
        nodes = "" if self.nodes is None else f" of {self.nodes} nodes"
        return f"Edges({self.index.shape[1]} edges, {blocks}{nodes})"


def _check_values(name: str, values: object, rank: int, index: Tensor) -> None:
    if not isinstance(values, Tensor):
        raise ShapeError(
            f"Edges got {name} of type {type(values).__name__}, expected a tensor. Convert "
            "it with torch.as_tensor(...)."
        )
    if values.dim() != rank or values.shape[0] != index.shape[1]:
        raise ShapeError(
            f"Edges got {name} {tuple(values.shape)} for {index.shape[1]} edges, expected "
            f"{'(M,)' if rank == 1 else '(M, D)'}. Give one row for each column of index."
        )
    kinds = "floating point" + (", or whole numbers for categories," if name == "attr" else "")
    fits = values.is_floating_point() or (name == "attr" and is_whole(values))
    if values.device != index.device or not fits:
        raise ShapeError(
            f"Edges got {name} of {values.dtype} on {values.device} and an index on "
            f"{index.device}, expected {kinds} on one device. Convert with .to()."
        )
    if (
        values.is_floating_point()
        and _readable(values)
        and not bool(values.detach().isfinite().all())
    ):
        raise ShapeError(
            f"Edges got {name} that is NaN or infinite on "
            f"{int((~values.detach().isfinite()).reshape(len(values), -1).any(1).sum())} "
            f"of {len(values)} edges, expected finite numbers. Take such edges out."
        )


def as_edges(structure: Any) -> Edges:
    """Return ``structure`` as edges: an ``edge_index``, an ``Edges``, or a PyG ``Data``.

    Raises:
        ShapeError: it is none of them, or its parts do not fit.
    """
    if isinstance(structure, Edges):
        return structure
    if isinstance(structure, Tensor):
        return Edges(structure)
    index = getattr(structure, "edge_index", None)
    if index is None:
        raise ShapeError(
            f"element group 'permutations' got structure of type {type(structure).__name__}, "
            "expected edges. Pass an edge_index (2, M), an Edges, or a PyG Data."
        )
    weight = getattr(structure, "edge_weight", None)
    attr = getattr(structure, "edge_attr", None)
    return Edges(index, weight, attr, nodes=graph_nodes(structure))


def graph_nodes(graph: Any) -> int | None:
    """Return how many nodes a graph says it has, or ``None`` where it does not say."""
    if isinstance(graph, Edges):
        return graph.nodes
    x = getattr(graph, "x", None)
    if isinstance(x, Tensor):
        return len(x)
    # PyG guesses from the edges where it is not given, and warns
    count = graph.get("num_nodes") if hasattr(graph, "get") else None
    return count if isinstance(count, int) else None


def _is_count(value: object) -> bool:
    return isinstance(value, int | torch.SymInt) and not isinstance(value, bool) and value >= 1


def is_whole(values: Tensor) -> bool:
    """Return whether values are integers, which are categories; truth values are not."""
    return not (values.is_floating_point() or values.is_complex() or values.dtype == torch.bool)


def _readable(values: Tensor) -> bool:
    """Return whether values may be looked at: elsewhere than on the CPU a device would wait."""
    return values.device.type == "cpu" and not torch.compiler.is_compiling()


def together(parts: list[Tensor | None], what: str, owner: str = "Edges.stack") -> Tensor | None:
    """Return edge weights or features of several graphs in one tensor, ``None`` without any.

    Raises:
        ShapeError: only some of the graphs have them.
    """
    given = [part for part in parts if part is not None]
    if not given:
        return None
    if len(given) < len(parts):
        raise ShapeError(
            f"{owner} got edge {what} for {len(given)} of {len(parts)} graphs, expected them "
            "for all or for none. Give the others ones."
        )
    return torch.cat(given)


def _unchecked(fields: tuple[Any, ...]) -> Edges:
    # Without checks: the index is known to be valid, and under compile it may not be read.
    edges = object.__new__(Edges)
    names = ("index", "weight", "attr", "context", "blocks", "nodes")
    for name, value in zip(names, fields, strict=True):
        object.__setattr__(edges, name, value)
    return edges


pytree.register_pytree_node(
    Edges,
    lambda edges: (
        [edges.index, edges.weight, edges.attr, edges.context],
        (edges.blocks, edges.nodes),
    ),
    lambda children, context: _unchecked((*children, *context)),
    serialized_type_name="eqsets_permutations.Edges",
)
