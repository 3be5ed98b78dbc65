"""Cubic splines on a grid: coefficients by two small matrix products, cached by size."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["SplineFilter", "spline_matrix"]


def spline_matrix(size: int) -> Tensor:
    r"""Return the coefficients of the natural cubic spline through unit impulses.

    ``(size + 2, size)`` in float64 (four rows for a single point, which is a constant): row ``i``
    holds the coefficient of the B-spline that is centred on point ``i - 1``. The spline goes
    through all values, and its second derivative vanishes at both ends:

    .. math:: \tfrac16 c_{i-1} + \tfrac46 c_i + \tfrac16 c_{i+1} = y_i, \qquad
              c_0 = y_0, \quad c_{-1} = 2 c_0 - c_1

    and likewise at the other end.

    Example:
        >>> spline_matrix(3)[:, 1]
        tensor([-1.5000, 0.0000, 1.5000, 0.0000, -1.5000], dtype=torch.float64)
    """
    middle = torch.eye(size, dtype=torch.float64)
    if size > 2:
        band = torch.ones(size, dtype=torch.float64) / 6
        system = (4 / 6) * torch.eye(size, dtype=torch.float64)
        system += torch.diag(band[1:], 1) + torch.diag(band[1:], -1)
        system[0], system[-1] = 0.0, 0.0
        system[0, 0], system[-1, -1] = 1.0, 1.0
        middle = torch.linalg.inv(system)
    if size == 1:
        return middle.expand(4, 1).clone()
    first = 2 * middle[:1] - middle[1:2]
    last = 2 * middle[-1:] - middle[-2:-1]
    return torch.cat([first, middle, last])


class SplineFilter:
    """Turns images into spline coefficients, one more at each side; stores its matrices.

    Owned by a family; the matrices depend on size, dtype and device alone. A pickled copy has none.
    """

    def __init__(self) -> None:
        self._matrices: dict[tuple[int, torch.dtype, torch.device], Tensor] = {}

    def matrix(self, size: int, like: Tensor) -> Tensor:
        """Return :func:`spline_matrix` in the dtype and on the device of ``like``."""
        key = (size, like.dtype, like.device)
        if key not in self._matrices:
            matrix = spline_matrix(size).to(like)
            if not (torch.compiler.is_compiling() or _has_storage(matrix)):
                return matrix
            self._matrices[key] = matrix
        return self._matrices[key]

    def __call__(self, x: Tensor) -> Tensor:
        """Return coefficients ``(*, H + 2, W + 2)`` of ``x: (*, H, W)``."""
        rows, columns = self.matrix(x.shape[-2], x), self.matrix(x.shape[-1], x)
        return rows @ (x @ columns.mT)

    def __getstate__(self) -> dict[str, object]:
        return {"_matrices": {}}


def _has_storage(x: Tensor) -> bool:
    """Whether ``x`` outlives a trace: neither a fake tensor nor a wrapper of ``torch.func``."""
    if type(x) is not Tensor:
        return False
    try:
        x.untyped_storage()
    except NotImplementedError:
        return False
    return True
