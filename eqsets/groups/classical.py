"""Classical groups of matrices by their Lie algebras."""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.constants import on_cpu
from eqsets.errors import GroupError
from eqsets.groups.matrix import MatrixGroup

__all__ = ["lorentz_group", "su2_group", "symplectic_group"]


def lorentz_group(*, reflections: bool = False) -> MatrixGroup:
    r"""Return the Lorentz group on four-vectors :math:`(t, x, y, z)`, as real 4 x 4 matrices.

    .. math:: g^T \eta\, g = \eta, \qquad \eta = \operatorname{diag}(1, -1, -1, -1)

    Arguments:
        reflections: whether space and time reflections are in: O(1, 3); else the proper
            orthochronous group.

    Example:
        >>> group = lorentz_group()
        >>> g = group.sample(generator=torch.Generator().manual_seed(0))
        >>> metric = torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=torch.float64))
        >>> torch.allclose(g.T @ metric @ g, metric)
        True
    """
    with on_cpu():
        algebra = []
        for axis in (1, 2, 3):
            boost = torch.zeros(4, 4, dtype=torch.float64)
            boost[0, axis] = boost[axis, 0] = 1
            algebra.append(boost)
        for i, j in ((1, 2), (1, 3), (2, 3)):
            rotation = torch.zeros(4, 4, dtype=torch.float64)
            rotation[i, j], rotation[j, i] = -1, 1
            algebra.append(rotation)
        mirror = torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=torch.float64))
        return MatrixGroup(algebra, [mirror, -mirror] if reflections else ())


def symplectic_group(size: int) -> MatrixGroup:
    r"""Return Sp(2n), the maps of :math:`(q, p)` that preserve areas, as 2n x 2n matrices.

    .. math:: g^T \Omega\, g = \Omega, \qquad \Omega = \begin{pmatrix} 0 & 1 \\ -1 & 0 \end{pmatrix}

    Arguments:
        size: ``n``, the number of pairs.

    Raises:
        GroupError: ``size`` is no positive whole number.

    Example:
        >>> symplectic_group(1).lie_algebra().shape
        torch.Size([3, 2, 2])
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise GroupError(
            f"symplectic_group got size={size!r}, expected a whole number of at least 1: the "
            "number of pairs (q, p)."
        )
    with on_cpu():
        omega = torch.zeros(2 * size, 2 * size, dtype=torch.float64)
        omega[:size, size:], omega[size:, :size] = torch.eye(size), -torch.eye(size)
        algebra = []
        for i in range(2 * size):
            for j in range(i, 2 * size):  # the algebra is Omega S for symmetric S
                symmetric = torch.zeros(2 * size, 2 * size, dtype=torch.float64)
                symmetric[i, j] = symmetric[j, i] = 1
                algebra.append(omega @ symmetric)
        return MatrixGroup(algebra)


def su2_group() -> MatrixGroup:
    r"""Return SU(2) on :math:`\mathbb C^2`, as real 4 x 4 matrices on (real, imaginary) parts.

    .. math:: A + i B \mapsto \begin{pmatrix} A & -B \\ B & A \end{pmatrix}

    Example:
        >>> g = su2_group().sample(generator=torch.Generator().manual_seed(0))
        >>> torch.allclose(g.T @ g, torch.eye(4, dtype=torch.float64))
        True
    """
    with on_cpu():
        pauli = (
            torch.tensor([[0, 1], [1, 0]], dtype=torch.complex128),
            torch.tensor([[0, -1j], [1j, 0]], dtype=torch.complex128),
            torch.tensor([[1, 0], [0, -1]], dtype=torch.complex128),
        )
        return MatrixGroup([_real(0.5j * matrix) for matrix in pauli])


def _real(matrix: Tensor) -> Tensor:
    a, b = matrix.real, matrix.imag
    return torch.cat([torch.cat([a, -b], 1), torch.cat([b, a], 1)])
