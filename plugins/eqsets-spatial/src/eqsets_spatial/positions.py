"""Positions of the points of a cloud: the structure of an element, of a set, of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from eqsets import PartBatch, SetBatch, ShapeError
from eqsets.layout import Dense, Layout, PaddedParts, Parts, Ragged
from eqsets.structure import Structure
from eqsets_spatial.cloud import Cloud, Links, links_of_rows, links_of_sets
from eqsets_spatial.points import Points

__all__ = ["Positions", "rotate_positions", "row_positions", "set_positions"]

_FORMS = (
    "(P, 3) for all elements, (B, P, 3) for each set or (B, N, P, 3) for each element of a dense "
    "or padded batch, (R, P, 3) or a SetBatch of (P, 3) for a ragged one, and (T, 3) or a "
    "PartBatch of points (3,) where clouds have unequal numbers of points"
)


@dataclass(frozen=True, eq=False)
class Positions(Structure):
    """Positions of the points of all elements, of those of each set, or of each element.

    Arguments:
        positions: a tensor, a :class:`~eqsets.SetBatch` or a :class:`~eqsets.PartBatch`, in one of
            the forms that users pass.
        cloud: edges and cells, where there are any.
    """

    positions: Any
    cloud: Cloud | None = None

    @classmethod
    def of(cls, given: Any) -> Positions:
        """Return what users pass as one object."""
        return cls(given.positions, given) if isinstance(given, Cloud) else cls(given)

    @property
    def given(self) -> Any:
        return self.positions if self.cloud is None else self.cloud

    def rows(self, layout: Layout) -> tuple[Tensor | Points, ...]:
        """Return the positions of the rows, ``(R, P, 3)``, or ``(1, P, 3)`` where all are equal."""
        if isinstance(layout, Parts):
            own = point_positions(self.positions, layout)
            return (Points(layout.parts, own, self._links(links_of_rows, layout, 1, len(own))),)
        own = row_positions(self.positions, layout)
        if self.cloud is None:
            return (own,)
        if own.shape[0] == 1 and self.cloud.cell is not None and self.cloud.cell.dim() > 2:
            own = own.expand(layout.num_rows, -1, -1)  # one cloud in several cells
        return (Points(None, own, self._links(links_of_rows, layout, *own.shape[:2])),)

    def sets(self, layout: Layout) -> tuple[Tensor | Points, ...]:
        """Return the mean positions of each set, ``(B, P, 3)`` (``(1, P, 3)`` where all agree)."""
        if isinstance(layout, Parts):
            if not layout.inner.corresponding:
                return (Points(layout.context_parts),)
            own = point_positions(self.positions, layout)
            links = self._links(links_of_sets, layout, 1, len(own))
            return (Points(layout.context_parts, layout.mean(own), links),)
        mean = set_positions(self.positions, layout)
        if self.cloud is None:
            return (mean,)
        if mean.shape[0] == 1 and self.cloud.cell is not None and self.cloud.cell.dim() > 2:
            mean = mean.expand(layout.num_sets, -1, -1)
        return (Points(None, mean, self._links(links_of_sets, layout, *mean.shape[:2])),)

    def _links(
        self, of: Callable[..., Links], layout: Layout, clouds: int, points: int
    ) -> Links | None:
        return None if self.cloud is None else of(self.cloud, layout, clouds, points)

    def transform(self, g: Tensor) -> Positions:
        """Return positions ``(*batch, P, 3)`` and cells moved by ``g: (*batch, 3, 3)``."""
        moved = _rotated(g, self.positions)
        if self.cloud is None:
            return Positions(moved)
        cell = self.cloud.cell
        if cell is not None and g.dim() > 2:
            cell = cell.expand(*g.shape[:-2], 3, 3)
        cell = None if cell is None else rotate_positions(g, cell)
        return Positions(moved, replace(self.cloud, positions=moved, cell=cell))


def _rotated(g: Tensor, positions: Any) -> Any:
    if isinstance(positions, PartBatch):
        each = g if g.dim() == 2 else g[positions.element]  # one for all, or one for each cloud
        return positions.replace(rotate_positions(each, positions.values[:, None])[:, 0])
    if isinstance(positions, SetBatch):
        return positions.replace(rotate_positions(g, positions.values))
    return rotate_positions(g, positions)


def rotate_positions(g: Tensor, positions: Tensor) -> Tensor:
    """Return positions ``(*batch, P, 3)`` moved by ``g: (*batch, 3, 3)``; batches broadcast."""
    lead = g.dim() - 2
    own = positions.dim() - 2
    if g.shape[-2:] != (3, 3) or positions.dim() < 2 or positions.shape[-1] != 3:
        raise ShapeError(
            f"got matrices {tuple(g.shape)} and positions {tuple(positions.shape)}, expected "
            "(*batch, 3, 3) and (*batch, P, 3). Give one matrix to each cloud."
        )
    if lead > own > 0:  # g for each element, positions for each set
        positions = positions.reshape(
            *positions.shape[:own], *[1] * (lead - own), *positions.shape[own:]
        )
    return positions @ g.to(positions).mT


def point_positions(structure: object, layout: Parts) -> Tensor:
    """Return the positions of all points of clouds of unequal sizes, ``(T, 3)``.

    Raises:
        ShapeError: positions are no floating point tensor of a fitting shape, or not finite.
    """
    if isinstance(structure, PartBatch):
        if not structure.inner.same_as(layout.inner):
            raise ShapeError(
                f"got positions as {structure!r} for features of {layout.num_rows} points, "
                "expected the same points of the same clouds. Make both by PartBatch.from_list "
                "from clouds of the same sizes."
            )
        structure = structure.values
    elif isinstance(layout, PaddedParts) and isinstance(structure, Tensor):
        structure = _selected(structure, layout.mask)
    count = layout.num_rows
    fits = isinstance(structure, Tensor) and structure.is_floating_point()
    if not isinstance(structure, Tensor) or not fits or structure.shape != (count, 3):
        got = (
            f"positions of shape {tuple(structure.shape)} and {structure.dtype}"
            if isinstance(structure, Tensor)
            else f"structure of type {type(structure).__name__}"
        )
        raise ShapeError(
            f"got {got} for {count} points, expected floating point ones: {_FORMS}. Make them by "
            "PartBatch.from_list from clouds of the same sizes."
        )
    _require_finite(structure)
    return structure


def _selected(positions: Tensor, mask: Tensor) -> Tensor:
    """Return the positions of the present points of ``mask: (B, N, P)``, where they fit it."""
    lead = positions.dim() - 1
    if lead == 2:  # of each set
        positions = positions[:, None]
    if lead not in (1, 2, 3) or positions.shape[-2] != mask.shape[-1]:
        return positions
    try:
        return positions.expand(*mask.shape, positions.shape[-1])[mask]
    except RuntimeError:
        return positions  # the shape is refused by the caller


def _require_finite(positions: Tensor) -> None:
    reading = positions.device.type == "cpu" and not torch.compiler.is_compiling()
    if reading and not bool(positions.isfinite().all()):
        raise ShapeError(
            "the positions of the points hold NaN or infinity, expected finite numbers for every "
            "element that is present. Remove such points, or mask such elements."
        )


def row_positions(structure: object, layout: Layout) -> Tensor:
    """Return the positions of all rows, ``(R, P, 3)``, or ``(1, P, 3)`` where all share them.

    Positions of padded elements are set to zero, so that nothing in them can leak.

    Raises:
        ShapeError: positions are no floating point tensor of a fitting shape, or not finite.
    """
    per_row = _raw_rows(structure, layout)
    if layout.present is not None and per_row.shape[0] > 1:
        per_row = torch.where(layout.present[:, None, None], per_row, 0)
    _require_finite(per_row)
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


def _require_same_sets(positions: SetBatch, features: SetBatch) -> None:
    same = positions.num_sets == features.num_sets
    same = same and positions.index.shape == features.index.shape
    on_cpu = positions.index.device.type == features.index.device.type == "cpu"
    if same and on_cpu and not torch.compiler.is_compiling():
        same = torch.equal(positions.index, features.index)
    if not same:
        raise ShapeError(
            f"got positions as {positions!r} for features as {features!r}, expected the same sets, "
            "row by row. Make them from lists of the same lengths, or pass the positions as one "
            "tensor (R, P, 3)."
        )


def _raw_rows(structure: object, layout: Layout) -> Tensor:
    if isinstance(layout, Ragged) and isinstance(structure, SetBatch):
        _require_same_sets(structure, layout.source)
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
