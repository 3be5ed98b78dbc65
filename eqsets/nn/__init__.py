"""Building blocks around DSS, each equivariant or invariant by construction."""

from eqsets.nn.elementwise import (
    Elementwise,
    bilinear,
    dropout,
    invariant,
    nonlinearity,
    norm,
    pool,
)
from eqsets.nn.pooling import SetPool
from eqsets.nn.readout import Aggregations, Readout
from eqsets.nn.relaxed import Relaxed
from eqsets.nn.residual import Residual
from eqsets.nn.resize import Upsample
from eqsets.nn.sequential import SetSequential

__all__ = [
    "Aggregations",
    "Elementwise",
    "Readout",
    "Relaxed",
    "Residual",
    "SetPool",
    "SetSequential",
    "Upsample",
    "bilinear",
    "dropout",
    "invariant",
    "nonlinearity",
    "norm",
    "pool",
]
