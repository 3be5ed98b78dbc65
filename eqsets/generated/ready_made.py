"""The ready-made symmetries, available by name through :func:`eqsets.element_group`."""

from __future__ import annotations

import torch

from eqsets.errors import GroupError
from eqsets.generated.symmetry import GeneratedSymmetry
from eqsets.groups import SymmetricGroup

__all__ = ["cyclic", "dihedral", "grid_rotations", "symmetric", "trivial"]


def trivial() -> GeneratedSymmetry:
    """Return no symmetry at all: elements are plain vectors ``(C,)``, and DSS is DeepSets."""
    return GeneratedSymmetry(permutations=[[0]], points=(), label="element_group('trivial')")


def cyclic(size: int) -> GeneratedSymmetry:
    """Return the turns of a ring of ``size`` points, elements ``(size, C)``.

    Raises:
        GroupError: ``size`` is not a positive whole number.
    """
    turn = torch.arange(_size(size, "cyclic"), device="cpu").roll(-1)
    label = f"element_group('cyclic', size={size})"
    return GeneratedSymmetry(permutations=[turn], label=label)


def dihedral(size: int) -> GeneratedSymmetry:
    """Return the turns and flips of a ring of ``size`` points, elements ``(size, C)``.

    Raises:
        GroupError: ``size`` is not a positive whole number.
    """
    ring = torch.arange(_size(size, "dihedral"), device="cpu")
    label = f"element_group('dihedral', size={size})"
    return GeneratedSymmetry(permutations=[ring.roll(-1), ring.flip(0)], label=label)


def symmetric(size: int) -> GeneratedSymmetry:
    """Return all permutations of ``size`` points, elements ``(size, C)``: sets of sets.

    Raises:
        GroupError: ``size`` is not a positive whole number.
    """
    group = SymmetricGroup(_size(size, "symmetric"))
    return GeneratedSymmetry(group=group, label=f"element_group('symmetric', size={size})")


def grid_rotations(height: int, width: int, reflections: bool = False) -> GeneratedSymmetry:
    """Return the turns (and flips) of a grid, elements ``(C, height, width)``.

    Quarter turns (C4, or D4 with reflections) on a square grid; a grid that is not square only
    has half turns (C2, with reflections the group of four).

    Raises:
        GroupError: a size is not a positive whole number.
    """
    height, width = _size(height, "grid-rotations"), _size(width, "grid-rotations")
    grid = torch.arange(height * width, device="cpu").reshape(height, width)
    moves = [torch.rot90(grid, 1 if height == width else 2)]
    if reflections:
        moves.append(grid.flip(1))
        if height != width:
            moves.append(grid.flip(0))
    label = (
        f"element_group('grid-rotations', height={height}, width={width}, "
        f"reflections={reflections})"
    )
    # A turned grid says where each value came from; a permutation says where each point goes.
    return GeneratedSymmetry(
        permutations=[move.flatten().argsort() for move in moves],
        points=(height, width),
        channels_first=True,
        label=label,
    )


def _size(size: object, name: str) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise GroupError(
            f"element group {name!r} got the size {size!r}, expected a whole number of at least 1."
        )
    return size
