"""Sets of images under planar rotations and reflections, with the steerable filters of escnn.

Importing this package does not import escnn: that happens when the first layer is made.
"""

from eqsets_planar.fields.features import PlanarFields
from eqsets_planar.fields.restriction import Restriction
from eqsets_planar.layers.pooling import BlurPool, InvariantPool
from eqsets_planar.steerable.convolution import SteerableConv
from eqsets_planar.steerable.frozen import FrozenConv, freeze
from eqsets_planar.symmetry import Planar

__version__ = "0.2.0"

__all__ = [
    "BlurPool",
    "FrozenConv",
    "InvariantPool",
    "Planar",
    "PlanarFields",
    "Restriction",
    "SteerableConv",
    "freeze",
]
