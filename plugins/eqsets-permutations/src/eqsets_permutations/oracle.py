"""Convolutions on a graph as their papers write them: a loop over the edges, node by node.

Slow and obvious, so that it can be the oracle of the sparse products. It uses the weights of the
layers, and nothing of how these store, sort or multiply an adjacency.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from eqsets import DSS
from eqsets.aggregation import Max
from eqsets_permutations.convolution.linear import GCN, GIN, SAGE, GraphConvolution
from eqsets_permutations.edges import Edges, as_edges

__all__ = ["convolved_by_loop"]


def convolved_by_loop(layer: nn.Module, elements: list[Tensor], structure: object) -> list[Tensor]:
    """Return what a DSS layer of convolutions makes of one set on one graph, ``(P, C)`` each."""
    if not isinstance(layer, DSS) or layer.aggregate is None:
        raise AssertionError(f"the oracle knows DSS layers with a second map, got {layer!r}")
    join = torch.maximum if isinstance(layer.aggregation, Max) else torch.add
    edges = as_edges(structure)
    context = _convolved(layer.aggregate, reduce(join, elements), edges)
    return [_convolved(layer.siamese, x, edges) + context for x in elements]


def _convolved(module: nn.Module, x: Tensor, edges: Edges) -> Tensor:
    weights = _weights(edges, x)
    if isinstance(module, GCN):
        return _gcn(module, x, edges, weights)
    total = _neighbours(x, edges, weights)
    if isinstance(module, GIN):
        y: Tensor = module.nn((1 + module.eps) * x + total)
    elif isinstance(module, SAGE):
        counts = [max(1, edges.index[1].tolist().count(node)) for node in range(len(x))]
        mean = torch.stack([row / count for row, count in zip(total, counts, strict=True)])
        y = module.lin_l(mean) + module.lin_r(x)
    elif isinstance(module, GraphConvolution):
        y = module.lin_rel(total) + module.lin_root(x)
    else:
        raise AssertionError(f"the oracle knows gcn, gin, graph and sage, got {module!r}")
    return y


def _gcn(module: GCN, x: Tensor, edges: Edges, weights: list[Tensor]) -> Tensor:
    """Return the product with the normalised adjacency; nodes that have a loop keep theirs."""
    pairs = edges.index.T.tolist()
    looped = {source for source, target in pairs if source == target}
    for node in set(range(len(x))) - looped:
        pairs.append([node, node])
        weights.append(x.new_tensor(2.0 if module.improved else 1.0))
    degree = [x.new_zeros(())] * len(x)
    for (_, target), weight in zip(pairs, weights, strict=True):
        degree[target] = degree[target] + weight
    rows = [torch.zeros_like(x[0])] * len(x)
    for (source, target), weight in zip(pairs, weights, strict=True):
        scale = degree[source].rsqrt() * degree[target].rsqrt()
        rows[target] = rows[target] + scale * weight * x[source]
    y: Tensor = torch.stack(rows) @ module.lin.weight.T
    return y if module.bias is None else y + module.bias


def _neighbours(x: Tensor, edges: Edges, weights: list[Tensor]) -> Tensor:
    """Return for each node the sum over the edges that end there."""
    rows = [torch.zeros_like(x[0])] * len(x)
    for (source, target), weight in zip(edges.index.T.tolist(), weights, strict=True):
        rows[target] = rows[target] + weight * x[source]
    return torch.stack(rows)


def _weights(edges: Edges, x: Tensor) -> list[Tensor]:
    if edges.weight is None:
        return [x.new_ones(()) for _ in range(edges.index.shape[1])]
    return list(edges.weight)
