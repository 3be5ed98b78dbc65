"""Row modules for any feature type, on ``(E, *element)``: norms, dropout, activations, gates."""

from eqsets.rows.activations import InvariantGate, pointwise_activation
from eqsets.rows.dropout import ChannelDropout
from eqsets.rows.inner_parts import PartLayout, part_arguments
from eqsets.rows.invariant_part import (
    ConstantPart,
    InvariantPart,
    LinearPart,
    SumPart,
    WholePart,
)
from eqsets.rows.norms import ElementNorm, RowNorm
from eqsets.rows.parts import EachPart, EachPartNorm

__all__ = [
    "ChannelDropout",
    "ConstantPart",
    "EachPart",
    "EachPartNorm",
    "ElementNorm",
    "InvariantGate",
    "InvariantPart",
    "LinearPart",
    "PartLayout",
    "RowNorm",
    "SumPart",
    "WholePart",
    "part_arguments",
    "pointwise_activation",
]
