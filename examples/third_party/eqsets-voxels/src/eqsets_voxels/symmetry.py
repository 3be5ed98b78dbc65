"""Cubes of voxels with rotations, and optionally reflections."""

from __future__ import annotations

import torch

from eqsets import ElementSymmetry, GeneratedSymmetry

__all__ = ["voxels"]


def voxels(size: int = 3, reflections: bool = False) -> ElementSymmetry:
    """Return the symmetry of elements ``(C, size, size, size)``.

    Arguments:
        size: voxels along an edge.
        reflections: whether mirror images are equivalent. They are not for chiral objects such as
            screws and molecules.

    Example:
        >>> voxels(3).group.order, voxels(3, reflections=True).group.order
        (24, 48)
    """
    cube = torch.arange(size**3).reshape(size, size, size)
    moves = [cube.rot90(1, (0, 1)), cube.rot90(1, (1, 2))]  # quarter turns about two axes
    if reflections:
        moves.append(cube.flip(0))
    return GeneratedSymmetry(
        permutations=[move.flatten() for move in moves],
        points=(size, size, size),
        channels_first=True,
        label=f"element_group('voxels', size={size}, reflections={reflections})",
    )
