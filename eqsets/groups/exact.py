"""Reading generators without losing digits: floating point numbers as float64, never complex."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eqsets.errors import GroupError

__all__ = ["exact_tensor"]


def exact_tensor(given: Any) -> Tensor:
    """Return a tensor, array or nested list as a tensor: float64, or whole numbers as they are.

    Raises:
        GroupError: the numbers are complex.

    Example:
        >>> exact_tensor([0.1]).dtype, exact_tensor([1]).dtype
        (torch.float64, torch.int64)
    """
    tensor = torch.as_tensor(given)
    if tensor.is_complex():
        raise GroupError(
            f"got a generator of dtype {tensor.dtype}, expected real numbers: features are real, "
            "and a complex matrix cannot act on them. Give its real form, twice as large: "
            "torch.cat([torch.cat([A.real, -A.imag], -1), torch.cat([A.imag, A.real], -1)], -2)."
        )
    if not tensor.is_floating_point():
        return tensor
    # A list is read once more: by default torch rounds its numbers to float32.
    return torch.as_tensor(given, dtype=torch.float64)
