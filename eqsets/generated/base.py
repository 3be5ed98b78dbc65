"""What the feature types of groups from generators share."""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.features import FeatureType, TypeOwner, noise

__all__ = ["GeneratedFeatures"]


class GeneratedFeatures(FeatureType):
    """Channels of one space, which a symmetry has named.

    Attributes:
        count: number of channels.
        space: what the symmetry calls one channel.
        maker: the symmetry that made the type.
    """

    count: int
    space: str
    maker: TypeOwner | None

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return noise(self, batch, generator, dtype)

    @property
    def owner(self) -> TypeOwner | None:
        return self.maker

    def __str__(self) -> str:
        return f"{self.count} {self.space}"
