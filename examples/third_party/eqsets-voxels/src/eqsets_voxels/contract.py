"""The contract spec, and the property of the permutations of voxels: they are isometries."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from eqsets.testing import ContractSpec
from eqsets_voxels.symmetry import voxels

__all__ = ["is_isometry", "subject"]


def is_isometry(moves: Tensor, reflections: bool) -> Tensor:
    """Return which permutations ``(*batch, voxels)`` are rotations, or reflections if allowed."""
    size = round(moves.shape[-1] ** (1 / 3))
    positions = torch.cartesian_prod(*[torch.arange(size, dtype=torch.float64)] * 3)
    positions -= positions.mean(0)
    moved = positions[moves]
    matrix = torch.linalg.pinv(positions) @ moved
    linear: Tensor = ((positions @ matrix - moved).abs() < 1e-9).all(-1).all(-1)
    right_handed: Tensor = torch.linalg.det(matrix) > 0
    return linear if reflections else linear & right_handed


def subject(size: int = 3, reflections: bool = False) -> ContractSpec:
    """Return the contract spec of ``eqsets check voxels``, also for other options."""
    symmetry = voxels(size, reflections)
    return ContractSpec(
        "voxels",
        symmetry=symmetry,
        types=tuple(symmetry.feature_type(spec) for spec in (1, 2, "2 trivial")),
        contains=partial(is_isometry, reflections=reflections),
    )
