"""The vectors among features of a matrix group."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.features import FeatureType
from eqsets.features.direct_sum import DirectSum
from eqsets.generated.matrix_features import MatrixFeatures

__all__ = ["MatrixVectors"]


class MatrixVectors(nn.Module):
    """Read the vectors of features ``(E, *element)`` as ``(E, K, d)``; a sum may hold others.

    Arguments:
        in_type: :class:`MatrixFeatures`, or a sum with such parts.

    Attributes:
        channels: number of vectors.
    """

    def __init__(self, in_type: FeatureType) -> None:
        super().__init__()
        self.in_type = in_type
        parts = in_type.parts if isinstance(in_type, DirectSum) else (in_type,)
        self.channels = sum(part.count for part in parts if isinstance(part, MatrixFeatures))

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(self.in_type, DirectSum):
            return x.mT
        pairs = zip(self.in_type.parts, self.in_type.split(x), strict=True)
        return torch.cat([part.mT for kind, part in pairs if isinstance(kind, MatrixFeatures)], 1)
