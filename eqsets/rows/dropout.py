"""Dropout of whole channels of an element."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.rows.inner_parts import PartLayout

__all__ = ["ChannelDropout"]


class ChannelDropout(nn.Module):
    """Drop whole channels of an element: the mask is constant on the components that mix."""

    takes_parts = True

    def __init__(self, in_type: FeatureType, p: float) -> None:
        super().__init__()
        if not isinstance(p, int | float) or not 0 <= p < 1:
            raise FeatureTypeError(
                f"dropout got p={p!r}, expected a probability in [0, 1). Write for example 0.1."
            )
        self.in_type, self.p = in_type, p

    def forward(self, x: Tensor, parts: PartLayout | None = None) -> Tensor:
        """Drop channels of ``x: (E, *element)``, or of parts of elements, while training."""
        if not self.training or self.p == 0:
            return x
        count = x.shape[0] if parts is None else parts.num_sets
        selected = torch.ones(count, self.in_type.channels, dtype=x.dtype, device=x.device)
        selected = torch.nn.functional.dropout(selected, self.p)
        selected = selected if parts is None else parts.spread(selected)
        axis = self.in_type.channel_axis
        lead = [1] * (x.dim() - 2 if axis is None else x.dim() + axis - 1)
        tail = [] if axis is None else [1] * (-axis - 1)
        return x * selected.reshape(x.shape[0], *lead, self.in_type.channels, *tail)

    def extra_repr(self) -> str:
        return f"{self.in_type}, p={self.p}"
