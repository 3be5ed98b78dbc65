"""Rotations and reflections of space for eqsets: steerable vectors and point clouds, on e3nn.

Importing this package imports no e3nn: a name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eqsets_spatial.cloud import Cloud
    from eqsets_spatial.features import Block, IrrepsFeatures
    from eqsets_spatial.layers.batch_norm import IrrepsBatchNorm
    from eqsets_spatial.layers.convolution import PointConvolution
    from eqsets_spatial.layers.dropout import CopyDropout
    from eqsets_spatial.layers.linear import IrrepsLinear, SpatialLinear
    from eqsets_spatial.layers.nonlinearities import Gate
    from eqsets_spatial.layers.norm import RootMeanSquareNorm
    from eqsets_spatial.layers.pooling import PointPool
    from eqsets_spatial.layers.products import IrrepsProduct
    from eqsets_spatial.layers.readout import SpatialEmbedding, SpatialInvariant
    from eqsets_spatial.symmetry import Spatial

__version__ = "0.2.0"

__all__ = [
    "Block",
    "Cloud",
    "CopyDropout",
    "Gate",
    "IrrepsBatchNorm",
    "IrrepsFeatures",
    "IrrepsLinear",
    "IrrepsProduct",
    "PointConvolution",
    "PointPool",
    "RootMeanSquareNorm",
    "Spatial",
    "SpatialEmbedding",
    "SpatialInvariant",
    "SpatialLinear",
    "__version__",
]

_MODULES = {
    "cloud": ("Cloud",),
    "features": ("Block", "IrrepsFeatures"),
    "layers.batch_norm": ("IrrepsBatchNorm",),
    "layers.convolution": ("PointConvolution",),
    "layers.dropout": ("CopyDropout",),
    "layers.linear": ("IrrepsLinear", "SpatialLinear"),
    "layers.nonlinearities": ("Gate",),
    "layers.norm": ("RootMeanSquareNorm",),
    "layers.pooling": ("PointPool",),
    "layers.products": ("IrrepsProduct",),
    "layers.readout": ("SpatialEmbedding", "SpatialInvariant"),
    "symmetry": ("Spatial",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
