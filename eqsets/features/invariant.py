"""Features that no group element changes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.features.feature_type import FeatureType, noise

__all__ = ["InvariantFeatures"]


@dataclass(frozen=True)
class InvariantFeatures(FeatureType):
    """Plain vectors ``(C,)`` that no group element changes: invariants of any symmetry.

    Arguments:
        count: number of channels.

    Example:
        >>> InvariantFeatures(3).layout
        (3,)
    """

    count: int
    channel_axis = -1
    pointwise = True

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (self.count,)

    @property
    def dual(self) -> InvariantFeatures:
        return self

    def with_channels(self, channels: int) -> InvariantFeatures:
        return InvariantFeatures(channels)

    def __str__(self) -> str:
        return f"{self.count} invariants"

    @property
    def spec(self) -> str:
        """The name under symmetries with fixed components."""
        return f"{self.count} trivial"

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return x

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return noise(self, batch, generator, dtype)
