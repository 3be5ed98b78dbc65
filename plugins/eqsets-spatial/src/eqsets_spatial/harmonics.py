r"""How rotations move irreps, and spherical harmonics: both as polynomials over exact couplings.

Requirements that shaped this module:

- float64 errors of 1e-15 at every rotation: matrices of angles lose half of the digits near the
  poles, so the matrices here are polynomials in the entries of the rotation itself;
- plain torch operations, so that everything differentiates, compiles and exports;
- the conventions are those of e3nn (real basis, ``l = 1`` is ``(x, y, z)``), whose couplings these
  are; the tests compare both with e3nn's own.
"""

from __future__ import annotations

from math import sqrt

import torch
from e3nn import o3
from torch import Tensor

__all__ = ["coupling", "harmonic_steps", "harmonics", "reflection_sign", "wigner_matrices"]


def coupling(l1: int, l2: int, l3: int) -> Tensor:
    """Return e3nn's Wigner 3j tensor ``(2 l1 + 1, 2 l2 + 1, 2 l3 + 1)`` in float64, of norm 1.

    Example:
        >>> coupling(1, 1, 0).flatten(0, 1).count_nonzero()
        tensor(3)
    """
    exact: Tensor = o3.wigner_3j(l1, l2, l3, dtype=torch.float64, device="cpu")
    return exact


def wigner_matrices(g: Tensor, degree: int) -> list[Tensor]:
    r"""Return how ``g`` moves irreps of degree ``0 ... degree``, without their parity.

    .. math:: D^{l+1} = (2l+3) \, C^T (D^l \otimes R) \, C, \qquad D^1 = R = \pm g

    with the coupling :math:`C` of :math:`l \otimes 1 \to l + 1`; :math:`R` is the rotation in
    :math:`g`, so that an irrep of parity :math:`p` moves by :math:`p D^l` under a reflection.

    Arguments:
        g: ``(*batch, 3, 3)``, orthogonal.
        degree: the highest degree.

    Returns:
        Matrices ``(*batch, 2 l + 1, 2 l + 1)`` in the dtype of ``g``.
    """
    rotation = g * reflection_sign(g)[..., None, None]
    matrices = [rotation.new_ones(*rotation.shape[:-2], 1, 1), rotation]
    for low in range(1, degree):
        c = coupling(low, 1, low + 1).to(rotation)
        half = torch.einsum("abc,...ad->...dbc", c, matrices[low])
        half = torch.einsum("...dbc,...be->...dec", half, rotation)
        matrices.append((2 * low + 3) * torch.einsum("...dec,def->...cf", half, c))
    return matrices[: degree + 1]


def reflection_sign(g: Tensor) -> Tensor:
    """Return ``-1`` where ``g: (*batch, 3, 3)`` reflects and ``1`` where it does not."""
    return torch.where(torch.linalg.det(g.detach()) < 0, -1.0, 1.0).to(g.dtype)


def harmonic_steps(degree: int) -> list[Tensor]:
    r"""Return what leads from one degree of spherical harmonics to the next, in float64.

    For degree 1 the scale ``(1,)``, for each higher one the coupling ``(2 l - 1, 3, 2 l + 1)`` of
    :math:`(l - 1) \otimes 1 \to l`, scaled so that harmonics of a unit vector have the length
    :math:`\sqrt{2l+1}`. The scales are found at the pole (y, as e3nn has it), where all
    components but the middle one vanish.
    """
    pole = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    steps = [torch.tensor([sqrt(3.0)], dtype=torch.float64)]
    value = sqrt(3.0) * pole
    for low in range(1, degree):
        step = coupling(low, 1, low + 1)
        raw = torch.einsum("abc,a,b->c", step, value, pole)
        scale = sqrt(2 * low + 3) / raw[low + 1]
        steps.append(scale * step)
        value = scale * raw
    return steps[:degree]


def harmonics(direction: Tensor, steps: list[Tensor]) -> list[Tensor]:
    r"""Return the spherical harmonics ``(E, 2 l + 1)`` of unit vectors, degree by degree.

    .. math:: Y^0 = 1, \qquad Y^1 = \sqrt3 \, \hat r, \qquad Y^l = S^l (Y^{l-1} \otimes \hat r)

    A zero vector stands for "no direction": all but :math:`Y^0 = 1` vanish.

    Arguments:
        direction: ``(E, 3)``, of length 1 or 0.
        steps: from :func:`harmonic_steps`, for the degrees 1 and up.
    """
    values = [direction.new_ones(direction.shape[0], 1)]
    for degree, step in enumerate(steps, start=1):
        if degree == 1:
            values.append(step * direction)
        else:
            spread = torch.einsum("abc,eb->eac", step, direction)
            values.append(torch.einsum("ea,eac->ec", values[-1], spread))
    return values
