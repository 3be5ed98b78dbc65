"""What the laws are tried on, and what no move of the voxels may change: space."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from eqsets.testing import ContractSpec
from eqsets_voxels.symmetry import voxels

__all__ = ["moves_space", "subject"]


def moves_space(moves: Tensor, reflections: bool) -> Tensor:
    """Tell which moves ``(*batch, voxels)`` move space, and mirror it only if they may."""
    size = round(moves.shape[-1] ** (1 / 3))
    places = torch.cartesian_prod(*[torch.arange(size, dtype=torch.float64)] * 3)
    places -= places.mean(0)
    moved = places[moves]
    matrix = torch.linalg.pinv(places) @ moved
    linear: Tensor = ((places @ matrix - moved).abs() < 1e-9).all(-1).all(-1)
    right_handed: Tensor = torch.linalg.det(matrix) > 0
    return linear if reflections else linear & right_handed


def subject(size: int = 3, reflections: bool = False) -> ContractSpec:
    """Return what ``eqsets check voxels`` tries, or the same for other options."""
    symmetry = voxels(size, reflections)
    return ContractSpec(
        "voxels",
        symmetry=symmetry,
        types=tuple(symmetry.feature_type(spec) for spec in (1, 2, "2 trivial")),
        contains=partial(moves_space, reflections=reflections),
    )
