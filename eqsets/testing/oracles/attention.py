"""Attention as formulas: a plain Python loop over the elements of one set, an oracle."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from eqsets.aggregation.attention import AttentionContext, InvariantAttentionContext
from eqsets.aggregation.attention_pool import (
    ElementWeights,
    WeightedContext,
    WeightedInvariantContext,
)
from eqsets.aggregation.set_attention import SetAttention

__all__ = ["attention_by_loop", "element_weights", "weighted_sum"]


def attention_by_loop(
    context: nn.Module, members: list[Tensor], local: list[Tensor]
) -> list[Tensor] | None:
    """Return the context of each element, ``(1, *element)``; ``None`` where there is no attention.

    Arguments:
        context: of a layer.
        members: the elements of one set, each ``(1, *element)``.
        local: the output of the local map for each.
    """
    if isinstance(context, AttentionContext):
        weights = _pairs(context.attend, [context.read(x) for x in members])
        values = [[value(x) for x in members] for value in context.values]
        heads = [[weighted_sum(values[k], row[k]) for k in range(len(values))] for row in weights]
        if context.joined is None:
            return [reduce(torch.add, head) for head in heads]
        return [context.joined.concatenate(head) for head in heads]
    if isinstance(context, InvariantAttentionContext):
        weights = _pairs(context.attend, [context.read(x) for x in members])
        shared = [context.invariant(x) for x in members]
        sums = [[weighted_sum(shared, head) for head in row] for row in weights]
        return [
            context.aggregate(torch.cat(each, -1), like=y)
            for each, y in zip(sums, local, strict=True)
        ]
    if isinstance(context, WeightedContext):
        heads_of = element_weights(context.weigh, [context.read(x) for x in members])
        parts = [
            mapped(weighted_sum(members, head))
            for mapped, head in zip(context.maps, heads_of, strict=True)
        ]
        return [reduce(torch.add, parts)] * len(members)
    if isinstance(context, WeightedInvariantContext):
        heads_of = element_weights(context.weigh, [context.read(x) for x in members])
        shared = [context.invariant(x) for x in members]
        together = torch.cat([weighted_sum(shared, head) for head in heads_of], -1)
        return [context.aggregate(together, like=local[0])] * len(members)
    return None


def weighted_sum(members: list[Tensor], weights: Tensor) -> Tensor:
    """Return the sum of the members, each times its weight."""
    total: Tensor = reduce(torch.add, [a * x for a, x in zip(weights, members, strict=True)])
    return total


def element_weights(weigh: nn.Module, invariants: list[Tensor]) -> Tensor:
    """Return the weights of gated attention, ``(heads, n)``, of invariants ``(1, features)``."""
    if not isinstance(weigh, ElementWeights):
        raise AssertionError(f"the oracle knows gated attention, got {type(weigh).__name__}")
    scores = []
    for u in invariants:
        hidden = torch.tanh(weigh.value.weight @ u[0] + weigh.value.bias)
        if weigh.gate is not None:
            hidden = hidden * torch.sigmoid(weigh.gate.weight @ u[0] + weigh.gate.bias)
        scores.append(weigh.score.weight @ hidden)
    weights: Tensor = torch.stack(scores, 1).softmax(1)
    return weights


def _pairs(attend: SetAttention, invariants: list[Tensor]) -> list[Tensor]:
    """Return for each element its weights ``(heads, n)``."""
    queries = [_heads(attend, attend.query, u) for u in invariants]
    keys = torch.stack([_heads(attend, attend.key, u) for u in invariants], 1)
    if attend.inducing is None or attend.summary_key is None:
        return [_softmax(query[:, None], keys)[:, 0] for query in queries]
    first = _softmax(attend.inducing, keys)  # (heads, summaries, n)
    other = torch.stack([_heads(attend, attend.summary_key, u) for u in invariants], 1)
    summaries = first @ other
    return [(_softmax(query[:, None], summaries) @ first)[:, 0] for query in queries]


def _heads(attend: SetAttention, linear: nn.Linear, u: Tensor) -> Tensor:
    mapped: Tensor = linear(u[0])
    return mapped.reshape(attend.heads, attend.key_features)


def _softmax(queries: Tensor, keys: Tensor) -> Tensor:
    scores: Tensor = queries @ keys.mT / float(keys.shape[-1]) ** 0.5
    return scores.softmax(-1)
