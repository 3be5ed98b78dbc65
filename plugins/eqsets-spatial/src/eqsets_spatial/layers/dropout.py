"""Dropout of whole copies of irreps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets.constants import Constants
from eqsets.rows import PartLayout
from eqsets_spatial.features import IrrepsFeatures, membership

__all__ = ["CopyDropout"]


class CopyDropout(nn.Module):
    """Drop whole copies of irreps of an element, on all its points at once, while training.

    Raises:
        FeatureTypeError: ``p`` is no probability below 1.
    """

    takes_parts = True

    def __init__(self, in_type: IrrepsFeatures, p: float) -> None:
        super().__init__()
        if not isinstance(p, int | float) or not 0 <= p < 1:
            raise FeatureTypeError(
                f"dropout got p={p!r}, expected a probability in [0, 1). Write for example 0.1."
            )
        self.in_type, self.p = in_type, p
        self.constants = Constants(copies=membership(in_type.blocks, "copies"))

    def forward(self, x: Tensor, parts: PartLayout | None = None) -> Tensor:
        """Drop copies of ``x: (E, *layout)`` while training."""
        if not self.training or self.p == 0:
            return x
        count = x.shape[0] if parts is None else parts.num_sets
        scale = torch.ones(count, self.in_type.copies, dtype=x.dtype, device=x.device)
        scale = torch.nn.functional.dropout(scale, self.p)
        scale = scale if parts is None else parts.spread(scale)
        mask: Tensor = scale @ self.constants.get("copies", x).mT
        return x * (mask[:, None] if self.in_type.points else mask)

    def extra_repr(self) -> str:
        return f"{self.in_type}, p={self.p}"
