"""The vectors among irreps: what a pose in space is read from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets_spatial.features import IrrepsFeatures

__all__ = ["IrrepsVectors"]


class IrrepsVectors(nn.Module):
    """Read the irreps of degree 1 of elements as vectors ``(E, K, 3)``, over all points.

    With reflections only those of odd parity count: the matrices of the group move no others.

    Raises:
        FeatureTypeError: the type has none.
    """

    def __init__(self, in_type: IrrepsFeatures) -> None:
        super().__init__()
        self.in_type = in_type
        special = in_type.group.special
        self.used = [b.degree == 1 and (special or b.parity == -1) for b in in_type.blocks]
        if not any(self.used):
            raise FeatureTypeError(
                f"{in_type!r} has no vectors, from which a pose could be read, expected a type "
                "with irreps 1o. Add vectors, or average with how='average'."
            )
        blocks = zip(in_type.blocks, self.used, strict=True)
        self.channels = sum(block.count for block, used in blocks if used)

    def forward(self, x: Tensor) -> Tensor:
        parts = [part for part, used in zip(self.in_type.split(x), self.used, strict=True) if used]
        vectors = torch.cat(parts, -2)  # (E, K, 3), or (E, P, K, 3) on points
        return vectors.flatten(1, -2)
