"""Affine transformations of images: families, matrices in closed form, fast exact warps."""

from eqsets_affine.family import AffineFamily
from eqsets_affine.finite import C4, D4, Reflections
from eqsets_affine.matrices import PlaneGroup

__all__ = ["C4", "D4", "AffineFamily", "PlaneGroup", "Reflections"]
