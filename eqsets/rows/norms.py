"""Normalisations of elements ``(E, *element)`` of any feature type."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.features import FeatureType
from eqsets.tensors.tracing import transformed

__all__ = ["ElementNorm", "RowNorm"]


class ElementNorm(nn.Module):
    r"""Normalise each element by itself, then scale each channel.

    .. math:: y = \gamma_c \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta_c

    with mean and variance over all components of the element; types that are not pointwise keep
    their direction: no mean, no shift. Independent of set size, batch size and padding.
    """

    def __init__(self, in_type: FeatureType, eps: float = 1e-5) -> None:
        super().__init__()
        self.in_type, self.eps = in_type, eps
        channels = in_type.channels
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if in_type.pointwise else None

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Normalise ``x: (E, *element)``; ``present`` is not needed: rows are independent."""
        if self.bias is not None and transformed(x, self.weight):  # group_norm has no rule there
            y = torch.nn.functional.layer_norm(x, x.shape[1:], eps=self.eps)
            y = y * _per_channel(self.weight, self.in_type)
            return y + _per_channel(self.bias, self.in_type)
        if self.bias is not None:
            y = torch.group_norm(  # not the functional one, which refuses a single value
                _channels_second(x, self.in_type), 1, self.weight, self.bias, self.eps
            )
            return _channels_back(y, x, self.in_type)
        axes = tuple(range(1, x.dim()))
        # Statistics of half precision features are taken in float32.
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        scale = (wide.square().mean(axes, keepdim=True) + self.eps).rsqrt().to(x.dtype)
        return x * scale * _per_channel(self.weight, self.in_type)

    def extra_repr(self) -> str:
        return f"{self.in_type}"


class RowNorm(nn.Module):
    """Batch normalisation with statistics over present rows only: padding does not count.

    Raises:
        ShapeError: see torch's own batch normalisation for a single value per channel.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, in_type: FeatureType, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.in_type, self.eps, self.momentum = in_type, eps, momentum
        self.weight = nn.Parameter(torch.ones(in_type.channels))
        self.bias = nn.Parameter(torch.zeros(in_type.channels))
        self.register_buffer("running_mean", torch.zeros(in_type.channels))
        self.register_buffer("running_var", torch.ones(in_type.channels))

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Normalise ``x: (E, *element)`` over the rows where ``present: (E,)`` is True."""
        if present is None or not self.training:
            y = torch.nn.functional.batch_norm(
                _channels_second(x, self.in_type),
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                self.training,
                self.momentum,
                self.eps,
            )
            return _channels_back(y, x, self.in_type)
        mean, variance, count = self._present_statistics(x, present)
        with torch.no_grad():
            unbiased = variance * count / (count - 1).clamp(min=1)
            self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return x * _per_channel(scale, self.in_type) + _per_channel(shift, self.in_type)

    def _present_statistics(self, x: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        axes = [
            axis for axis in range(x.dim()) if axis != x.dim() + (self.in_type.channel_axis or 0)
        ]
        weight = present.to(x.dtype).reshape(-1, *([1] * (x.dim() - 1)))
        count = weight.sum() * (x[0].numel() // self.in_type.channels)
        mean = (x * weight).sum(axes) / count
        centred = (x - _per_channel(mean, self.in_type)) * weight
        return mean, centred.square().sum(axes) / count, count

    def extra_repr(self) -> str:
        return f"{self.in_type}"


def _per_channel(values: Tensor, feature_type: FeatureType) -> Tensor:
    """Reshape ``(C,)`` to broadcast along the channel axis of ``(E, *element)``."""
    axis = feature_type.channel_axis
    return values if axis is None else values.reshape(-1, *([1] * (-axis - 1)))


def _channels_second(x: Tensor, feature_type: FeatureType) -> Tensor:
    """Return ``x: (E, *element)`` as ``(E, C, *)``, where torch's own norms are fused and fast."""
    axis = feature_type.channel_axis
    if axis is None:
        return x[:, None]
    if x.dim() + axis == 1:
        return x
    # four axes: then channels that lie last are a memory format that torch reads without a copy
    return x.movedim(axis, 1).flatten(2)[..., None]


def _channels_back(y: Tensor, like: Tensor, feature_type: FeatureType) -> Tensor:
    """Undo :func:`_channels_second` for ``like``."""
    axis = feature_type.channel_axis
    if axis is None or like.dim() + axis == 1:
        return y.reshape(like.shape)
    return y.reshape(like.movedim(axis, 1).shape).movedim(1, axis)
