"""Modules of the second factor of a product, applied at each point."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets.features import FeatureType

__all__ = ["EachPoint", "SharedDropout"]


class EachPoint(nn.Module):
    """Apply a module of elements at each point.

    Equivariant to permutations of the points, and to the group of the module.

    Arguments:
        module: maps rows ``(E, *element)``.
        axes: number of axes of the points.
        in_type: type of the input.
        out_type: type of the output, or ``None`` where it has none.
    """

    def __init__(
        self,
        module: nn.Module,
        axes: int,
        in_type: FeatureType,
        out_type: FeatureType | None = None,
    ) -> None:
        super().__init__()
        self.module, self.axes = module, axes
        self.in_type, self.out_type = in_type, out_type

    def forward(self, x: Tensor, structure: tuple[Any, Any] | None = None) -> Tensor:
        """Map ``x: (E, *points, *element)``; the module gets the second structure."""
        side = () if structure is None or structure[1] is None else (structure[1],)
        lead = x.shape[: self.axes + 1]
        y: Tensor = self.module(x.flatten(0, self.axes), *side)
        return y.reshape(*lead, *y.shape[1:])


class SharedDropout(nn.Module):
    """Drop the same parts of an element at all points: the dropout of ones, as a factor."""

    def __init__(self, module: nn.Module, axes: int) -> None:
        super().__init__()
        self.module, self.axes = module, axes

    def forward(self, x: Tensor) -> Tensor:
        """Drop parts of ``x: (E, *points, *element)`` while training."""
        if not self.training:
            return x
        one = x
        for _ in range(self.axes):
            one = one.select(1, 0)
        ones = torch.ones_like(one)
        stored: Tensor = self.module(ones)
        return x * stored.reshape(x.shape[0], *[1] * self.axes, *stored.shape[1:])
