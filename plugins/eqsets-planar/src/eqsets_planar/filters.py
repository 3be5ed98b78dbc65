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

from eqsets_planar.bridge import filter_basis
from eqsets_planar.pixels import move_pixels
from eqsets_planar.point_group import PointGroup
from eqsets_planar.representations import Representation

__all__ = ["polished", "steerable_filters"]

_ROUNDING = 1e-4  # a projection that changes more than rounding means that conventions differ


def steerable_filters(
    points: PointGroup,
    source: Representation,
    target: Representation,
    kernel_size: int,
    dilation: int = 1,
    frequencies_cutoff: float | None = None,
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
    _, sizes, directions = torch.linalg.svd(basis.flatten(1), full_matrices=False)
    rank = int((sizes > 1e-5 * sizes[0]).sum())
    if rank == len(basis):
        return basis
    span: Tensor = directions[:rank].reshape(rank, *basis.shape[1:])
    return span


def polished(
    basis: Tensor, points: PointGroup, source: Representation, target: Representation
) -> Tensor:
    """Project ``basis: (n, d_out, d_in, k, k)`` onto what commutes with all exact elements."""
    pose = points.pose(points.exact_elements())
    before, after = source.matrix(points, pose), target.matrix(points, pose)
    total = torch.zeros_like(basis)
    moves = zip(pose.turn.tolist(), pose.flip.tolist(), before, after, strict=True)
    for turn, flip, rho_in, rho_out in moves:
        moved = move_pixels(basis, turn, flip)
        total += torch.einsum("xo,noihw,yi->nxyhw", rho_out, moved, rho_in)
    return total / len(before)
