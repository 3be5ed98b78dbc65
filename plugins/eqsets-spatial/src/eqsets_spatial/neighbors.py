"""Neighbour search: the edges of all clouds of a batch.

Requirements that shaped this module:

- one sparse pass over all clouds of all sets, no Python per element;
- near ties cannot break the symmetry: the weight of a neighbour is zero where it enters the reach;
- coincident points, empty neighbourhoods and single points give finite values, never NaN, and so do
  their gradients (forces);
- under ``torch.compile`` and ``torch.export`` shapes may not depend on values: there every pair of
  points is an edge, and those out of reach have weight zero. The values are the same.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Neighbourhood", "find_neighbours"]


class Neighbourhood(NamedTuple):
    """Edges of all clouds at once; points are numbered through, cloud after cloud."""

    sender: Tensor  # (E,) int64
    receiver: Tensor  # (E,) int64
    direction: Tensor  # (E, 3), of length 1, or 0 where two points coincide
    distance: Tensor  # (E,)
    envelope: Tensor  # (E,), from 1 at distance 0 smoothly to 0 at the end of reach


def find_neighbours(
    positions: Tensor, radius: float | None, neighbors: int | None
) -> Neighbourhood:
    r"""Return who is near whom in each cloud.

    The reach of a point is ``radius``, or the distance to its first point beyond ``neighbors``, or
    the smaller of the two; at a share :math:`u` of it the weight is :math:`(1 - u^2)^3`.

    Arguments:
        positions: ``(G, P, 3)``, one cloud each.
        radius: how far a neighbour may be, in units of the positions.
        neighbors: how many neighbours a point has at most; ties at the end of reach count as out.
    """
    # Distances are never taken in half precision, whatever the features are.
    positions = positions.to(torch.promote_types(positions.dtype, torch.float32))
    reach: Tensor | None = None
    if neighbors is not None:
        sender, receiver, reach = _nearest(positions, neighbors)
    else:
        sender, receiver = _within(positions, torch.inf if radius is None else radius)
    points = positions.reshape(positions.shape[0] * positions.shape[1], 3)
    vector = points.index_select(0, sender) - points.index_select(0, receiver)
    distance = _length(vector)
    if radius is not None:
        reach = distance.new_tensor(radius) if reach is None else reach.clamp(max=radius)
    if reach is None:
        envelope = torch.ones_like(distance)
    else:
        share = distance / torch.where(reach > 0, reach, 1)
        envelope = torch.where(distance < reach, (1 - share.square()).clamp(min=0).pow(3), 0)
    if neighbors is None:
        envelope = torch.where(sender == receiver, 0, envelope)
    distinct = distance > 0
    direction = torch.where(distinct, vector.mT / torch.where(distinct, distance, 1), 0).mT
    return Neighbourhood(sender, receiver, direction, distance, envelope)


def _length(vector: Tensor) -> Tensor:
    """Return lengths ``(E,)`` whose gradient is zero, not NaN, at the zero vector."""
    square = vector.square().sum(-1)
    nonzero = square > 0
    return torch.where(nonzero, torch.where(nonzero, square, 1).sqrt(), 0)


def _distances(positions: Tensor) -> Tensor:
    """Return all distances ``(G, P, P)`` for choosing neighbours; infinity to oneself."""
    with torch.no_grad():
        mode = "donot_use_mm_for_euclid_dist"  # the fast way loses half of the digits
        gap = torch.cdist(positions.detach(), positions.detach(), compute_mode=mode)
        own = torch.eye(positions.shape[1], dtype=torch.bool, device=positions.device)
        return gap.masked_fill(own, torch.inf)


def _within(positions: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    clouds, points = positions.shape[:2]
    if torch.compiler.is_compiling():
        number = torch.arange(clouds * points, device=positions.device)
        receiver = number[:, None].expand(-1, points)
        first = number - number % points
        sender = first[:, None] + torch.arange(points, device=positions.device)
        return sender.reshape(-1), receiver.reshape(-1)
    cloud, receiver, sender = (_distances(positions) < radius).nonzero().unbind(1)
    return cloud * points + sender, cloud * points + receiver


def _nearest(positions: Tensor, neighbors: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the edges to the nearest points, and for each edge how far its receiver reaches."""
    clouds, points = positions.shape[:2]
    count = min(neighbors, points - 1)
    beyond = points - 1 > neighbors
    gap = _distances(positions)
    nearest = gap.topk(count + beyond, dim=-1, largest=False).indices
    first = torch.arange(clouds, device=positions.device)[:, None, None] * points
    number = first + torch.arange(points, device=positions.device)[None, :, None]
    nearest = nearest + first
    sender = nearest[..., :count].reshape(-1)
    receiver = number.expand(-1, -1, count).reshape(-1)
    if not beyond:
        return sender, receiver, None
    flat = positions.reshape(clouds * points, 3)
    reach = _length(flat[nearest[..., count]] - positions)
    return sender, receiver, reach[..., None].expand(-1, -1, count).reshape(-1)
