"""Bags of graphs as PyG data: sets whose elements are graphs of any size, batched by PyG.

Requirements that shaped this module:

- a bag is one ``Data``: loaders, ``Batch`` and transforms of PyG take it as it is;
- rows are nodes, so nothing is padded: a batch costs what its nodes and edges cost;
- the same modules as everywhere: ``DSS``, norms, ``Readout`` see a :class:`~eqsets.SetBatch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from eqsets import SetBatch, ShapeError
from eqsets_permutations.edges import Edges
from eqsets_permutations.subgraphs.bag_structure import BagStructure

__all__ = ["BagData", "OnBags", "as_sets", "bag"]


class BagData(Data):  # type: ignore[misc]  # torch_geometric is not typed
    """A set of graphs in one ``Data``; ``Batch.from_data_list`` puts many together.

    Attributes:
        x: ``(R, C)``, features of the nodes of all graphs.
        edge_index: ``(2, M)``, edges between these; ``edge_attr`` and ``edge_weight`` as usual.
        element: ``(R,)``, the graph of each node.
        node: ``(R,)``, the original node that each node is a copy of.
        context_index: ``(2, M')``, edges between original nodes, for the second branch; absent
            where the graphs share no nodes. ``context_attr`` and ``context_weight`` go with it.
        num_elements: number of graphs in the set.
        num_originals: number of original nodes.

    ``num_nodes`` is the number of rows ``R``. Any other attribute whose name contains ``index``,
    and ``face``, holds numbers of original nodes.
    """

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        if key == "element":
            return self.num_elements
        increment = super().__inc__(key, value, *args, **kwargs)
        of_rows = key == "edge_index" or "batch" in key or key == "ptr"
        of_nodes = key in ("node", "face") or "index" in key
        return self.num_originals if of_nodes and not of_rows else increment


torch.serialization.add_safe_globals([BagData])  # data sets on disk name their class


def bag(
    graphs: Sequence[Data], *, original: Data | None = None, shared_nodes: bool = True
) -> BagData:
    """Return a set of graphs.

    Arguments:
        graphs: elements of the set, each with ``x (P, C)`` and ``edge_index``.
        original: graph of the second branch, on the same nodes. Without, its adjacency matrix is
            the sum of those of the elements.
        shared_nodes: whether node ``p`` is the same in all graphs. Graphs that have nothing to do
            with each other share invariants only: ``alignment="independent"``.

    Raises:
        ShapeError: there is no graph, features are missing, or node counts differ within a set
            that shares its nodes.

    Example:
        >>> ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> graphs = [Data(x=torch.ones(3, 2), edge_index=ring[:, :k]) for k in (2, 3)]
        >>> bag(graphs)
        BagData(x=[6, 2], edge_index=[2, 5], element=[6], node=[6], num_elements=2, ...)
    """
    if not len(graphs):
        raise ShapeError("bag got no graph, expected at least one. Leave empty sets out.")
    for position, graph in enumerate(graphs):
        if not isinstance(graph, Data):
            raise ShapeError(
                f"bag got {type(graph).__name__} at position {position}, expected a PyG Data. "
                "Write Data(x=x, edge_index=edge_index)."
            )
        if graph.x is None or graph.x.dim() != 2 or graph.edge_index is None:
            raise ShapeError(
                f"bag got the graph {graph} at position {position}, expected node features x "
                "(P, C) and an edge_index. Give nodes without features ones: torch.ones(P, 1)."
            )
        Edges(graph.edge_index, graph.get("edge_weight")).check(len(graph.x))
    _require_equal(graphs)
    sizes = [len(graph.x) for graph in graphs]
    if shared_nodes and len(set(sizes)) > 1:
        raise ShapeError(
            f"bag got graphs of {sorted(set(sizes))} nodes in a set that shares its nodes, "
            "expected one node count. Keep nodes that are taken out as isolated ones, or set "
            "shared_nodes=False and alignment='independent'."
        )
    joint = Batch.from_data_list([_plain(graph) for graph in graphs])
    own = torch.arange(len(joint.x))
    parts: dict[str, Any] = {key: joint[key] for key in _EDGE_KEYS if key in joint}
    result = BagData(
        x=joint.x,
        **parts,
        element=joint.batch,
        node=own % sizes[0] if shared_nodes else own,
        num_elements=len(graphs),
        num_originals=sizes[0] if shared_nodes else len(own),
    )
    if not shared_nodes:
        return result
    if original is None:
        result.context_index = result.edge_index % sizes[0]
        source, shift = result, {"edge_attr": "context_attr", "edge_weight": "context_weight"}
    else:
        Edges(original.edge_index).check(sizes[0])
        result.context_index = original.edge_index
        source, shift = original, {"edge_attr": "context_attr", "edge_weight": "context_weight"}
    for key, name in shift.items():
        if key in source:
            result[name] = source[key]
    return result


def _require_equal(graphs: Sequence[Data]) -> None:
    kinds = {
        "channels": {graph.x.shape[1] for graph in graphs},
        "edge weights": {graph.get("edge_weight") is not None for graph in graphs},
        "edge features": {graph.get("edge_attr") is not None for graph in graphs},
    }
    for what, values in kinds.items():
        if len(values) > 1:
            raise ShapeError(
                f"bag got graphs with {what}: {sorted(values)}, expected the same for all. "
                "Give those without weights ones, and all nodes the same channels."
            )


_EDGE_KEYS = ("edge_index", "edge_attr", "edge_weight")


def _plain(graph: Data) -> Data:
    edges = {key: graph[key] for key in _EDGE_KEYS if graph.get(key) is not None}
    return Data(x=graph.x, **edges)


def as_sets(data: BagData) -> tuple[SetBatch, BagStructure]:
    """Return rows and side information for set modules, of one bag or of a PyG ``Batch`` of bags.

    Returns:
        Nodes ``(R, 1, C)``, those of one original node together in a set, and their structure.

    Raises:
        ShapeError: it is not a bag, or an index is out of range.
    """
    for key in ("element", "node", "num_elements", "num_originals"):
        if not isinstance(data, Data) or key not in data:
            raise ShapeError(
                f"got {type(data).__name__} without {key!r}, expected a bag of graphs. Make it "
                "with eqsets_permutations.bag, or with a policy for subgraphs."
            )
    device, rows = data.x.device, len(data.x)
    originals, set_of_node = _counted(data.num_originals, device)
    elements, set_of_element = _counted(data.num_elements, device)
    sets = SetBatch(data.x[:, None], data.node, originals)
    _require_elements(data.element, rows, elements)
    edges = Edges(data.edge_index, _get(data, "edge_weight"), _get(data, "edge_attr"), rows, 1)
    index = _get(data, "context_index")
    context = None
    if index is not None:
        side = _get(data, "context_weight"), _get(data, "context_attr")
        context = Edges(index, *side, originals, 1)
    count = len(data.num_elements) if isinstance(data.num_elements, Tensor) else 1
    return sets, BagStructure(edges, context, data.element, set_of_element, set_of_node, count)


def _get(data: Data, key: str) -> Tensor | None:
    value: Tensor | None = data.get(key)
    return value


def _counted(counts: Tensor | int, device: torch.device) -> tuple[int, Tensor]:
    """Return the total, and which set each of the counted is in."""
    each = torch.as_tensor(counts, device=device).reshape(-1)
    index = torch.arange(len(each), device=device).repeat_interleave(each)
    return len(index), index


def _require_elements(element: Tensor, rows: int, count: int) -> None:
    if element.shape != (rows,) or element.dtype != torch.int64:
        raise ShapeError(
            f"a bag got element {tuple(element.shape)} of {element.dtype}, expected ({rows},) of "
            "torch.int64: the graph of each node. Make bags with eqsets_permutations.bag."
        )
    if element.device.type != "cpu" or torch.compiler.is_compiling():
        return
    low, high = int(element.min()), int(element.max())
    if low < 0 or high >= count:
        raise ShapeError(
            f"a bag got element numbers from {low} to {high}, "
            f"expected 0 to {count - 1} for {count} graphs. Batch bags with PyG's Batch."
        )
    empty = (torch.bincount(element, minlength=count) == 0).nonzero()[:, 0].tolist()
    if empty:
        raise ShapeError(
            f"a bag got no nodes for the graphs {empty[:10]}, expected at least one for each. "
            "Leave empty graphs out of the set."
        )


class OnBags(nn.Module):
    """Let a set module take PyG batches of bags, and give them back.

    Arguments:
        module: a set module of node features: ``DSS("permutations", ...)``, a ``SetNetwork`` ...

    Example:
        >>> from eqsets import DSS
        >>> ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> sets = [bag([Data(x=torch.ones(3, 2), edge_index=ring)] * n) for n in (2, 4)]
        >>> layer = OnBags(DSS("permutations", 2, 8, conv="gin"))
        >>> layer(Batch.from_data_list(sets)).x.shape
        torch.Size([18, 8])
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, data: BagData) -> Any:
        """Map a bag or a ``Batch`` of bags to the same with other ``x``, or to ``(B, out)``.

        Modules that read out every element return a :class:`~eqsets.SetBatch` of invariants.
        """
        sets, structure = as_sets(data)
        y = self.module(sets, structure=structure)
        if not isinstance(y, SetBatch) or y.values.dim() != 3:
            return y
        result = data.clone("x")  # copies x only; all else is shared
        result.x = y.values[:, 0]
        return result
