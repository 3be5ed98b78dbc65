"""The precision in which a set is reduced."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["widened"]


def widened(x: Tensor) -> Tensor:
    """Return half precision numbers as float32, to be added up one by one: 256 + 1 is 256 else.

    Reductions along an axis do this by themselves; additions by index do not.
    """
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
