"""Which points form a cloud, where clouds have unequal numbers of points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from eqsets.layout import Members
from eqsets_spatial.cloud import Links

__all__ = ["PointSide", "Points", "parts_of", "pooled"]


@dataclass(frozen=True, eq=False)
class Points:
    """Side information of the points of clouds.

    Attributes:
        parts: which rows ``(T, 1, dim)`` form a cloud, where clouds have unequal numbers of
            points; ``None``: each row is a cloud.
        positions: ``(T, 3)``, or ``(G, P, 3)`` without ``parts``; ``None`` where elements share no
            points.
        links: edges and cells, where there are any.
    """

    parts: Members | None
    positions: Tensor | None = None
    links: Links | None = None


PointSide: TypeAlias = Tensor | Points | Members | None
"""What modules on rows take next to them; ``Members`` where there are no positions."""


def parts_of(side: object) -> Members | None:
    """Return which rows form a cloud, where rows are points; ``None`` where each row is one."""
    if isinstance(side, Members):
        return side
    return side.parts if isinstance(side, Points) else None


def pooled(x: Tensor, parts: Members | None, kind: str) -> Tensor:
    """Return the ``"mean"``, ``"sum"`` or ``"max"`` over the points of each cloud, ``(E, dim)``.

    Arguments:
        x: ``(E, P, dim)``, or points ``(T, 1, dim)``.
        parts: which points form a cloud.
        kind: over the points.
    """
    if parts is not None:
        reduce = {"mean": parts.mean, "sum": parts.sum, "max": parts.max}[kind]
        return reduce(x)[:, 0]
    if kind == "max":
        return x.amax(1)
    return x.sum(1) if kind == "sum" else x.mean(1)
