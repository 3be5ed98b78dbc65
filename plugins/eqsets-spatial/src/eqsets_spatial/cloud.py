"""Positions with edges of the user's own, features of edges, and periodic cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from eqsets import ShapeError
from eqsets.layout import Dense, Layout, PaddedParts, Parts, Ragged

__all__ = ["Cloud", "Links", "links_of_rows", "links_of_sets"]


@dataclass(frozen=True, eq=False)
class Cloud:
    r"""What ``structure=`` may say of point clouds beyond the positions of their points.

    The vector of an edge from a sender b to a receiver a is
    :math:`r_{ab} = p_b - p_a + s \, C`, with its integer shift :math:`s` and the cell :math:`C`.

    Arguments:
        positions: of the points, in any of the forms that ``structure=`` takes.
        edge_index: ``(2, M)`` int64, senders above receivers, each edge once, with its reverse if
            both points receive. Points are those of one cloud ``0 ... P - 1``, and all clouds have
            these edges; for a :class:`~eqsets.PartBatch` those of the whole batch,
            ``0 ... T - 1``. ``None``: neighbours are searched for.
        edge_attr: ``(M, D)`` invariant features of the edges, for convolutions built with
            ``edge_features=D``.
        cell: lattice vectors as rows, in units of the positions: ``(3, 3)`` for all clouds,
            ``(B, 3, 3)`` of each set, or one of each cloud. Neighbours are searched for in all
            periodic images, with ``radius`` at most half of the smallest height of the cell.
        shifts: ``(M, 3)`` how many lattice vectors the sender of an edge is shifted by; without,
            an edge leads to the nearest image.

    Raises:
        ShapeError: shapes or dtypes do not fit, or there are shifts or features without edges.

    Example:
        >>> from eqsets import DSS
        >>> bonds = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> layer = DSS("spatial", "points: 4", "points: 4x0e + 2x1o", edges=True)
        >>> molecules = Cloud(torch.randn(2, 5, 3, 3), edge_index=bonds)
        >>> layer(torch.randn(2, 5, 3, 4), structure=molecules).shape
        torch.Size([2, 5, 3, 10])
    """

    positions: Any
    edge_index: Tensor | None = None
    edge_attr: Tensor | None = None
    cell: Tensor | None = None
    shifts: Tensor | None = None

    def __post_init__(self) -> None:
        index, cell = self.edge_index, self.cell
        if index is not None:
            fits = isinstance(index, Tensor) and index.dtype == torch.int64
            if not fits or index.dim() != 2 or index.shape[0] != 2:
                raise ShapeError(
                    f"Cloud got the edge_index {_described(index)}, expected (2, M) of "
                    "torch.int64: senders above receivers. Convert it with .long() or .T."
                )
        for name, values, width in (
            ("edge_attr", self.edge_attr, None),
            ("shifts", self.shifts, 3),
        ):
            if values is None:
                continue
            count = None if index is None else index.shape[1]
            shape = tuple(values.shape) if isinstance(values, Tensor) else ()
            if len(shape) != 2 or shape[0] != count or shape[1] != (width or shape[1]):
                raise ShapeError(
                    f"Cloud got {name} {_described(values)} for {count} edges, expected "
                    f"({count}, {width or 'D'}): one row for each column of edge_index."
                )
        if self.edge_attr is not None and not self.edge_attr.is_floating_point():
            raise ShapeError(
                f"Cloud got edge_attr of {self.edge_attr.dtype}, expected floating point numbers. "
                "Encode categories, for example by one_hot(...).double()."
            )
        fits = isinstance(cell, Tensor) and cell.is_floating_point() and cell.shape[-2:] == (3, 3)
        if cell is not None and not fits:
            raise ShapeError(
                f"Cloud got the cell {_described(cell)}, expected floating point lattice vectors "
                "as rows: (3, 3), (B, 3, 3), or one of each cloud. Write torch.diag(lengths)."
            )
        if self.shifts is not None and cell is None:
            raise ShapeError(
                "Cloud got shifts and no cell, expected the lattice vectors that they count. Pass "
                "cell=."
            )
        self._check_values()

    def _check_values(self) -> None:
        for name, values in (("edge_attr", self.edge_attr), ("cell", self.cell)):
            if values is not None and _readable(values) and not bool(values.isfinite().all()):
                raise ShapeError(f"Cloud got {name} with NaN or infinity, expected finite numbers.")
        cell = self.cell
        if (
            cell is not None
            and _readable(cell)
            and bool((torch.linalg.det(cell.double()) == 0).any())
        ):
            raise ShapeError(
                "Cloud got a cell without volume, expected three independent lattice vectors. "
                "Write a large number for a direction that is not periodic."
            )

    def check(self, points: int) -> None:
        """Raise :class:`~eqsets.ShapeError` if an edge leads to a point that does not exist."""
        index = self.edge_index
        if index is None or not index.numel() or not _readable(index):
            return
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= points:
            raise ShapeError(
                f"the edge_index of a Cloud goes from {low} to {high}, expected 0 to {points - 1} "
                f"for {points} points. Number the points of one cloud from 0, or, for a "
                "PartBatch, those of all clouds."
            )

    def __repr__(self) -> str:
        names = ("edge_index", "edge_attr", "cell", "shifts")
        given = [name for name in names if getattr(self, name) is not None]
        return f"Cloud(positions, {', '.join(given)})"


@dataclass(frozen=True, eq=False)
class Links:
    """Edges and cells of flat points, cloud after cloud.

    Attributes:
        index: ``(2, M)``, or ``None`` where neighbours are searched for.
        attr: ``(M, D)`` or ``None``.
        cell: ``(1, 3, 3)`` or ``(G, 3, 3)``, one of each cloud, or ``None``.
        shifts: ``(M, 3)`` or ``None``.
    """

    index: Tensor | None
    attr: Tensor | None
    cell: Tensor | None
    shifts: Tensor | None


def links_of_rows(cloud: Cloud, layout: Layout, clouds: int, points: int) -> Links:
    """Return the edges and cells of the rows of a layout.

    Arguments:
        cloud: as given.
        layout: of the rows.
        clouds: how many clouds have positions of their own, ``G``.
        points: of each cloud; of all clouds where these have unequal numbers.
    """
    cells = _cells(cloud.cell, layout)
    if isinstance(layout, Parts) and not isinstance(layout, PaddedParts):
        cloud.check(points)
        index = cloud.edge_index
        if index is not None and _readable(index):
            owner = layout.inner.element[index]
            if bool((owner[0] != owner[1]).any()):
                raise ShapeError(
                    "the edge_index of a Cloud leads from one cloud to another, expected edges "
                    "inside of clouds: points are numbered through in the order of the PartBatch."
                )
        return Links(index, cloud.edge_attr, cells, cloud.shifts)
    if isinstance(layout, PaddedParts):
        batch, size, points = layout.mask.shape
        cloud.check(points)
        return _present(_repeated(cloud, batch * size, points, cells), layout)
    cloud.check(points)
    return _repeated(cloud, clouds, points, cells)


def links_of_sets(cloud: Cloud, layout: Layout, clouds: int, points: int) -> Links:
    """Return the edges and cells of one cloud of mean positions for each set."""
    cells = _cells(cloud.cell, layout)
    if isinstance(layout, Parts):
        own = links_of_rows(cloud, layout, clouds, points)
        mean = None if cells is None else cells if len(cells) == 1 else layout.elements.mean(cells)
        return _merged(replace(own, cell=mean), layout.inner.group)
    if cells is not None and len(cells) > 1:
        per_set = cells.shape[0] == layout.num_sets != layout.num_rows
        cells = cells if per_set else layout.mean(cells)
    return _repeated(cloud, clouds, points, cells)


def _cells(cell: Tensor | None, layout: Layout) -> Tensor | None:
    """Return ``(1, 3, 3)``, or the cell of each cloud."""
    if cell is None:
        return None
    lead = tuple(cell.shape[:-2])
    if not lead:
        return cell[None]
    elements = layout.elements
    if isinstance(layout, PaddedParts):
        there = layout.mask.any(-1)
        if lead == tuple(there.shape):
            return cell[there]
    if isinstance(layout, Dense) and lead == (layout.batch, layout.size):
        return cell.reshape(-1, 3, 3)
    if lead == (elements.num_rows,) and isinstance(elements, Ragged):
        return cell
    sets = elements.num_sets
    if lead == (sets,):
        return elements.spread(cell)
    raise ShapeError(
        f"got cells of shape {tuple(cell.shape)} for {elements.num_rows} clouds in {sets} sets, "
        "expected (3, 3) for all, (B, 3, 3) of each set, or one of each cloud: (B, N, 3, 3), or "
        "(R, 3, 3) for ragged batches."
    )


def _repeated(cloud: Cloud, clouds: int, points: int, cells: Tensor | None) -> Links:
    """Return the edges of one cloud for each of many, numbered through."""
    index, attr, shifts = cloud.edge_index, cloud.edge_attr, cloud.shifts
    if index is None or clouds == 1:
        return Links(index, attr, cells, shifts)
    first = points * torch.arange(clouds, device=index.device)
    return Links(
        (index[:, None] + first[:, None]).reshape(2, -1),
        None if attr is None else attr.repeat(clouds, 1),
        cells,
        None if shifts is None else shifts.repeat(clouds, 1),
    )


def _present(links: Links, layout: PaddedParts) -> Links:
    if links.index is None:
        return links
    flat = layout.mask.reshape(-1)
    there = flat[links.index].all(0)
    return Links(
        (flat.cumsum(0) - 1)[links.index[:, there]],
        None if links.attr is None else links.attr[there],
        links.cell,
        None if links.shifts is None else links.shifts[there],
    )


def _merged(links: Links, group: Tensor) -> Links:
    """Return the edges between corresponding points: each once, with the mean of its features."""
    if links.index is None:
        return links
    ends = group[links.index]
    key = ends if links.shifts is None else torch.cat([ends, links.shifts.long().mT])
    unique, inverse, counts = key.unique(dim=1, return_inverse=True, return_counts=True)
    attr = links.attr
    if attr is not None:
        total = attr.new_zeros(unique.shape[1], attr.shape[1]).index_add(0, inverse, attr)
        attr = total / counts[:, None]
    shifts = None if links.shifts is None else unique[2:].mT.to(links.shifts)
    return Links(unique[:2], attr, links.cell, shifts)


def _readable(values: Tensor) -> bool:
    return values.device.type == "cpu" and not torch.compiler.is_compiling()


def _described(values: object) -> str:
    if isinstance(values, Tensor):
        return f"{tuple(values.shape)} of {values.dtype}"
    return f"of type {type(values).__name__}"


def _unchecked(children: Any, _: Any) -> Cloud:
    cloud = object.__new__(Cloud)
    names = ("positions", "edge_index", "edge_attr", "cell", "shifts")
    for name, value in zip(names, children, strict=True):
        object.__setattr__(cloud, name, value)
    return cloud


pytree.register_pytree_node(
    Cloud,
    lambda cloud: (
        [cloud.positions, cloud.edge_index, cloud.edge_attr, cloud.cell, cloud.shifts],
        None,
    ),
    _unchecked,
    serialized_type_name="eqsets_spatial.Cloud",
)
