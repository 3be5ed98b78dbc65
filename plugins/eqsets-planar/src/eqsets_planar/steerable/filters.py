r"""Steerable filters: escnn's bases, made exact in float64.

escnn samples its filters in float32, so that turning them by 90 degrees gives them back only to
1e-7. The elements :math:`s` that move pixels onto pixels form a group :math:`S`; averaging over it,

.. math:: \kappa(p) \leftarrow \frac{1}{|S|} \sum_{s \in S}
          \rho_\mathrm{out}(s) \, \kappa(s^{-1} p) \, \rho_\mathrm{in}(s)^{-1},

in float64 is the orthogonal projection onto the filters that commute with them exactly: it changes
a filter by its rounding, and makes quarter turns and reflections of a layer exact to 1e-15.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets_planar.fields.representations import Representation
from eqsets_planar.point_group import PointGroup
from eqsets_planar.rotation import transform_image
from eqsets_planar.steerable.escnn_interface import filter_basis

__all__ = ["polished", "steerable_filters"]

_ROUNDING = 1e-4  # a projection that changes more than rounding means that conventions differ


def steerable_filters(
    points: PointGroup,
    source: Representation,
    target: Representation,
    kernel_size: int,
    dilation: int,
    frequencies_cutoff: float | None,
) -> Tensor:
    """Return a basis ``(n, d_out, d_in, k, k)`` of steerable filters in float64, of unit length.

    The span is that of escnn's band-limited filters, a subspace of all equivariant filters of that
    size: those that sampling on a grid would distort are left out. A higher cutoff leaves out less;
    for C4 and D4, 4.0 leaves out none.

    References:
        General E(2)-Equivariant Steerable CNNs, Weiler, Cesa, NeurIPS 2019,
        https://arxiv.org/abs/1911.08251, section 2.6 and appendix F.
    """
    with torch.device("cpu"):  # numbers are needed here even while a model is made on meta
        cutoff = None if frequencies_cutoff is None else float(frequencies_cutoff)
        raw = filter_basis(points, source, target, kernel_size, dilation, cutoff).double()
        exact = polished(raw, points, source, target)
        change = float((exact - raw).norm() / (raw.norm() + 1e-30))
        if change > _ROUNDING:
            raise AssertionError(f"escnn's filters {source} -> {target} are off by {change:.1e}")
        unit = exact / exact.flatten(1).norm(dim=1)[:, None, None, None, None]
        # making filters independent rounds them once more, so they are projected once more
        return polished(_independent(unit), points, source, target)


def _independent(basis: Tensor) -> Tensor:
    """Return ``basis``, or an orthonormal one of its span where a high cutoff made it dependent."""
    if not len(basis):
        return basis
    flat = basis.flatten(1)
    squares = torch.linalg.eigvalsh(flat @ flat.mT)  # of the singular values, rising
    rank = int((squares > 1e-10 * squares[-1]).sum())
    if rank == len(basis):
        return basis
    _, _, directions = torch.linalg.svd(flat, full_matrices=False)
    span: Tensor = directions[:rank].reshape(rank, *basis.shape[1:])
    return span


def polished(
    basis: Tensor, points: PointGroup, source: Representation, target: Representation
) -> Tensor:
    r"""Project ``basis: (n, d_out, d_in, k, k)`` onto what commutes with all exact elements.

    One factor for each doubling of the group: :math:`\frac{1 + s}{2} \frac{1 + r}{2}
    \frac{1 + r^2}{2}` for quarter turns :math:`r` and the reflection :math:`s`.
    """
    pose, turns = points.pose(points.exact_elements()), points.quarter_turns
    before, after = source.matrix(points, pose), target.matrix(points, pose)
    doublings = {1: [], 2: [1], 4: [2, 1]}[turns] + ([turns] if points.reflections else [])
    for number in doublings:
        moved = transform_image(basis, float(pose.turn[number]), bool(pose.flip[number]))
        moved = _along(moved, 1, after[number], permutes=target.pointwise)
        basis = (basis + _along(moved, 2, before[number], permutes=source.pointwise)) / 2
    return basis


def _along(x: Tensor, axis: int, matrix: Tensor, *, permutes: bool) -> Tensor:
    """Return the matrix applied along one axis; large ones only move components about."""
    if permutes:
        return x.index_select(axis, matrix.argmax(1))
    moved: Tensor = torch.tensordot(x, matrix, ([axis], [1]))
    return moved.movedim(-1, axis)
