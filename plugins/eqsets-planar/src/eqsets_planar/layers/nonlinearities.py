"""Nonlinearities by type: pointwise where components only move about, else gates and norms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.rows import pointwise_activation
from eqsets_planar.fields.features import PlanarFields

__all__ = ["FieldGate", "NormThreshold", "pixel_invariants"]


def pixel_invariants(in_type: PlanarFields, x: Tensor) -> Tensor:
    """Return one invariant of each field at each pixel: ``(E, fields, H, W)``.

    The mean over the components of a trivial, regular or quotient field, the length of an irrep.
    """
    parts = []
    for part, (_, representation) in zip(in_type.split(x), in_type.blocks, strict=True):
        parts.append(part.mean(-3) if representation.pointwise else field_length(part))
    return torch.cat(parts, -3)


def field_length(part: Tensor) -> Tensor:
    """Return the length of fields ``(..., d, H, W)`` at each pixel, smooth at zero."""
    return (part.square().sum(-3) + 1e-12).sqrt()


class FieldGate(nn.Module):
    r"""Act pointwise where that is allowed, and gate irreps by what all fields agree on.

    .. math:: y_f(p) = x_f(p) \, \sigma\big(A\,u(p) + a\big)_f

    with the invariants :math:`u(p)` of all fields at that pixel (:func:`pixel_invariants`).
    """

    def __init__(self, in_type: PlanarFields, name: str = "relu") -> None:
        super().__init__()
        self.in_type = in_type
        self.activation = pointwise_activation(name)
        gated = sum(count for count, r in in_type.blocks if not r.pointwise)
        self.gate = nn.Conv2d(in_type.fields, gated, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C, H, W)``."""
        gates = torch.sigmoid(self.gate(pixel_invariants(self.in_type, x)))
        parts, start = [], 0
        for part, (count, representation) in zip(
            self.in_type.split(x), self.in_type.blocks, strict=True
        ):
            if representation.pointwise:
                parts.append(self.activation(part))
                continue
            parts.append(part * gates[:, start : start + count, None])
            start += count
        return self.in_type.join(parts)

    def extra_repr(self) -> str:
        return f"{self.in_type}"


class NormThreshold(nn.Module):
    r"""Shorten every irrep field at every pixel: :math:`y = x \, \max(|x| - b, 0) / |x|`.

    One learned :math:`b` for each field, at first 0.1; pointwise fields get a ReLU.
    """

    def __init__(self, in_type: PlanarFields) -> None:
        super().__init__()
        self.in_type = in_type
        count = sum(count for count, r in in_type.blocks if not r.pointwise)
        self.threshold = nn.Parameter(torch.full((count,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C, H, W)``."""
        parts, start = [], 0
        for part, (count, representation) in zip(
            self.in_type.split(x), self.in_type.blocks, strict=True
        ):
            if representation.pointwise:
                parts.append(part.relu())
                continue
            length = field_length(part)
            threshold = self.threshold[start : start + count, None, None]
            parts.append(part * ((length - threshold).relu() / length)[:, :, None])
            start += count
        return self.in_type.join(parts)

    def extra_repr(self) -> str:
        return f"{self.in_type}"
