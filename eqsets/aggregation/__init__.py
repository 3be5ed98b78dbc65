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
from eqsets.aggregation.combiners import Add, Combiner, Concatenate, Subtract
from eqsets.aggregation.context import Context, InvariantContext, MappedContext, ReducedContext

__all__ = [
    "Add",
    "Aggregation",
    "Aittala",
    "Combiner",
    "Concatenate",
    "Context",
    "InvariantContext",
    "MappedContext",
    "Max",
    "Mean",
    "NoAggregation",
    "ReducedContext",
    "Sridhar",
    "Subtract",
    "Sum",
]
