"""Where the points of a cloud are: positions as side information, and who is near whom.

Requirements that shaped this module:

- one sparse pass over all clouds of all sets, no Python per element;
- near ties cannot break the symmetry: a neighbour's weight is zero where it comes into reach;
- coincident points, empty neighbourhoods and single points give numbers, never NaN, and so do
  their gradients (forces);
- under ``torch.compile`` and ``torch.export`` shapes may not depend on values: there every pair of
  points is an edge and those out of reach weigh nothing. The numbers are the same.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from eqsets import SetBatch, ShapeError
from eqsets.layout import Dense, Layout, Ragged

__all__ = ["Neighbourhood", "find_neighbours", "row_positions", "set_positions", "turn"]

_FORMS = (
    "(P, 3) for all elements, (B, P, 3) for each set or (B, N, P, 3) for each element of a dense "
    "or padded batch, and (R, P, 3) or a SetBatch of (P, 3) for a ragged one"
)


class Neighbourhood(NamedTuple):
    """Edges of all clouds at once; points are numbered through, cloud after cloud."""

    sender: Tensor  # (E,) int64
    receiver: Tensor  # (E,) int64
    direction: Tensor  # (E, 3), of length 1, or 0 where two points coincide
    distance: Tensor  # (E,)
    envelope: Tensor  # (E,), from 1 at distance 0 smoothly to 0 at the end of reach


def turn(g: Tensor, positions: Tensor) -> Tensor:
    """Return positions ``(*batch, P, 3)`` moved by ``g: (*batch, 3, 3)``; batches broadcast."""
    lead = g.dim() - 2
    kept = positions.dim() - 2
    if lead > kept > 0:  # g for each element, positions for each set
        positions = positions.reshape(
            *positions.shape[:kept], *[1] * (lead - kept), *positions.shape[kept:]
        )
    return positions @ g.to(positions).mT


def row_positions(structure: object, layout: Layout) -> Tensor:
    """Return the positions of all rows, ``(R, P, 3)``, or ``(1, P, 3)`` where all share them.

    Positions of padded elements are set to zero, so that nothing in them can leak.

    Raises:
        ShapeError: positions are no floating point tensor of a fitting shape, or not finite.
    """
    per_row = _raw_rows(structure, layout)
    if layout.present is not None and per_row.shape[0] > 1:
        per_row = torch.where(layout.present[:, None, None], per_row, 0)
    reading = per_row.device.type == "cpu" and not torch.compiler.is_compiling()
    if reading and not bool(per_row.isfinite().all()):
        raise ShapeError(
            "the positions of the points hold NaN or infinity, expected finite numbers for every "
            "element that is present. Remove such points, or mask such elements."
        )
    return per_row


def set_positions(structure: object, layout: Layout) -> Tensor:
    r"""Return the positions that go with a set's aggregated features, ``(B, P, 3)``.

    Where elements have their own, it is their mean: it turns as they turn, and relative positions
    in it do not change when an element is shifted. Points of one number belong together.
    """
    if isinstance(structure, Tensor) and isinstance(layout, Dense) and structure.dim() == 3:
        return structure
    rows = row_positions(structure, layout)
    shared = isinstance(structure, Tensor) and structure.dim() == 2
    return rows if shared else layout.mean(rows)


def _raw_rows(structure: object, layout: Layout) -> Tensor:
    if isinstance(layout, Ragged) and isinstance(structure, SetBatch):
        structure = structure.values
    if not isinstance(structure, Tensor):
        raise ShapeError(
            f"got structure of type {type(structure).__name__}, expected the positions of the "
            f"points as a tensor: {_FORMS}. Convert with torch.as_tensor(...)."
        )
    shape = tuple(structure.shape)
    wrong = not structure.is_floating_point() or structure.dim() < 2 or shape[-1] != 3
    axes = 0 if wrong else structure.dim()
    if axes == 2:
        return structure[None]
    if isinstance(layout, Dense):
        if axes == 3 and shape[0] == layout.batch:
            return layout.spread(structure)
        if axes == 4 and shape[:2] == (layout.batch, layout.size):
            return structure.reshape(layout.batch * layout.size, *shape[2:])
    elif isinstance(layout, Ragged) and axes == 3 and shape[0] == layout.source.index.shape[0]:
        return structure
    raise ShapeError(
        f"got positions of shape {shape} and {structure.dtype}, expected floating point ones: "
        f"{_FORMS}. Give them the batch and set axes of x."
    )


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
    apart = distance > 0
    direction = torch.where(apart, vector.mT / torch.where(apart, distance, 1), 0).mT
    return Neighbourhood(sender, receiver, direction, distance, envelope)


def _length(vector: Tensor) -> Tensor:
    """Return lengths ``(E,)`` whose gradient is zero, not NaN, at the zero vector."""
    square = vector.square().sum(-1)
    apart = square > 0
    return torch.where(apart, torch.where(apart, square, 1).sqrt(), 0)


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
