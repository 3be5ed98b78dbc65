"""The DSS layer as the paper writes it: a plain Python loop over the elements of one set.

Slow and obvious, so that it can be the oracle of the fast one. It uses the layer's maps, and
nothing of its layouts, masks or batching.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn

from eqsets.aggregation import (
    Aggregation,
    Aittala,
    Attention,
    GatedAttention,
    MappedMax,
    Max,
    Mean,
    NoAggregation,
    Sridhar,
    Sum,
)
from eqsets.aggregation.centered import (
    Centered,
    CenteredContext,
    InvariantCenteredContext,
    MapCenteredContext,
)
from eqsets.aggregation.combiners import Concatenate, Subtract
from eqsets.aggregation.gated_centered import GatedCentered, GatedContext
from eqsets.dss import DSS
from eqsets.nn import Readout, SetPool
from eqsets.nn.reduction import SetReduction
from eqsets.testing.oracles.attention import attention_by_loop, element_weights, weighted_sum

__all__ = ["LocalSum", "dss_by_loop", "end_by_loop", "has_loop"]


@dataclass(frozen=True)
class LocalSum(Sum):
    """The sum of the local outputs, with their bias: padding must not count."""

    reads_local = True


def dss_by_loop(layer: nn.Module, elements: list[Tensor]) -> list[Tensor]:
    """Return the output of each element of one set, each ``(*element)``."""
    if not isinstance(layer, DSS):
        raise AssertionError(f"the oracle knows DSS layers, got {type(layer).__name__}")
    local = [layer.siamese(x[None]) for x in elements]
    aggregation, combiner = layer.aggregation, layer.aggregation.combiner
    if layer.context is None:
        return [y[0] for y in local]
    contexts = attention_by_loop(layer.context, [x[None] for x in elements], local)
    if contexts is not None:
        return [(y + context)[0] for y, context in zip(local, contexts, strict=True)]
    if isinstance(aggregation, Centered | GatedCentered):
        whole = layer.part_norms is None
        return (_centered if whole else _normalized)(layer, elements, local)
    if isinstance(aggregation, MappedMax):
        return _mapped(layer, aggregation, elements, local)
    read = local if aggregation.reads_local else [x[None] for x in elements]
    if layer.invariant is not None:
        read = [layer.invariant(x) for x in read]
    context = _reduce(aggregation, read)
    if layer.invariant is not None and layer.aggregate is not None:
        context = layer.aggregate(context, like=local[0])
    elif layer.aggregate is not None:
        context = layer.aggregate(context)
    context = context.expand_as(local[0])
    if isinstance(combiner, Concatenate):
        return [layer.out_type.concatenate([y, context])[0] for y in local]
    sign = -1 if isinstance(combiner, Subtract) else 1
    return [(y + sign * context)[0] for y in local]


def _centered(layer: DSS, elements: list[Tensor], local: list[Tensor]) -> list[Tensor]:
    """Return the centred layer: the mean of the invariant part of the outputs is exchanged."""
    if isinstance(layer.context, GatedContext):
        shared = layer.context.gate * _shared(layer.context.inner, elements, local)
    else:
        shared = _shared(layer.context, elements, local)
    return [(y + shared)[0] for y in local]


def _shared(context: nn.Module | None, elements: list[Tensor], local: list[Tensor]) -> Tensor:
    """Return what the centred form adds to each output: another map of the mean for its own."""
    mean = _mean(local)
    if isinstance(context, (CenteredContext, MapCenteredContext)):
        return context.aggregate(_mean([x[None] for x in elements])) - mean  # type: ignore[no-any-return]
    if not isinstance(context, InvariantCenteredContext):
        raise AssertionError("elements that move alone have invariants as their context")
    common = context.aggregate(_mean([context.invariant(x[None]) for x in elements]), like=mean)
    if context.offset is not None:
        common = common + context.offset(mean.new_ones(1, 1), like=mean)
    return common if context.part is None else common - context.part(mean)  # type: ignore[no-any-return]


def _normalized(layer: DSS, elements: list[Tensor], local: list[Tensor]) -> list[Tensor]:
    """Return the centred layer whose parts have norms: rows that do not meet in them."""
    norms = layer.part_norms
    if norms is None or not isinstance(layer.aggregation, Centered):
        raise AssertionError("the loop knows norms of the parts of a centred layer")
    whole, mean = _centered(layer, elements, local), _mean(local)
    context = layer.context
    if isinstance(context, InvariantCenteredContext):
        shared = 0 if context.part is None else context.part(mean)
    else:
        shared = mean
    own = [(y - shared).expand_as(y) for y in local]
    common = [y[None] - x for y, x in zip(whole, own, strict=True)]
    return [(norms.own(x) + norms.common(y))[0] for x, y in zip(own, common, strict=True)]


def _mapped(
    layer: DSS, aggregation: MappedMax, elements: list[Tensor], local: list[Tensor]
) -> list[Tensor]:
    """Return the layer that maps each element, then aggregates."""
    if layer.aggregate is None:
        raise AssertionError("a layer that maps, then aggregates, has a second map")
    if layer.invariant is not None:
        read = _reduce(aggregation.reduction, [layer.invariant(x[None]) for x in elements])
        context = layer.aggregate(read, like=local[0])
    else:
        mapped = [layer.aggregate(x[None]) for x in elements]
        context = _reduce(aggregation.reduction, mapped)
    return [(y + context)[0] for y in local]


def _mean(members: list[Tensor]) -> Tensor:
    return reduce(torch.add, members) / len(members)


def end_by_loop(end: nn.Module, elements: list[Tensor]) -> list[Tensor]:
    """Return the one output of a SetPool or a Readout on one set, as a list."""
    if isinstance(end, SetPool):
        if end.weigh is not None and end.invariant is not None:
            heads = element_weights(end.weigh, [end.invariant(x[None]) for x in elements])
            return [weighted_sum(elements, heads.mean(0))]
        return [_reduce(end.aggregation, [x[None] for x in elements])[0]]
    if not isinstance(end, Readout):
        raise AssertionError(f"the oracle knows SetPool and Readout, got {type(end).__name__}")
    read = [end.invariant(x[None]) for x in elements]
    parts = []
    for reduction in end.reductions:
        if not isinstance(reduction, SetReduction):
            raise AssertionError("a read-out consists of reductions")
        if reduction.weigh is None:
            parts.append(_reduce(reduction.aggregation, read))
        else:
            parts += [weighted_sum(read, head) for head in element_weights(reduction.weigh, read)]
    y: Tensor = end.linear(torch.cat(parts, 1))
    return [y[0]]


def has_loop(layer: nn.Module) -> bool:
    """Return whether the loop knows the aggregation of a layer: one of eqsets."""
    simple = {Aittala, Centered, LocalSum, MappedMax, Max, Mean, NoAggregation, Sridhar, Sum}
    known: set[type[Aggregation]] = simple | {Attention, GatedAttention, GatedCentered}
    return isinstance(layer, DSS) and type(layer.aggregation) in known


def _reduce(aggregation: Aggregation, members: list[Tensor]) -> Tensor:
    if isinstance(aggregation, (Max, Aittala)):
        return reduce(torch.maximum, members)
    total = reduce(torch.add, members)
    return total if isinstance(aggregation, Sum) else total / len(members)
