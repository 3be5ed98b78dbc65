r"""The space of matrices :math:`L` with :math:`B L = L A` for all pairs of generators.

Few unknowns: one singular value decomposition for each pair, inside the space so far. Many: unitary
generators make Hermitian combinations

.. math:: H = \sum_g c_g (\rho(g) + \rho(g)^T) + i \, d_g (\rho(g) - \rho(g)^T)

(for a Lie algebra :math:`i A`, or :math:`A` where it is symmetric), and :math:`H_B L = L H_A` holds
between eigenvectors of equal eigenvalue alone. A random combination so leaves about ``d`` of the
``d^2`` unknowns, at the cost of two eigenvalue problems; the generators themselves decide the rest.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from eqsets.errors import GroupError

__all__ = ["DENSE", "LIMIT", "common_null_space", "intertwiners"]

DENSE = 400  # unknowns up to which one decomposition for each generator is quick
LIMIT = 2**29  # bytes that the largest array of a solution may take
_LARGEST_DENSE = 4_096  # unknowns of a dense null space, where no combination is Hermitian
_TOLERANCE = 1e-9
_WORK = 4 * 10**9  # remaining unknowns squared times unknowns: about half a minute on one core
_DRAWS = 4  # random combinations, of which the one with the clearest eigenvalues is taken


def common_null_space(rows: Iterable[Tensor], unknowns: int) -> Tensor:
    """Return an orthonormal basis ``(k, unknowns)`` of the vectors that all rows send to zero.

    One constraint after the other, each inside the null space so far: far smaller than stacking
    them all, and as accurate as the singular value decomposition itself.
    """
    basis = torch.eye(unknowns, dtype=torch.float64)
    for row in rows:
        if not len(basis):
            break
        image = row @ basis.mT
        scale = max(1.0, float(row.abs().max()))
        _, singular, right = torch.linalg.svd(image, full_matrices=True)
        rank = int((singular > _TOLERANCE * scale).sum())
        basis = right[rank:] @ basis
    return torch.where(basis.abs() < 1e-14, torch.zeros_like(basis), basis)


def intertwiners(before: Tensor, after: Tensor) -> Tensor:
    """Return an orthonormal basis ``(k, d_out, d_in)`` of the maps with ``B L = L A``.

    Arguments:
        before: the generators on the input, ``(m, d_in, d_in)`` float64.
        after: the same on the output, ``(m, d_out, d_out)``.

    Raises:
        GroupError: the solution takes too much memory.
    """
    d_in, d_out = before.shape[-1], after.shape[-1]
    if d_in * d_out <= DENSE or not len(before):
        return _dense(before, after)
    hermitian = _combinations(before, after)
    if hermitian is None:
        if d_in * d_out > _LARGEST_DENSE:
            raise GroupError(
                f"the equivariant maps from {d_in} to {d_out} components have {d_in * d_out} "
                f"unknowns, expected at most {_LARGEST_DENSE} where no generator is orthogonal, "
                "skew or symmetric. Split the features into smaller types, or give the group in "
                "coordinates in which it is orthogonal, or as permutations, which scales."
            )
        return _dense(before, after)
    (h_in, h_out), rest = hermitian[0], hermitian[1:]
    maps = _between_eigenvectors(h_in, h_out)
    for one in rest:
        maps = _restricted(maps, *one)
    for pair in zip(before, after, strict=True):
        maps = _restricted(maps, *pair)
    return _real(maps)


def _dense(before: Tensor, after: Tensor) -> Tensor:
    d_in, d_out = before.shape[-1], after.shape[-1]
    eye_in, eye_out = torch.eye(d_in, dtype=torch.float64), torch.eye(d_out, dtype=torch.float64)
    rows = (
        torch.kron(b.contiguous(), eye_in) - torch.kron(eye_out, a.mT.contiguous())
        for a, b in zip(before, after, strict=True)
    )
    return common_null_space(rows, d_in * d_out).reshape(-1, d_out, d_in)


def _combinations(before: Tensor, after: Tensor) -> list[tuple[Tensor, Tensor]] | None:
    """Return random Hermitian combinations of both sides, or ``None`` where there are none."""
    terms_in, terms_out = [], []
    for a, b in zip(before, after, strict=True):
        kinds = _kinds(a) & _kinds(b)
        for kind, terms in (("skew", (1j * a, 1j * b)), ("symmetric", (a + 0j, b + 0j))):
            if kind in kinds:
                terms_in.append(terms[0])
                terms_out.append(terms[1])
        if "orthogonal" in kinds and not kinds & {"skew", "symmetric"}:
            terms_in += [a + a.mT + 0j, 1j * (a - a.mT)]
            terms_out += [b + b.mT + 0j, 1j * (b - b.mT)]
    if not terms_in:
        return None
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(_DRAWS, len(terms_in), generator=generator, dtype=torch.float64)
    weights = weights / len(terms_in) ** 0.5 + 0j
    draws = [
        (
            torch.tensordot(w, torch.stack(terms_in), 1),
            torch.tensordot(w, torch.stack(terms_out), 1),
        )
        for w in weights
    ]
    return sorted(draws, key=lambda draw: _clearness(draw[0]), reverse=True)


def _kinds(matrix: Tensor) -> set[str]:
    eye = torch.eye(len(matrix), dtype=torch.float64)
    scale = max(1.0, float(matrix.abs().max()))
    gaps = {
        "skew": matrix + matrix.mT,
        "symmetric": matrix - matrix.mT,
        "orthogonal": matrix @ matrix.mT - eye,
    }
    return {kind for kind, gap in gaps.items() if float(gap.abs().max()) < 1e-12 * scale}


def _clearness(h: Tensor) -> float:
    """Return the smallest gap between different eigenvalues."""
    values = torch.linalg.eigvalsh(h)
    gaps = values.diff()
    clear = gaps[gaps > _TOLERANCE * values.abs().max()]
    return float(clear.min()) if len(clear) else 0.0


def _between_eigenvectors(h_in: Tensor, h_out: Tensor) -> Tensor:
    """Return the maps ``(k, d_out, d_in)`` from eigenvectors to those of the same eigenvalue."""
    values_in, vectors_in = torch.linalg.eigh(h_in)
    values_out, vectors_out = torch.linalg.eigh(h_out)
    scale = max(1.0, float(values_in.abs().max()), float(values_out.abs().max()))
    same = (values_out[:, None] - values_in).abs() < _TOLERANCE * scale
    row, column = same.nonzero().unbind(1)
    unknowns = len(h_in) * len(h_out)
    if len(row) ** 2 * unknowns > _WORK or 16 * len(row) * unknowns > LIMIT:
        raise GroupError(
            f"the equivariant maps from {len(h_in)} to {len(h_out)} components have {unknowns} "
            f"unknowns, of which {len(row)} remain after a random generator: too many to solve "
            "for. Split the features into smaller types, override linear in the symmetry, or give "
            "the group as permutations, which scales."
        )
    maps: Tensor = vectors_out.mT[row][:, :, None] * vectors_in.mT[column].conj()[:, None, :]
    return maps


def _restricted(maps: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return a basis of the combinations of ``maps`` with ``b L = L a``."""
    if not len(maps):
        return maps
    a, b = a.to(maps.dtype), b.to(maps.dtype)
    rest = (b @ maps - maps @ a).flatten(1)
    scale = max(1.0, float(a.abs().max()), float(b.abs().max()))
    if float(rest.abs().max()) < _TOLERANCE * scale:
        return maps
    _, singular, right = torch.linalg.svd(rest.mT, full_matrices=len(rest) > rest.shape[1])
    rank = int((singular > _TOLERANCE * scale).sum())
    combined: Tensor = torch.tensordot(right[rank:].conj(), maps, 1)
    return combined


def _real(maps: Tensor) -> Tensor:
    """Return a real orthonormal basis of a complex space that is closed under conjugation."""
    if not len(maps):
        return maps.real
    parts = torch.cat([maps.real, maps.imag]).flatten(1)
    _, _, right = torch.linalg.svd(parts, full_matrices=False)
    basis = right[: len(maps)]
    basis = torch.where(basis.abs() < 1e-14, torch.zeros_like(basis), basis)
    return basis.reshape(-1, *maps.shape[1:])
