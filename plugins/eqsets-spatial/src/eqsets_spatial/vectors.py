"""Vectors between points of flat clouds: plain, by shifts of a periodic cell, or to its images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets import ShapeError

__all__ = ["Space", "require_small_radius"]


@dataclass(frozen=True, eq=False)
class Space:
    """Flat positions and the cells that they repeat in.

    Attributes:
        positions: ``(T, 3)`` of all points of all clouds.
        cell: ``(1, 3, 3)`` or ``(G, 3, 3)`` lattice vectors as rows, or ``None``.
        cloud: ``(T,)`` the cloud of each point, for cells of each cloud.
    """

    positions: Tensor
    cell: Tensor | None = None
    cloud: Tensor | None = None

    def vectors(self, sender: Tensor, receiver: Tensor, shifts: Tensor | None = None) -> Tensor:
        """Return ``(M, 3)`` from receivers to senders, to the nearest image without ``shifts``."""
        points = self.positions
        plain = points.index_select(0, sender) - points.index_select(0, receiver)
        if self.cell is None:
            return plain
        # Where points are is computed in float32 at least, also under autocast: sums, no matmul.
        wide = plain.to(torch.promote_types(plain.dtype, torch.float32))
        cell = self.cell.to(wide)
        inverse = torch.linalg.inv(cell)
        if cell.shape[0] > 1 and self.cloud is not None:
            owner = self.cloud.index_select(0, receiver)
            cell, inverse = cell.index_select(0, owner), inverse.index_select(0, owner)
        if shifts is None:
            shifts = -(wide[:, :, None] * inverse).sum(1).detach().round()
        moved = wide + (shifts.to(wide)[:, :, None] * cell).sum(1)
        return moved.to(plain.dtype)


def require_small_radius(cell: Tensor, radius: float | None) -> None:
    """Check that no second image of a point can be within a radius.

    Raises:
        ShapeError: it can be, or there is no radius.
    """
    if radius is None:
        raise ShapeError(
            "neighbours in a periodic cell were searched for without a radius, expected "
            "radius=, at most half of the smallest height of the cell. Build the layer with "
            "radius=, or pass edge_index= and shifts= of the neighbours."
        )
    if torch.compiler.is_compiling() or cell.device.type != "cpu":
        return
    heights = 1 / torch.linalg.inv(cell.double()).norm(dim=-2)
    smallest = float(heights.min())
    if radius > smallest / 2 * (1 + 1e-6):
        raise ShapeError(
            f"neighbours within {radius} were searched for in a cell whose smallest height is "
            f"{smallest:.4g}, expected a radius of at most {smallest / 2:.4g}: beyond, a point has "
            "several images that are neighbours. Repeat the cell, or pass edge_index= and shifts= "
            "of all images."
        )
