r"""Bases of the linear maps that commute with a group.

For permutations the orbits of pairs of points; for matrices and Lie algebras the null space of

.. math:: \rho'(g) L - L \rho(g) = 0 \;\;\forall\,\text{generators},\qquad
          \mathrm{d}\rho'(A) L - L\, \mathrm{d}\rho(A) = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.constants import on_cpu
from eqsets.errors import GroupError
from eqsets.solve.action import Action
from eqsets.solve.orbits import pair_orbits, point_orbits

__all__ = ["Basis", "basis_between", "fixed_vectors", "invariant_forms"]

_LARGEST = 4_096  # unknowns of a dense null space: beyond, one basis takes minutes and gigabytes


@dataclass(frozen=True, eq=False)
class Basis:
    """All equivariant maps between two actions.

    Attributes:
        dimension: how many linearly independent ones there are, :math:`E(H)`.
        labels: ``(d_out, d_in)`` number of the pair orbit (permutations), else ``None``.
        maps: ``(dimension, d_out, d_in)`` float64, orthonormal (matrices), else ``None``.
    """

    dimension: int
    labels: Tensor | None
    maps: Tensor | None

    def dense(self) -> Tensor:
        """Return the maps as matrices ``(dimension, d_out, d_in)`` in any case."""
        if self.maps is not None:
            return self.maps
        if self.labels is None:
            raise AssertionError("a basis has labels or maps")
        return torch.nn.functional.one_hot(self.labels, self.dimension).permute(2, 0, 1).double()


def basis_between(source: Action, target: Action) -> Basis:
    """Return a basis of all linear maps from ``source`` to ``target`` that commute with the group.

    Raises:
        GroupError: the null space has more unknowns than can be solved densely.
    """
    if source.permutations is not None and target.permutations is not None:
        labels = pair_orbits(target.permutations, source.permutations)
        return Basis(int(labels.max()) + 1, labels, None)
    size_in, size_out = source.size, target.size
    unknowns = size_in * size_out
    if unknowns > _LARGEST:
        raise GroupError(
            f"the equivariant maps from {size_in} to {size_out} components have {unknowns} "
            f"unknowns, expected at most {_LARGEST} for a matrix group. Split the features into "
            "smaller types, or give the symmetry as permutations, which scales."
        )
    eye_in = torch.eye(size_in, dtype=torch.float64)
    eye_out = torch.eye(size_out, dtype=torch.float64)
    rows = [
        torch.kron(b, eye_in) - torch.kron(eye_out, a.mT.contiguous())
        for a, b in zip(_constraints(source), _constraints(target), strict=True)
    ]
    vectors = _null_space(rows, unknowns)
    return Basis(len(vectors), None, vectors.reshape(-1, size_out, size_in))


def fixed_vectors(action: Action) -> Tensor:
    """Return a basis ``(r, d)`` of the vectors that the group leaves alone.

    For permutations the indicators of the point orbits; else orthonormal.
    """
    if action.permutations is not None:
        orbit = point_orbits(action.permutations)
        return torch.nn.functional.one_hot(orbit).T.double()
    eye = torch.eye(action.size, dtype=torch.float64)
    discrete = [matrix - eye for matrix in action.dense()]
    return _null_space([*discrete, *_algebra(action)], action.size)


def invariant_forms(action: Action) -> Tensor:
    r"""Return a basis ``(s, d, d)`` of the symmetric matrices with :math:`\rho^T S \rho = S`."""
    size = action.size
    if size**2 > _LARGEST:
        return torch.zeros(0, size, size, dtype=torch.float64)
    eye = torch.eye(size, dtype=torch.float64)
    swap = torch.eye(size**2, dtype=torch.float64).reshape(size, size, size**2)
    rows = [(swap - swap.transpose(0, 1)).reshape(size**2, size**2)]
    rows += [
        torch.kron(m.mT.contiguous(), m.mT.contiguous()) - torch.kron(eye, eye)
        for m in action.dense()
    ]
    rows += [
        torch.kron(m.mT.contiguous(), eye) + torch.kron(eye, m.mT.contiguous())
        for m in _algebra(action)
    ]
    return _null_space(rows, size**2).reshape(-1, size, size)


def is_orthogonal(action: Action) -> bool:
    """Return whether the action preserves lengths, so that norms of features are invariant."""
    with on_cpu():
        eye = torch.eye(action.size, dtype=torch.float64)
        gaps = [m.mT @ m - eye for m in action.dense()] + [m.mT + m for m in _algebra(action)]
        return all(bool(gap.abs().max() < 1e-9) for gap in gaps)


def _algebra(action: Action) -> list[Tensor]:
    return [] if action.algebra is None else list(action.algebra)


def _constraints(action: Action) -> list[Tensor]:
    return [*action.dense(), *_algebra(action)]


def _null_space(rows: list[Tensor], unknowns: int) -> Tensor:
    """Return an orthonormal basis ``(k, unknowns)`` of the vectors that all rows send to zero."""
    if not rows:
        return torch.eye(unknowns, dtype=torch.float64)
    # One constraint after the other, each inside the null space so far: far smaller than stacking
    # them all, and as accurate as the singular value decomposition itself.
    basis = torch.eye(unknowns, dtype=torch.float64)
    for row in rows:
        if not len(basis):
            break
        image = row @ basis.mT
        scale = max(1.0, float(row.abs().max()))
        _, singular, right = torch.linalg.svd(image, full_matrices=True)
        rank = int((singular > 1e-9 * scale).sum())
        basis = right[rank:] @ basis
    return torch.where(basis.abs() < 1e-14, torch.zeros_like(basis), basis)
