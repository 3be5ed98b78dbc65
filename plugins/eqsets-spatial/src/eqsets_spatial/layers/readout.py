"""Invariants of irreps, and invariants written back into them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets import FeatureType, FeatureTypeError
from eqsets.constants import Constants
from eqsets.rows import InvariantPart
from eqsets_spatial.features import IrrepsFeatures, blocks_of, membership
from eqsets_spatial.points import PointSide, parts_of, pooled

__all__ = ["ScalarPart", "SpatialEmbedding", "SpatialInvariant"]


class SpatialInvariant(nn.Module):
    r"""Read the scalars of an element and the lengths of its other irreps: no weights.

    .. math:: u_c = x_c \;\text{ for } 0e, \qquad u_c = \lVert x_c \rVert_2 \;\text{ otherwise}

    The length has gradient zero at the zero vector, not NaN. A cloud gives the mean over its
    points of each point's invariants, so that reordering the points changes nothing.

    Arguments:
        in_type: type of the input.
        kind: over the points of a cloud: ``"mean"``, ``"max"``, or ``"points"``, which keep their
            axis.

    Attributes:
        features: number of invariants, one for each copy.
        linear: whether all of them are linear in ``x``.
    """

    def __init__(self, in_type: FeatureType, *, kind: str = "mean") -> None:
        super().__init__()
        self.in_type = in_type
        blocks = blocks_of(in_type)
        cloud = isinstance(in_type, IrrepsFeatures) and in_type.points
        self._kind = kind if cloud else "points"
        self.features = sum(block.count for block in blocks)
        self.linear = all(block.scalar for block in blocks) and self._kind != "max"
        self._scalars = all(block.scalar for block in blocks)
        self.constants = Constants(
            **{kind: membership(blocks, kind) for kind in ("scalars", "others")}
        )

    def forward(self, x: Tensor, positions: PointSide = None) -> Tensor:
        """Map ``x: (E, *layout)`` to ``(E, features)``, or ``(E, P, features)`` if not pooled.

        The scalars come first.
        """
        if self._scalars:
            invariants = x
        else:
            # Lengths of half precision features are taken in float32.
            wide = x.to(torch.promote_types(x.dtype, torch.float32))
            square = wide.square() @ self.constants.get("others", wide)
            nonzero = square > 0
            length = torch.where(nonzero, torch.where(nonzero, square, 1).sqrt(), 0)
            invariants = torch.cat([x @ self.constants.get("scalars", x), length.to(x.dtype)], -1)
        if self._kind == "points":
            return invariants
        return pooled(invariants, parts_of(positions), self._kind)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"


class SpatialEmbedding(nn.Module):
    r"""Write invariants into the scalars of a type: all linear maps that there are.

    .. math:: y^{0e} = A u, \qquad y = 0 \;\text{ elsewhere}

    Raises:
        FeatureTypeError: the type has no scalars to write to.
    """

    def __init__(self, features: int, out_type: FeatureType) -> None:
        super().__init__()
        self.out_type = out_type
        self._points = isinstance(out_type, IrrepsFeatures) and out_type.points
        scalars = membership(blocks_of(out_type), "scalars")
        if not scalars.shape[1]:
            raise FeatureTypeError(
                f"{out_type!r} has no scalars (0e), so {features} invariants cannot be written "
                "into it. Use alignment='shared', or add scalars to the type, as in '4x0e + ...'."
            )
        self.linear = nn.Linear(features, scalars.shape[1], bias=False)
        self.constants = Constants(scalars=scalars)

    def forward(self, invariants: Tensor, positions: PointSide = None, *, like: Tensor) -> Tensor:
        """Map ``(E, features)`` or ``(E, P, features)`` to what broadcasts to ``like``.

        Arguments:
            invariants: of an element, or of each of its points.
            positions: do not matter.
            like: features ``(E', *layout)`` that the result will be added to.
        """
        written = self.linear(invariants)
        y: Tensor = written @ self.constants.get("scalars", written).mT
        return _on_points(y, positions) if self._points and y.dim() == 2 else y

    def extra_repr(self) -> str:
        return f"{self.linear.in_features} invariants -> {self.out_type}"


class ScalarPart(InvariantPart):
    """The scalars (``0e``) of a type, at each point of a cloud: what no rotation changes.

    Arguments:
        out_type: type of the features.
        by_point: whether points of one number correspond; if not, the mean over the points.
    """

    def __init__(self, out_type: FeatureType, *, by_point: bool = True) -> None:
        super().__init__()
        self._mean = isinstance(out_type, IrrepsFeatures) and out_type.points and not by_point
        self.constants = Constants(scalars=membership(blocks_of(out_type), "scalars"))

    def read(self, x: Tensor, *side: Any) -> Tensor:
        scalars = x @ self.constants.get("scalars", x)
        return pooled(scalars, parts_of(next(iter(side), None)), "mean") if self._mean else scalars

    def write(self, invariants: Tensor, *side: Any, like: Tensor) -> Tensor:
        y = invariants @ self.constants.get("scalars", invariants).mT
        return _on_points(y, next(iter(side), None)) if self._mean else y


def _on_points(values: Tensor, side: object) -> Tensor:
    """Return ``values: (E, dim)`` so that they broadcast to the points of each cloud."""
    parts = parts_of(side)
    return (values if parts is None else parts.spread(values))[:, None]
