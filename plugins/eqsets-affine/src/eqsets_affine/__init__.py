"""Affine transformations of images: families with chart and frame, closed forms, exact warps."""

from eqsets_affine.chart import AffineChart
from eqsets_affine.family import AffineFamily
from eqsets_affine.finite import C4, D4, Reflections
from eqsets_affine.frame import AffineFrame
from eqsets_affine.matrices import PlaneGroup

__all__ = ["C4", "D4", "AffineChart", "AffineFamily", "AffineFrame", "PlaneGroup", "Reflections"]
