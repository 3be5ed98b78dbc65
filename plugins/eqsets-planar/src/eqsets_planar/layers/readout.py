"""Invariants of an image, and invariants written back onto all of its pixels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets.rows import InvariantPart
from eqsets_planar.fields.features import PlanarFields
from eqsets_planar.layers.nonlinearities import pixel_invariants
from eqsets_planar.layers.pooling import InvariantPool

__all__ = ["FieldEmbedding", "FieldInvariants", "FieldMaxima", "FieldPart"]


class FieldInvariants(nn.Module):
    """Read one number from each field: its mean over pixels and components, or its mean length.

    Trivial, regular and quotient fields give their mean, which is the only linear invariant that
    does not depend on where things are; irreps give the mean of their length. Put
    ``pool(kind="group")`` before for the maximum over components.

    Attributes:
        features: number of invariants.
        linear: whether all of them are linear.
    """

    def __init__(self, in_type: PlanarFields) -> None:
        super().__init__()
        self.in_type = in_type
        self.features = in_type.fields
        self.linear = in_type.pointwise

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C, H, W)`` to ``(E, features)``."""
        return pixel_invariants(self.in_type, x).mean((-2, -1))

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"


class FieldMaxima(nn.Module):
    """Read the maximum of each field over pixels and components, or of its length.

    Attributes:
        features: number of invariants.
    """

    linear = False

    def __init__(self, in_type: PlanarFields) -> None:
        super().__init__()
        self.in_type, self.features = in_type, in_type.fields
        self.scalars = InvariantPool(in_type)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C, H, W)`` to ``(E, features)``."""
        y: Tensor = self.scalars(x).amax((-2, -1))
        return y

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"


class FieldEmbedding(nn.Module):
    r"""Write invariants onto all pixels, into the invariant vector of each field that has one.

    .. math:: y_f(p) = (A u)_f \, (1, \dots, 1)

    Raises:
        FeatureTypeError: no field has an invariant vector.
    """

    def __init__(self, features: int, out_type: PlanarFields) -> None:
        super().__init__()
        self.out_type = out_type
        count = sum(many for many, r in out_type.blocks if r.has_invariant)
        if not count:
            raise FeatureTypeError(
                f"{out_type!r} has no invariant vector, so {features} invariants "
                "cannot be written into it. Use alignment='shared', or add trivial fields."
            )
        self.linear = nn.Linear(features, count, bias=False)

    def forward(self, invariants: Tensor, *, like: Tensor) -> Tensor:
        """Map ``(E, features)`` to ``(E, C, 1, 1)``, which broadcasts against ``(E, C, H, W)``."""
        values: Tensor = self.linear(invariants)
        parts, start = [], 0
        for many, representation in self.out_type.blocks:
            size = representation.size(self.out_type.points)
            if representation.has_invariant:
                parts.append(values[:, start : start + many].repeat_interleave(size, 1))
                start += many
            else:
                parts.append(values.new_zeros(values.shape[0], many * size))
        return torch.cat(parts, 1)[:, :, None, None]

    def extra_repr(self) -> str:
        return f"{self.linear.in_features} invariants -> {self.out_type}"


class FieldPart(InvariantPart):
    """The mean of each trivial, regular and quotient field over its pixels and components.

    Arguments:
        out_type: type of the features.
    """

    def __init__(self, out_type: PlanarFields) -> None:
        super().__init__()
        self.out_type = out_type

    def read(self, x: Tensor, *side: Any) -> Tensor:
        parts = []
        blocks = zip(self.out_type.blocks, self.out_type.split(x), strict=True)
        for (_, representation), block in blocks:  # (E, count, d, H, W)
            pixels = block.mean((-2, -1))
            if representation.has_invariant:
                parts.append(pixels.mean(-1, keepdim=True).expand_as(pixels).flatten(1))
            else:
                parts.append(pixels.new_zeros(pixels.shape).flatten(1))
        return torch.cat(parts, 1)[:, :, None, None]
