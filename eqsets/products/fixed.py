"""The vectors of the first factor that its group leaves invariant, read off its embedding."""

from __future__ import annotations

from torch import Tensor

from eqsets.constants import on_cpu
from eqsets.features import FeatureType
from eqsets.solve.weights import fixed_points as fixed_points_of
from eqsets.symmetry import ElementSymmetry

__all__ = ["fixed_points"]


def fixed_points(symmetry: ElementSymmetry, in_type: FeatureType) -> Tensor:
    """Return the fixed vectors of a type of one channel, float64 ``(R, *points)`` or ``(R, 1...)``.

    Raises:
        FeatureTypeError: there is none, or they depend on a free size.
    """
    with on_cpu():
        return fixed_points_of(symmetry.embed(1, in_type), in_type)
