"""The families of the core by name."""

from __future__ import annotations

from eqsets.families.matrices import MatrixFamily

__all__ = ["rotations_2d", "rotations_3d", "rotations_4d", "rotations_5d", "rotations_6d"]


def rotations_2d() -> MatrixFamily:
    """Return the rotations of vectors of 2 numbers, by planes."""
    return MatrixFamily.rotations(2)


def rotations_3d() -> MatrixFamily:
    """Return the rotations of vectors of 3 numbers, by planes."""
    return MatrixFamily.rotations(3)


def rotations_4d() -> MatrixFamily:
    """Return the rotations of vectors of 4 numbers, by planes."""
    return MatrixFamily.rotations(4)


def rotations_5d() -> MatrixFamily:
    """Return the rotations of vectors of 5 numbers, by planes."""
    return MatrixFamily.rotations(5)


def rotations_6d() -> MatrixFamily:
    """Return the rotations of vectors of 6 numbers, by planes."""
    return MatrixFamily.rotations(6)
