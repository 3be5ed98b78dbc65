"""Relative errors of a module under the symmetries of a set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["EquivarianceReport", "relative_error"]


def relative_error(a: Tensor, b: Tensor) -> float:
    r"""Return :math:`2\|a - b\| / (\|a\| + \|b\|)` in float64; 0 where both vanish.

    Example:
        >>> relative_error(torch.tensor([1.0]), torch.tensor([3.0]))
        1.0
    """
    a, b = a.detach().double(), b.detach().double()
    scale = float(a.norm() + b.norm())
    gap = float((a - b).norm())
    return 0.0 if gap == 0.0 else 2 * gap / scale


@dataclass(frozen=True)
class EquivarianceReport:
    """Relative errors of a module under the symmetries of a set.

    Attributes:
        permutation: largest error under reordering the set.
        element: largest error under the element group.
        joint: largest error under both at once.
        samples: number of random inputs and group elements.
        dtype: dtype of the module.
    """

    permutation: float
    element: float
    joint: float
    samples: int
    dtype: torch.dtype

    @property
    def max(self) -> float:
        """The largest of the errors."""
        return max(self.permutation, self.element, self.joint)

    def __float__(self) -> float:
        return self.max

    def __str__(self) -> str:
        return (
            f"equivariance error {self.max:.1e} (permutation {self.permutation:.1e}, element "
            f"{self.element:.1e}, joint {self.joint:.1e}; {self.samples} samples, {self.dtype})"
        )
