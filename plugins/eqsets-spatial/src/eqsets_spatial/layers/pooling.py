"""Pooling over the points of a cloud."""

from __future__ import annotations

from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets.errors import choices
from eqsets_spatial.features import IrrepsFeatures
from eqsets_spatial.points import PointSide, parts_of, pooled

__all__ = ["PointPool"]


class PointPool(nn.Module):
    r"""Reduce a cloud to one steerable vector: a dipole, a force on the whole, a fingerprint.

    .. math:: y = \sum_a x_a \quad\text{or}\quad \frac1P \sum_a x_a

    Raises:
        FeatureTypeError: the type is not on points, or the way to reduce is unknown.
    """

    def __init__(self, in_type: IrrepsFeatures, reduce: str = "mean") -> None:
        super().__init__()
        if reduce not in ("mean", "sum"):
            raise FeatureTypeError(
                f"pooling over points got reduce={reduce!r}: {choices(reduce, ('mean', 'sum'))}"
            )
        self.in_type, self.reduce = in_type, reduce
        self.out_type = IrrepsFeatures(in_type.blocks, in_type.group)

    def forward(self, x: Tensor, positions: PointSide = None) -> Tensor:
        """Map ``x: (E, P, dim)`` to ``(E, dim)``; positions do not matter."""
        return pooled(x, parts_of(positions), self.reduce)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, reduce={self.reduce!r}"
