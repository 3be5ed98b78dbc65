"""Dropout of whole fields."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets.constants import Constants, on_cpu
from eqsets_planar.fields.features import PlanarFields

__all__ = ["FieldDropout"]


class FieldDropout(nn.Module):
    """Drop whole fields of an element while training: all pixels, all components.

    Raises:
        FeatureTypeError: ``p`` is no probability below 1.
    """

    def __init__(self, in_type: PlanarFields, p: float) -> None:
        super().__init__()
        if not isinstance(p, int | float) or not 0 <= p < 1:
            raise FeatureTypeError(
                f"dropout got p={p!r}, expected a probability in [0, 1). Write for example 0.1."
            )
        self.in_type, self.p = in_type, p
        sizes = [r.size(in_type.points) for n, r in in_type.blocks for _ in range(n)]
        with on_cpu():
            field = torch.arange(in_type.fields).repeat_interleave(torch.tensor(sizes))
        self.constants = Constants(field=field)  # of each channel

    def forward(self, x: Tensor) -> Tensor:
        """Drop fields of ``x: (E, C, H, W)``."""
        if not self.training or self.p == 0:
            return x
        scale = torch.nn.functional.dropout(x.new_ones(x.shape[0], self.in_type.fields), self.p)
        return x * scale[:, self.constants.get("field", x), None, None]

    def extra_repr(self) -> str:
        return f"{self.in_type}, p={self.p}"
