"""How large an error may be: one table for all laws.

Errors are relative and grow with rounding, so a budget is ``factor * eps`` of the dtype.
Group elements that are not exact (a rotation by 45 degrees of a grid) cause more: their symmetry
declares how much in ``ElementSymmetry.tolerance``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch

__all__ = ["BUDGETS", "coarse", "rounding", "tight"]

_FACTORS = {
    torch.float64: 1024,
    torch.float32: 1024,
    # A few digits only: the factor that a deep network meets.
    torch.float16: 64,
    torch.bfloat16: 16,
}
BUDGETS: Mapping[torch.dtype, float] = MappingProxyType(
    {dtype: factor * torch.finfo(dtype).eps for dtype, factor in _FACTORS.items()}
)
"""Largest relative error that rounding alone may cause, for each dtype."""

_COARSE = 1e-6


def rounding(dtype: torch.dtype) -> float:
    """Return the budget where two ways to compute the same numbers are compared."""
    return BUDGETS[dtype]


def tight(dtype: torch.dtype, tolerance: float) -> float:
    """Return the budget of equivariance to the last digits that the symmetry claims."""
    return max(BUDGETS[dtype], tolerance)


def coarse(tolerance: float) -> float:
    """Return the budget, in float64, that separates a symmetry from none, whatever the digits.

    Constants stored in float32 (1e-8 to 1e-7) pass here; that they lose digits is a law of its own.
    """
    return max(_COARSE, 10 * tolerance)
