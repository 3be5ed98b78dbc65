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

from eqsets import ShapeError
from eqsets.layout import Members
from eqsets_spatial.cloud import Links
from eqsets_spatial.vectors import Space, require_small_radius

__all__ = ["Neighbourhood", "find_neighbours"]


class Neighbourhood(NamedTuple):
    """Edges of all clouds at once; points are numbered through, cloud after cloud."""

    sender: Tensor  # (E,) int64
    receiver: Tensor  # (E,) int64
    direction: Tensor  # (E, 3), of length 1, or 0 where two points coincide
    distance: Tensor  # (E,)
    envelope: Tensor  # (E,), from 1 at distance 0 smoothly to 0 at the end of reach


def find_neighbours(
    positions: Tensor,
    radius: float | None,
    neighbors: int | None,
    parts: Members | None = None,
    links: Links | None = None,
) -> Neighbourhood:
    r"""Return who is near whom in each cloud.

    The reach of a point is ``radius``, or the distance to its first point beyond ``neighbors``, or
    the smaller of the two; at a share :math:`u` of it the weight is :math:`(1 - u^2)^3`.

    Arguments:
        positions: ``(G, P, 3)``, one cloud each, or ``(T, 3)`` with ``parts``.
        radius: how far a neighbour may be, in units of the positions.
        neighbors: how many neighbours a point has at most; ties at the end of reach count as out.
        parts: which points form a cloud, where clouds have unequal numbers of points.
        links: given edges, which are weighed by the radius if there is one, and periodic cells.

    Raises:
        ShapeError: edges are given and ``neighbors``, or a radius is too large for a cell.
    """
    # Distances are never taken in half precision, whatever the features are.
    positions = positions.to(torch.promote_types(positions.dtype, torch.float32))
    space = _space(positions, parts, links)
    given = links is not None and links.index is not None
    sender, receiver, reach = _edges(positions, space, radius, neighbors, parts, links)
    vector = space.vectors(sender, receiver, links.shifts if given and links else None)
    distance = _length(vector)
    if radius is not None:
        reach = distance.new_tensor(radius) if reach is None else reach.clamp(max=radius)
    if reach is None:
        envelope = torch.ones_like(distance)
    else:
        share = distance / torch.where(reach > 0, reach, 1)
        envelope = torch.where(distance < reach, (1 - share.square()).clamp(min=0).pow(3), 0)
    if neighbors is None and not given:
        envelope = torch.where(sender == receiver, 0, envelope)
    distinct = distance > 0
    direction = torch.where(distinct, vector.mT / torch.where(distinct, distance, 1), 0).mT
    return Neighbourhood(sender, receiver, direction, distance, envelope)


def _space(positions: Tensor, parts: Members | None, links: Links | None) -> Space:
    flat = positions.reshape(-1, 3)
    if links is None or links.cell is None:
        return Space(flat)
    if parts is not None:
        return Space(flat, links.cell, parts.element)
    clouds, points = positions.shape[:2]
    number = torch.arange(clouds * points, device=flat.device)
    return Space(flat, links.cell, number // points)


def _edges(
    positions: Tensor,
    space: Space,
    radius: float | None,
    neighbors: int | None,
    parts: Members | None,
    links: Links | None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return senders, receivers, and how far the receiver of each edge reaches."""
    if links is not None and links.index is not None:
        if neighbors is not None:
            raise ShapeError(
                f"got edges for a convolution with neighbors={neighbors}, which searches for them, "
                "expected one of the two. Build the layer with edges=True, or with radius= for an "
                "envelope, or leave edge_index out."
            )
        return links.index[0], links.index[1], None
    within = torch.inf if radius is None else radius
    if space.cell is not None:
        require_small_radius(space.cell, radius)
        if parts is None and torch.compiler.is_compiling():
            return (*_within(positions, within), None)
        if parts is None and space.cloud is not None:
            parts = Members.of(space.cloud, positions.shape[0])
    if parts is not None:
        near = _pairs(space, parts, within)
        return (*near, None) if neighbors is None else _nearest_of(space, parts, neighbors, near)
    if neighbors is not None:
        return _nearest(positions, neighbors)
    return (*_within(positions, within), None)


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


def _pairs(space: Space, parts: Members, radius: float) -> tuple[Tensor, Tensor]:
    """Return all pairs of different points of one cloud within a radius, clouds of any size."""
    if torch.compiler.is_compiling():
        raise ShapeError(
            "neighbours in clouds of unequal numbers of points were searched for while a program "
            "is compiled, where shapes may not depend on values: expected edges. Compute them "
            "outside: structure=Cloud(positions, edge_index=...)."
        )
    sender, receiver = parts.pairs
    with torch.no_grad():
        near = (_gaps(space, sender, receiver).sqrt() < radius) & (sender != receiver)
    return sender[near], receiver[near]


def _gaps(space: Space, sender: Tensor, receiver: Tensor) -> Tensor:
    """Return squared distances: axis by axis, a third of the time of rows of three numbers."""
    if space.cell is not None:
        return space.vectors(sender, receiver).square().sum(-1)
    x, y, z = (
        (axis.take(sender) - axis.take(receiver)).square()
        for axis in space.positions.detach().mT.contiguous().unbind(0)
    )
    return x + y + z


def _nearest_of(
    space: Space, parts: Members, neighbors: int, pairs: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the nearest of ``pairs``, and for each edge how far its receiver reaches."""
    sender, receiver = pairs
    with torch.no_grad():
        gap = _gaps(space, sender, receiver)
        width = int(parts.sizes.max())
        table = gap.new_full((parts.num_rows, width), torch.inf)
        table[receiver, parts.within[sender]] = gap
        nearest = table.topk(min(neighbors + 1, width), dim=-1, largest=False)
        there = nearest.values < torch.inf
    row = torch.arange(parts.num_rows, device=gap.device)
    columns = (row - parts.within)[:, None] + nearest.indices
    near = there[:, :neighbors]
    sender = columns[:, :neighbors][near]
    receiver = row[:, None].expand(-1, near.shape[1])[near]
    infinite = space.positions.new_full((parts.num_rows,), torch.inf)
    if not bool(there[:, neighbors:].any()):
        return sender, receiver, infinite[receiver]
    beyond = there[:, neighbors]
    last = space.vectors(torch.where(beyond, columns[:, neighbors], row), row)
    return sender, receiver, torch.where(beyond, _length(last), infinite)[receiver]
