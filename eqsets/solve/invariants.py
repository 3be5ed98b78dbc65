r"""What a group leaves invariant in features: vectors and bilinear forms.

.. math:: \rho(g) v = v, \qquad \rho(g)^T S \rho(g) = S
"""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.constants import on_cpu
from eqsets.solve.action import Action
from eqsets.solve.null_space import DENSE, common_null_space, intertwiners
from eqsets.solve.orbits import point_orbits

__all__ = [
    "dual_forms",
    "fixed_vectors",
    "invariant_forms",
    "invariant_functionals",
    "invariant_projection",
]


def fixed_vectors(action: Action) -> Tensor:
    """Return a basis ``(r, d)`` of the vectors that are invariant under the group.

    For permutations the indicators of the point orbits; else orthonormal.
    """
    with on_cpu():
        if action.permutations is not None:
            orbit = point_orbits(action.permutations)
            return torch.nn.functional.one_hot(orbit).T.double()
        eye = torch.eye(action.size, dtype=torch.float64)
        rows = [matrix - eye for matrix in action.dense()]
        rows += [] if action.algebra is None else list(action.algebra)
        return common_null_space(rows, action.size)


def invariant_functionals(action: Action) -> Tensor:
    r"""Return a basis ``(r, d)`` of the invariant :math:`x \mapsto \langle v, x \rangle`.

    They are invariant under the transposes, which for lengths that are preserved is the same.
    """
    if action.permutes or action.is_orthogonal:
        return fixed_vectors(action)
    with on_cpu():
        eye = torch.eye(action.size, dtype=torch.float64)
        rows = [matrix.mT - eye for matrix in action.dense()]
        rows += [] if action.algebra is None else [a.mT for a in action.algebra]
        return common_null_space(rows, action.size)


def invariant_forms(action: Action, *, symmetric: bool = True) -> Tensor:
    """Return a basis ``(s, d, d)`` of the invariant bilinear forms, symmetric or antisymmetric.

    Lengths, for rotations; an antisymmetric form pairs two different vectors, as areas do.

    Raises:
        GroupError: the solution takes too much memory.
    """
    with on_cpu():
        if action.size**2 > DENSE:
            return _part(dual_forms(action, action), 1 if symmetric else -1)
        return _dense_forms(action, 1 if symmetric else -1)


def _dense_forms(action: Action, sign: int) -> Tensor:
    size = action.size
    eye = torch.eye(size, dtype=torch.float64)
    swap = torch.eye(size**2, dtype=torch.float64).reshape(size, size, size**2)
    rows = [(swap - sign * swap.transpose(0, 1)).reshape(size**2, size**2)]
    rows += [
        torch.kron(m.mT.contiguous(), m.mT.contiguous()) - torch.kron(eye, eye)
        for m in action.dense()
    ]
    rows += [
        torch.kron(m.mT.contiguous(), eye) + torch.kron(eye, m.mT.contiguous())
        for m in ([] if action.algebra is None else action.algebra)
    ]
    return common_null_space(rows, size**2).reshape(-1, size, size)


def dual_forms(first: Action, second: Action) -> Tensor:
    r"""Return a basis ``(s, d_1, d_2)`` of the invariant bilinear forms between two actions.

    They are maps from the second to the dual of the first: :math:`S \rho_2(g) = \rho_1(g)^{-T} S`.
    """
    with on_cpu():
        dual = torch.linalg.inv(first.dense()).mT
        if first.algebra is not None:
            dual = torch.cat([dual, -first.algebra.mT])
        return intertwiners(second.constraints(), dual)


def _part(forms: Tensor, sign: int) -> Tensor:
    """Return an orthonormal basis of the (anti)symmetric parts of a space that contains them."""
    if not len(forms):
        return forms
    parts = (forms + sign * forms.mT) / 2
    _, singular, right = torch.linalg.svd(parts.flatten(1), full_matrices=False)
    basis: Tensor = right[: int((singular > 1e-9).sum())].reshape(-1, *forms.shape[1:])
    return basis


def invariant_projection(action: Action) -> tuple[Tensor, Tensor]:
    r"""Return a projection :math:`P = V F` onto the vectors that the group leaves invariant.

    With all invariant vectors as columns of :math:`V` and all invariant functionals as rows of
    :math:`F_0`, :math:`F = (F_0 V)^+ F_0`. Of a group whose actions are orthogonal up to a basis,
    it is the projection on all of them, the mean over the group. Others, such as shears, have
    invariant vectors that no functional sees, which it maps to zero.

    Returns:
        ``V (d, r)`` and ``F (r, d)``, float64.
    """
    with on_cpu():
        vectors, functionals = fixed_vectors(action), invariant_functionals(action)
        if action.permutes:
            return vectors.mT, functionals / functionals.sum(1, keepdim=True)
        seen = functionals @ vectors.mT
        return vectors.mT, torch.linalg.pinv(seen, atol=1e-9, rtol=0) @ functionals
