"""Subgraph policies as transforms of PyG: a graph becomes a bag of its subgraphs.

Reference: Equivariant Subgraph Aggregation Networks, Bevilacqua et al., ICLR 2022,
https://arxiv.org/abs/2110.02910, section 3. All nodes stay in all subgraphs, isolated where they
were taken out, so that the elements of a bag share their nodes; the second branch sees the original
graph. For large graphs a policy draws a part of the bag and never builds the rest.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from math import ceil
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from eqsets import FeatureTypeError, ShapeError
from eqsets_permutations.edges import Edges
from eqsets_permutations.subgraphs.bags import BagData
from eqsets_permutations.subgraphs.selection import copied, process_each

__all__ = ["EdgeDeleted", "EgoNets", "NodeDeleted", "SubgraphPolicy"]

# What counts the nodes and edges of the original graph, which a bag has more of.
_COUNTS = ("adj", "adj_t", "batch", "num_edges", "num_nodes", "ptr")


class SubgraphPolicy(BaseTransform):  # type: ignore[misc]  # torch_geometric is not typed
    """What all policies share: which subgraphs are drawn, and how they become a bag.

    Arguments:
        fraction: part of the bag to draw, in ``(0, 1]``; at least one subgraph is drawn.
        generator: source of randomness for the draw.
        process_subgraphs: applied to every subgraph, a ``Data``, such as ``OneHotDegree`` of PyG,
            whose degrees are then those in the subgraph. It may change features of nodes and edges.

    Raises:
        FeatureTypeError: ``fraction`` is out of range, or ``process_subgraphs`` cannot be called.
    """

    def __init__(
        self,
        *,
        fraction: float = 1.0,
        generator: torch.Generator | None = None,
        process_subgraphs: Callable[[Data], Data] | None = None,
    ) -> None:
        self.fraction = checked_fraction(type(self).__name__, fraction)
        if process_subgraphs is not None and not callable(process_subgraphs):
            raise FeatureTypeError(
                f"{type(self).__name__} got process_subgraphs={process_subgraphs!r}, expected a "
                "function of a Data that returns a Data, or None. Pass a transform of PyG."
            )
        self.generator, self.process_subgraphs = generator, process_subgraphs

    @abstractmethod
    def roots(self, edge_index: Tensor, nodes: int) -> Tensor:
        """Return what the subgraphs are named by, one row for each: ``(m, ...)``."""

    @abstractmethod
    def edge_mask(self, roots: Tensor, edge_index: Tensor, nodes: int) -> Tensor:
        """Return which edges each subgraph keeps, ``(m, M)`` bool."""

    def node_features(self, roots: Tensor, x: Tensor) -> Tensor:
        """Return the node features ``(m, P, C)`` of the subgraphs."""
        return x.expand(len(roots), *x.shape)

    def forward(self, data: Data) -> BagData:
        """Return the bag of the subgraphs of ``data``.

        Raises:
            ShapeError: the graph has no nodes, an edge index is out of range, or features do not
                fit the numbers of nodes and edges.
        """
        name = type(self).__name__
        if not isinstance(data, Data):
            raise ShapeError(
                f"{name} got {type(data).__name__}, expected a PyG Data. Write "
                "Data(x=x, edge_index=edge_index)."
            )
        nodes = data.num_nodes if data.edge_index is not None else 0
        if not nodes:
            raise ShapeError(
                f"{name} got {data}, expected a graph with nodes and an edge_index. Leave empty "
                "graphs out; edges may be torch.zeros(2, 0).long()."
            )
        if "num_originals" in data or data.get("batch") is not None:
            raise ShapeError(
                f"{name} got {data}, expected one plain graph: it is a bag or a batch already. "
                "Apply the policy to each graph, for example as transform= of a dataset, and batch "
                "the bags."
            )
        index = data.edge_index
        Edges(index).check(nodes)
        x = data.x if data.x is not None else torch.ones(nodes, 1, device=index.device)
        _require_lengths(data, nodes, name)
        x = x.reshape(nodes, -1)
        roots = self._drawn(self.roots(index, nodes))
        element, edge = self.edge_mask(roots, index, nodes).nonzero().unbind(1)
        features = self.node_features(roots, x)
        count = len(roots)
        own = torch.arange(nodes, device=index.device)
        result = BagData(
            x=features.reshape(count * nodes, features.shape[-1]),
            edge_index=index[:, edge] + nodes * element,
            context_index=index,
            element=torch.arange(count, device=index.device).repeat_interleave(nodes),
            node=own.repeat(count),
            num_elements=count,
            num_originals=nodes,
        )
        for key in ("attr", "weight"):
            values = data.get(f"edge_{key}")
            if values is not None:
                result[f"edge_{key}"], result[f"context_{key}"] = values[edge], values
        for key in data.keys():  # noqa: SIM118  # a Data iterates over pairs
            if key not in result and key not in _COUNTS:
                result[key] = copied(data, key, result.node, edge)
        if self.process_subgraphs is not None:
            process_each(result, self.process_subgraphs, name)
        return result

    def _drawn(self, roots: Tensor) -> Tensor:
        if self.fraction == 1:
            return roots
        count = max(1, ceil(self.fraction * len(roots)))
        order = torch.randperm(len(roots), generator=self.generator)
        return roots[order[:count].to(roots.device)]

    def __repr__(self) -> str:
        """Name every option: PyG compares this text with that of a processed data set on disk."""
        options = {**self._options(), "fraction": self.fraction}
        if self.process_subgraphs is not None:
            options["process_subgraphs"] = self.process_subgraphs
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in options.items())})"

    def _options(self) -> dict[str, Any]:
        return {}


def checked_fraction(owner: str, fraction: Any) -> float:
    """Return a fraction in ``(0, 1]``, or raise :class:`~eqsets.FeatureTypeError`."""
    number = isinstance(fraction, int | float) and not isinstance(fraction, bool)
    if not number or not 0 < fraction <= 1:
        raise FeatureTypeError(
            f"{owner} got fraction={fraction!r}, expected more than 0 and at "
            "most 1. Write for example 0.2 for a fifth of the subgraphs."
        )
    return float(fraction)


def _require_lengths(data: Data, nodes: int, owner: str) -> None:
    edges = data.edge_index.shape[1]
    for key, expected in (("x", nodes), ("edge_weight", edges), ("edge_attr", edges)):
        values = data.get(key)
        if values is None:
            continue
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        if isinstance(shape, str) or shape[:1] != (expected,):
            raise ShapeError(
                f"{owner} got {key} {shape} for a graph of {nodes} nodes and {edges} edges, "
                f"expected {expected} rows. Give one to each node, or to each column of "
                "edge_index."
            )


class NodeDeleted(SubgraphPolicy):
    """One subgraph for each node, without the edges at that node.

    Example:
        >>> ring = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
        >>> NodeDeleted()(Data(edge_index=ring, num_nodes=3)).edge_index.shape
        torch.Size([2, 6])
    """

    def roots(self, edge_index: Tensor, nodes: int) -> Tensor:
        return torch.arange(nodes, device=edge_index.device)

    def edge_mask(self, roots: Tensor, edge_index: Tensor, nodes: int) -> Tensor:
        return (edge_index[:, None] != roots[:, None]).all(0)


class EdgeDeleted(SubgraphPolicy):
    """One subgraph for each undirected edge, without it; the graph itself where there is none.

    Example:
        >>> ring = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
        >>> EdgeDeleted()(Data(edge_index=ring, num_nodes=3)).num_elements
        3
    """

    def roots(self, edge_index: Tensor, nodes: int) -> Tensor:
        pairs = edge_index.sort(0).values.unique(dim=1).T
        return pairs if len(pairs) else edge_index.new_full((1, 2), -1)

    def edge_mask(self, roots: Tensor, edge_index: Tensor, nodes: int) -> Tensor:
        return (roots[:, None] != edge_index.sort(0).values.T).any(-1)


class EgoNets(SubgraphPolicy):
    """One subgraph for each node, of the edges within some hops of it.

    Arguments:
        hops: radius of the neighbourhood.
        marked: put two channels in front that are 1 at the root and at the others (EGO+).
        options: ``fraction``, ``generator`` and ``process_subgraphs`` of
            :class:`SubgraphPolicy`.

    Raises:
        FeatureTypeError: ``hops`` or ``fraction`` is out of range.

    Example:
        >>> path = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])
        >>> data = Data(edge_index=torch.cat([path, path.flip(0)], 1), num_nodes=5)
        >>> EgoNets(hops=1, marked=True)(data).x.shape
        torch.Size([25, 3])
    """

    def __init__(self, hops: int = 2, *, marked: bool = False, **options: Any) -> None:
        super().__init__(**options)
        if isinstance(hops, bool) or not isinstance(hops, int) or hops < 0:
            raise FeatureTypeError(
                f"EgoNets got hops={hops!r}, expected a whole number of at least 0. "
                "The paper's is 2 or 3."
            )
        if not isinstance(marked, bool):
            raise FeatureTypeError(f"EgoNets got marked={marked!r}, expected True or False.")
        self.hops, self.marked = hops, marked

    def _options(self) -> dict[str, Any]:
        return {"hops": self.hops, "marked": self.marked}

    def roots(self, edge_index: Tensor, nodes: int) -> Tensor:
        return torch.arange(nodes, device=edge_index.device)

    def edge_mask(self, roots: Tensor, edge_index: Tensor, nodes: int) -> Tensor:
        source, target = edge_index
        reached = torch.zeros(len(roots), nodes, device=edge_index.device)
        reached[torch.arange(len(roots)), roots] = 1
        for _ in range(self.hops):
            step = reached.index_add(1, target, reached[:, source])
            reached = step.index_add(1, source, reached[:, target]).clamp(max=1)
        return (reached[:, source] * reached[:, target]).bool()

    def node_features(self, roots: Tensor, x: Tensor) -> Tensor:
        features = super().node_features(roots, x)
        if not self.marked:
            return features
        root = torch.arange(len(x), device=x.device) == roots[:, None]
        both = torch.stack([root, ~root], -1).to(x.dtype)
        return torch.cat([both, features], -1)
