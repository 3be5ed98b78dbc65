"""How the elements of a set share information: aggregations, contexts and combiners."""

from __future__ import annotations

from eqsets.aggregation.aggregation import (
    Aggregation,
    Aittala,
    Max,
    Mean,
    NoAggregation,
    Sridhar,
    Sum,
)
from eqsets.aggregation.attention import Attention
from eqsets.aggregation.attention_pool import GatedAttention
from eqsets.aggregation.combiners import Add, Combiner, Concatenate, Subtract
from eqsets.aggregation.context import Context, InvariantContext, MappedContext, ReducedContext
from eqsets.aggregation.gated_centered import GatedCentered
from eqsets.aggregation.mapped import MappedMax

__all__ = [
    "Add",
    "Aggregation",
    "Aittala",
    "Attention",
    "Combiner",
    "Concatenate",
    "Context",
    "GatedAttention",
    "GatedCentered",
    "InvariantContext",
    "MappedContext",
    "MappedMax",
    "Max",
    "Mean",
    "NoAggregation",
    "ReducedContext",
    "Sridhar",
    "Subtract",
    "Sum",
]
