r"""The directions of an image: first moments of its fields about the centre.

.. math:: v_c = \frac1{|p|} \sum_p p\; \lVert x_c(p) \rVert
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets_planar.fields.features import PlanarFields
from eqsets_planar.layers.nonlinearities import pixel_invariants

__all__ = ["FieldMoments"]


class FieldMoments(nn.Module):
    """Read a vector ``(right, up)`` from each field: ``(E, C, H, W)`` to ``(E, fields, 2)``.

    Pixels count in a disk, which rotations about the centre keep.
    """

    def __init__(self, in_type: PlanarFields) -> None:
        super().__init__()
        self.in_type, self.channels = in_type, in_type.fields

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        right = torch.arange(width, dtype=x.dtype, device=x.device) - (width - 1) / 2
        up = (height - 1) / 2 - torch.arange(height, dtype=x.dtype, device=x.device)[:, None]
        inside = right.square() + up.square() <= (min(height, width) / 2) ** 2
        grid = torch.stack(torch.broadcast_tensors(right, up)) * inside
        values = pixel_invariants(self.in_type, x)
        return torch.einsum("efhw,dhw->efd", values, grid) / inside.sum()
