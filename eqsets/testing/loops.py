"""The DSS layer as the paper writes it: a plain Python loop over the elements of one set.

Slow and obvious, so that it can be the oracle of the fast one. It uses the layer's maps, and
nothing of its layouts, masks or batching.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from eqsets.aggregation import Aggregation, Aittala, Max, Sum
from eqsets.dss import DSS

__all__ = ["dss_by_loop"]


def dss_by_loop(layer: nn.Module, elements: list[Tensor]) -> list[Tensor]:
    """Return the output of each element of one set, each ``(*element)``."""
    if not isinstance(layer, DSS):
        raise AssertionError(f"the oracle knows DSS layers, got {type(layer).__name__}")
    own = [layer.siamese(x[None]) for x in elements]
    if layer.aggregation.source == "none":
        return [y[0] for y in own]
    seen = [x[None] for x in elements] if layer.aggregation.source == "input" else own
    if layer.invariant is not None:
        seen = [layer.invariant(x) for x in seen]
    context = _reduce(layer.aggregation, seen)
    if layer.invariant is not None and layer.aggregate is not None:
        context = layer.aggregate(context, like=own[0])
    elif layer.aggregate is not None:
        context = layer.aggregate(context)
    context = context.expand_as(own[0])
    if layer.aggregation.combine == "concatenate":
        return [layer.out_type.concatenate([y, context])[0] for y in own]
    sign = -1 if layer.aggregation.combine == "subtract" else 1
    return [(y + sign * context)[0] for y in own]


def _reduce(aggregation: Aggregation, members: list[Tensor]) -> Tensor:
    if isinstance(aggregation, (Max, Aittala)):
        return reduce(torch.maximum, members)
    total = reduce(torch.add, members)
    return total if isinstance(aggregation, Sum) else total / len(members)
