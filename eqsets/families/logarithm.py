r"""The principal logarithm of matrices: repeated square roots, then a series.

.. math:: \log M = 2^s \log M^{1 / 2^s}, \qquad
          \log X = 2 \sum_k \frac{Y^{2k + 1}}{2k + 1}, \quad Y = (X - I)(X + I)^{-1}

Real arithmetic, also where a matrix has no basis of eigenvectors.

References:
    Higham, *Functions of Matrices*, SIAM 2008, chapters 6 and 11.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["matrix_logarithm"]

_ROOTS, _ITERATIONS, _TERMS = 5, 10, 9


def matrix_logarithm(m: Tensor) -> Tensor:
    """Return the logarithm of matrices ``(*batch, d, d)`` without eigenvalues at or below 0.

    Example:
        >>> turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
        >>> torch.allclose(matrix_logarithm(torch.linalg.matrix_exp(1.5 * turn)), 1.5 * turn)
        True
    """
    one = torch.eye(m.shape[-1], dtype=m.dtype, device=m.device).expand_as(m)
    for _ in range(_ROOTS):
        m = _square_root(m, one)
    y = torch.linalg.solve(m + one, m - one)
    square, power = y @ y, y
    total: Tensor = y
    for k in range(1, _TERMS):
        power = power @ square
        total = total + power / (2 * k + 1)
    log: Tensor = 2 ** (_ROOTS + 1) * total
    return log


def _square_root(m: Tensor, one: Tensor) -> Tensor:
    """Return the square root, by Denman's and Beavers' iteration."""
    root, inverse = m, one
    for _ in range(_ITERATIONS):
        root, inverse = (
            (root + torch.linalg.inv(inverse)) / 2,
            (inverse + torch.linalg.inv(root)) / 2,
        )
    return root
