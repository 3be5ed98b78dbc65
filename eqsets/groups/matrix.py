"""Continuous matrix groups: given by a Lie algebra and discrete generators, or all of O(d)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from eqsets.constants import on_cpu
from eqsets.errors import GroupError
from eqsets.groups.exact import exact_tensor
from eqsets.groups.group import Group

__all__ = ["MatrixGroup", "OrthogonalGroup"]

Matrices = tuple[tuple[tuple[float, ...], ...], ...]

_ALL_PLANES = 20  # dimensions; to here the order of solved bases is that of earlier versions


class _Matrices(Group):
    """What all groups of ``d x d`` float64 matrices share."""

    dtype = torch.float64

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        one = torch.eye(self.element_shape[0], dtype=dtype or self.dtype, device=device)
        return one.expand(*batch, *one.shape).clone()

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return g @ h

    def inverse(self, g: Tensor) -> Tensor:
        back: Tensor = torch.linalg.inv(g)
        return back

    def exp(self, tangent: Tensor) -> Tensor:
        g: Tensor = torch.linalg.matrix_exp(tangent)
        return g


@dataclass(frozen=True, init=False, repr=False)
class MatrixGroup(_Matrices):
    r"""The matrix group that Lie algebra elements and discrete matrices generate.

    .. math:: g = \exp(t_1 A_1 + \dots) \, M_{i_1} M_{i_2} \cdots

    Arguments:
        lie_algebra: matrices :math:`A` ``(k, d, d)``; may be empty.
        discrete: invertible matrices :math:`M` ``(j, d, d)``; may be empty.
        spread: standard deviation of the coefficients :math:`t` that :meth:`sample` draws
            (a non-compact group has no uniform distribution).

    Raises:
        GroupError: neither is given, or the matrices are not square or not of one size.

    Example:
        >>> boost = [[0.0, 1.0], [1.0, 0.0]]
        >>> group = MatrixGroup(lie_algebra=[boost])
        >>> g = group.exp(0.5 * group.lie_algebra()[0])
        >>> torch.linalg.det(g).round(decimals=6)
        tensor(1., dtype=torch.float64)
    """

    algebra: Matrices
    discrete: Matrices
    spread: float

    def __init__(
        self,
        lie_algebra: Tensor | Sequence[object] = (),
        discrete: Tensor | Sequence[object] = (),
        *,
        spread: float = 0.5,
    ) -> None:
        with on_cpu():
            parts = {"lie_algebra": _matrices(lie_algebra), "discrete": _matrices(discrete)}
        sizes = {part.shape[-1] for part in parts.values() if len(part)}
        if len(sizes) != 1:
            raise GroupError(
                f"MatrixGroup got matrices of sizes {sorted(sizes)}, expected exactly one size d "
                "shared by lie_algebra (k, d, d) and discrete (j, d, d)."
            )
        object.__setattr__(self, "algebra", _freeze(parts["lie_algebra"]))
        object.__setattr__(self, "discrete", _freeze(parts["discrete"]))
        object.__setattr__(self, "spread", float(spread))

    @cached_property
    def _algebra(self) -> Tensor:
        return self._stack(self.algebra)

    @cached_property
    def _discrete(self) -> Tensor:
        return self._stack(self.discrete)

    def _stack(self, content: Matrices) -> Tensor:
        stored = torch.tensor(content, dtype=torch.float64, device="cpu")  # not on meta
        return stored.reshape(-1, *self.element_shape)

    @property
    def element_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        size = len((self.algebra or self.discrete)[0])
        return (size, size)

    def generators(self) -> Tensor:
        return self._discrete.clone()

    def lie_algebra(self) -> Tensor | None:
        return self._algebra.clone() if len(self._algebra) else None

    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Return :math:`M_i e^A M_j e^{A'}` with random tangents and discrete elements."""
        total = prod(batch)
        result = self.identity(total)
        for _ in range(2):
            if len(self._algebra):
                weights = torch.randn(
                    total, len(self._algebra), generator=generator, dtype=torch.float64
                )
                tangent = torch.einsum("bk,kij->bij", self.spread * weights, self._algebra)
                result = self.exp(tangent) @ result
            if len(self._discrete):
                letters = torch.cat([self.identity(1), self._discrete])
                picked = torch.randint(len(letters), (total,), generator=generator)
                result = letters[picked] @ result
        return result.reshape(*batch, *self.element_shape)

    def __repr__(self) -> str:
        """Name the numbers of matrices: this text is part of every type and message."""
        rows, columns = self.element_shape
        counts = {"lie_algebra": len(self.algebra), "discrete": len(self.discrete)}
        given = [f"{name} {(count, rows, columns)}" for name, count in counts.items() if count]
        return f"MatrixGroup({', '.join(given)}, spread={self.spread:g})"


@dataclass(frozen=True)
class OrthogonalGroup(_Matrices):
    """Rotations of d-dimensional space, and reflections unless ``special``; sampled uniformly.

    Raises:
        GroupError: ``dimension`` is not a positive whole number.

    Example:
        >>> g = OrthogonalGroup(3, special=True).sample(generator=torch.Generator().manual_seed(0))
        >>> torch.allclose(g @ g.T, torch.eye(3, dtype=torch.float64))
        True
    """

    dimension: int
    special: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.dimension, int) or self.dimension < 1:
            raise GroupError(
                f"OrthogonalGroup got dimension={self.dimension!r}, expected a whole number of at "
                "least 1. Write OrthogonalGroup(3, special=True) for the rotations of space."
            )

    @property
    def element_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.dimension, self.dimension)

    @property
    def order(self) -> int | None:
        return (1 if self.special else 2) if self.dimension == 1 else None

    def generators(self) -> Tensor:
        if self.special:
            return torch.zeros(0, *self.element_shape, dtype=self.dtype)
        mirror = self.identity(1)
        mirror[0, 0, 0] = -1
        return mirror

    def lie_algebra(self) -> Tensor | None:
        rows, columns = torch.triu_indices(self.dimension, self.dimension, offset=1)
        if not len(rows):
            return None
        planes = torch.arange(len(rows))
        basis = torch.zeros(len(rows), *self.element_shape, dtype=self.dtype)
        basis[planes, rows, columns] = -1.0
        basis[planes, columns, rows] = 1.0
        return basis

    def lie_algebra_generators(self) -> Tensor | None:
        """Return the rotations of neighbouring axes in high dimensions: the others are brackets."""
        if self.dimension <= _ALL_PLANES:
            return self.lie_algebra()
        axes = torch.arange(self.dimension - 1)
        basis = torch.zeros(len(axes), *self.element_shape, dtype=self.dtype)
        basis[axes, axes, axes + 1] = -1.0
        basis[axes, axes + 1, axes] = 1.0
        return basis

    def inverse(self, g: Tensor) -> Tensor:
        back: Tensor = g.mT
        return back

    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        noise = torch.randn(
            prod(batch), *self.element_shape, generator=generator, dtype=torch.float64
        )
        q, r = torch.linalg.qr(noise)
        # The signs of R's diagonal make the distribution uniform (Mezzadri 2007).
        q = q * torch.diagonal(r, dim1=-2, dim2=-1).sign()[:, None]
        if self.special:
            flip = torch.linalg.det(q).sign()
            q = torch.cat([q[..., :1] * flip[:, None, None], q[..., 1:]], -1)
        turned: Tensor = q.reshape(*batch, *self.element_shape)
        return turned


def _matrices(given: Tensor | Sequence[object]) -> Tensor:
    rows = [exact_tensor(row).double() for row in given]
    if not rows:
        return torch.zeros(0, 0, 0, dtype=torch.float64)
    if any(row.dim() != 2 or row.shape != (len(row), len(row)) for row in rows) or (
        len({row.shape for row in rows}) > 1
    ):
        shapes = ", ".join(str(tuple(row.shape)) for row in rows)
        raise GroupError(
            f"got matrices of shapes {shapes}, expected square ones of one size (k, d, d)."
        )
    return torch.stack(rows)


def _freeze(matrices: Tensor) -> Matrices:
    return tuple(tuple(tuple(row) for row in matrix) for matrix in matrices.tolist())
