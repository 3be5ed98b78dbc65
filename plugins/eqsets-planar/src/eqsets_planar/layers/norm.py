"""Normalization of fields."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets.errors import choices
from eqsets_planar.fields.features import PlanarFields

__all__ = ["FieldNorm"]

_KINDS = ("batch", "element")


class FieldNorm(nn.Module):
    r"""Normalise fields without touching their direction, then scale each field.

    .. math:: y_f = \gamma_f \frac{x_f - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta_f

    ``"element"`` takes mean and variance of each element over all its fields but the irreps (and no
    mean where there is one such field: that would undo the bias of the layer before), ``"batch"``
    of each field over all present elements, with running statistics; both over the pixels and the
    components of a field. Irreps have no mean and no shift: their :math:`\sigma` is a length, taken
    over one block of fields.

    Raises:
        FeatureTypeError: the kind is unknown.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, in_type: PlanarFields, kind: str = "element", eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        if kind not in _KINDS:
            raise FeatureTypeError(f"unknown norm {kind!r}: {choices(kind, _KINDS)}")
        self.in_type, self.kind, self.eps, self.momentum = in_type, kind, eps, momentum
        self.weight = nn.Parameter(torch.ones(in_type.fields))
        shifted = sum(count for count, r in in_type.blocks if r.pointwise)
        self._centred = shifted > 1
        self.bias = nn.Parameter(torch.zeros(shifted)) if shifted else None
        if kind == "batch":
            self.register_buffer("running_mean", torch.zeros(in_type.fields))
            self.register_buffer("running_var", torch.ones(in_type.fields))

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Normalise ``x: (E, C, H, W)``; absent rows (``present: (E,)``) count for nothing."""
        # Statistics of half precision features are taken in float32.
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        parts, start, shifted = [], 0, 0
        blocks = list(zip(self.in_type.split(wide), self.in_type.blocks, strict=True))
        pointwise = [part for part, (_, r) in blocks if r.pointwise]
        common = self._common(pointwise) if pointwise and self.kind == "element" else None
        for part, (count, representation) in blocks:
            fields = slice(start, start + count)
            if self.kind == "batch":
                mean, variance = self._batch_statistics(
                    part, representation.pointwise, fields, present
                )
            elif representation.pointwise and common is not None:
                mean, variance = common
            else:
                mean = part.new_zeros(1, 1, 1, 1, 1)
                variance = part.square().mean((1, 2, 3, 4), keepdim=True)
            y = (part - mean) * (variance + self.eps).rsqrt() * _per_field(self.weight[fields])
            if representation.pointwise and self.bias is not None:
                y = y + _per_field(self.bias[shifted : shifted + count])
                shifted += count
            parts.append(y)
            start += count
        return self.in_type.join(parts).to(x.dtype)

    def _common(self, parts: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return mean and variance ``(E, 1, 1, 1, 1)`` over all that move pointwise."""
        every = torch.cat([part.flatten(1) for part in parts], 1)
        mean = every.mean(1) if self._centred else every.new_zeros(every.shape[0])
        variance = (every - mean[:, None]).square().mean(1)
        return mean[:, None, None, None, None], variance[:, None, None, None, None]

    def _batch_statistics(
        self, x: Tensor, centred: bool, fields: slice, present: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return mean and variance that broadcast against ``x: (E, count, d, H, W)``."""
        if not self.training:
            return _per_field(self.running_mean[fields]), _per_field(self.running_var[fields])
        axes = (0, 2, 3, 4)
        weight = x.new_ones(x.shape[0]) if present is None else present.to(x.dtype)
        weight = weight[:, None, None, None, None]
        total = weight.sum() * (x.shape[2] * x.shape[3] * x.shape[4])
        mean = (x * weight).sum(axes) / total if centred else x.new_zeros(x.shape[1])
        variance = ((x - _per_field(mean)).square() * weight).sum(axes) / total
        with torch.no_grad():
            unbiased = variance * total / (total - 1).clamp(min=1)
            self.running_mean[fields].lerp_(mean.to(self.running_mean), self.momentum)
            self.running_var[fields].lerp_(unbiased.to(self.running_var), self.momentum)
        return _per_field(mean), _per_field(variance)

    def extra_repr(self) -> str:
        return f"{self.in_type}, kind={self.kind!r}"


def _per_field(values: Tensor) -> Tensor:
    """Reshape ``(count,)`` to broadcast against ``(E, count, d, H, W)``."""
    return values[:, None, None, None]
