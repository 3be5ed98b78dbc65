"""Volumes: channels on a grid of three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.errors import ShapeError
from eqsets.families.domains.advice import for_grids
from eqsets.families.domains.grid import Grid
from eqsets.families.domains.recommend import Finding, Recommendation
from eqsets.families.domains.thumbnails import projections

__all__ = ["Volumes"]

_THIN = 4  # voxels along an axis


@dataclass(frozen=True)
class Volumes(Grid):
    """Volumes ``(*batch, C, D, H, W)``, of any range, 0 where there is nothing.

    Arguments:
        channels: how many a volume must have; ``None``: any number.

    Example:
        >>> Volumes(channels=1).sample(5).shape
        torch.Size([5, 1, 16, 16, 16])
        >>> Volumes().reading((200, 16, 16, 16))
        '200 volumes of 16 x 16 x 16 voxels'
    """

    noun = "volumes"
    layout = ("C", "D", "H", "W")
    spatial = 3
    default_size = (16, 16, 16)

    def reading(self, shape: tuple[int, ...]) -> str:
        if len(shape) not in (4, 5) or min(shape[-3:]) < _THIN:
            return ""
        voxels = f"{' x '.join(map(str, shape[-3:]))} voxels"
        channels = f", {shape[1]} channels" if len(shape) == 5 and shape[1] > 1 else ""
        return f"{shape[0]} volumes of {voxels}{channels}"

    def arrange(self, x: Tensor, axes: str | None = None) -> Tensor:
        """Return volumes ``(n, C, D, H, W)``; ``(n, D, H, W)`` are of one channel."""
        x = super().arrange(x, axes)
        x = x[:, None] if x.dim() == 4 else x
        if x.dim() == 5 and min(x.shape[-3:]) < _THIN:
            raise ShapeError(
                f"got volumes of shape {tuple(x.shape)}, expected (n, C, D, H, W) with {_THIN} "
                "voxels along each axis at least. If channels are last, move them: "
                "np.moveaxis(x, -1, 1)."
            )
        return x

    def standardise(self, x: Tensor) -> tuple[Tensor, str]:
        """Return volumes minus the median of their surfaces, divided by their largest values."""
        surface = torch.cat(
            [x.select(axis, end).flatten() for axis in (2, 3, 4) for end in (0, -1)]
        )
        middle = float(surface.median())
        above = (x - middle).abs().flatten(1).amax(1)
        size = float(above.median())
        unit = f"values above {middle:.4g}, the surface; 1 = {size:.4g}, the median of the largest"
        return ((x - middle) / size if size > 0 else x - middle), unit

    def default_family(self, x: Tensor) -> tuple[Tensor, str]:
        """Return shifts, rotations, scale and mirror."""
        return x, "volume-similarity"

    def recommend(self, findings: Sequence[Finding], shape: tuple[int, ...]) -> Recommendation:
        return for_grids(findings, shape[0], 3, self.noun)

    def thumbnail(self, x: Tensor) -> Tensor:
        return projections(x)
