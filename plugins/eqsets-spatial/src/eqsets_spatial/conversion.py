"""Networks of e3nn as networks of sets: which of their modules ``eqsets.set_aware`` converts."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from eqsets.symmetry import Conversion, SetCall

__all__ = ["CONVERSIONS"]


class IrrepsConversion(Conversion):
    """Linear maps of e3nn, on ``(R, irreps.dim)`` or ``(R, P, irreps.dim)``."""

    def invariant_part(self, module: nn.Module, call: SetCall, x: Any, *, output: bool) -> Any:
        irreps: Any = module.irreps_out if output else module.irreps_in
        scalar = [
            float(ir.l == 0 and ir.p == 1) for count, ir in irreps for _ in range(count * ir.dim)
        ]
        return x * torch.tensor(scalar, dtype=x.dtype, device=x.device)


CONVERSIONS = (
    IrrepsConversion("e3nn.o3._linear.Linear"),
    Conversion("e3nn.nn._batchnorm.BatchNorm", linear=False),
)
"""The linear maps of e3nn; its batch normalisation acts on each element separately."""
