"""The connected families by name, as users ask for them."""

from __future__ import annotations

from eqsets_affine.family import AffineFamily

__all__ = ["affine", "affine_no_shear", "rotation", "similarity", "translation"]


def translation(coordinates: str = "frame") -> AffineFamily:
    """Return the shifts: 2 parameters."""
    return AffineFamily("translation", coordinates)


def rotation(coordinates: str = "frame") -> AffineFamily:
    """Return the rotations about the middle: 1 parameter."""
    return AffineFamily("rotation", coordinates)


def similarity(coordinates: str = "frame") -> AffineFamily:
    """Return shifts, rotations and one scale: 4 parameters, a group."""
    return AffineFamily("similarity", coordinates)


def affine_no_shear(coordinates: str = "frame") -> AffineFamily:
    """Return the published family of 5 parameters: shifts, rotation, two scales."""
    return AffineFamily("affine-no-shear", coordinates)


def affine(coordinates: str = "frame") -> AffineFamily:
    """Return all affine maps that keep orientation: 6 parameters, a group."""
    return AffineFamily("affine", coordinates)
