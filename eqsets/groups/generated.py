"""Groups that are given by generators: permutations, matrices, or Lie algebra elements.

Requirements that shaped this module: a user knows a few symmetries of the data, rarely the group
law. So ``FiniteGroup`` takes just those few, finds the order, lists the group where it is small,
and draws uniform elements even where it is astronomically large (Rubik's cube).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import torch
from torch import Tensor

from eqsets.constants import on_cpu
from eqsets.errors import GroupError
from eqsets.groups.exact import exact_tensor
from eqsets.groups.finite import compose_permutations
from eqsets.groups.group import Group, enumerate_group

__all__ = ["FiniteGroup"]

Nested = tuple[tuple[int, ...], ...] | tuple[tuple[tuple[float, ...], ...], ...]

_SMALL = 5_000  # up to here listing a group is quicker than building its stabiliser chain


@dataclass(frozen=True, init=False)
class FiniteGroup(Group):
    """The finite group that permutations ``(k, d)`` or matrices ``(k, d, d)`` generate.

    Group elements are themselves permutations ``(*batch, d)`` (``p[i]`` is where point ``i``
    goes), or float64 matrices ``(*batch, d, d)``. Integer generators are read as permutations,
    floating point ones as matrices.

    Arguments:
        generators: tensor, or list of tensors or lists; at least one.

    Raises:
        GroupError: a row is no permutation, a matrix is singular or not square, or a matrix group
            has more elements than can be listed.

    Example:
        >>> FiniteGroup([[1, 2, 3, 0], [3, 2, 1, 0]]).order
        8
        >>> FiniteGroup([[[0.0, -1.0], [1.0, 0.0]]]).order
        4
    """

    content: Nested

    def __init__(self, generators: Tensor | Sequence[object]) -> None:
        with on_cpu():
            tensor = _as_tensor(generators)
        object.__setattr__(self, "content", _freeze(tensor.tolist()))

    @cached_property
    def _generators(self) -> Tensor:
        leaf: Any = self.content
        while isinstance(leaf, tuple):
            leaf = leaf[0]
        # The dtype is named, since the default one would round the matrices to float32.
        dtype = torch.float64 if isinstance(leaf, float) else torch.int64
        return torch.tensor(self.content, dtype=dtype, device="cpu")

    @property
    def permutes(self) -> bool:
        """Whether elements are permutations (else matrices)."""
        return not self._generators.is_floating_point()

    @property
    def dtype(self) -> torch.dtype:  # type: ignore[override]
        return self._generators.dtype

    @property
    def element_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return tuple(self._generators.shape[1:])

    @property
    def order(self) -> int:
        if self._small is not None:
            return len(self._small)
        return int(self._chain.order())

    def generators(self) -> Tensor:
        return self._generators.clone()

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        size = self.element_shape[0]
        dtype = dtype or self.dtype
        if self.permutes:
            one = torch.arange(size, dtype=dtype, device=device)
        else:
            one = torch.eye(size, dtype=dtype, device=device)
        return one.expand(*batch, *one.shape).clone()

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return compose_permutations(g, h) if self.permutes else g @ h

    def inverse(self, g: Tensor) -> Tensor:
        return g.argsort(-1) if self.permutes else torch.linalg.inv(g)

    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        if self._small is not None:
            picked = torch.randint(len(self._small), (prod(batch),), generator=generator)
            return self._small[picked].reshape(*batch, *self.element_shape)
        # Uniform without listing: one coset representative from each level of the chain.
        result = self.identity(prod(batch))
        for level in self._chain.basic_transversals:
            coset = torch.tensor([word.array_form for word in level.values()])
            picked = torch.randint(len(coset), (prod(batch),), generator=generator)
            result = compose_permutations(result, coset[picked])
        return result.reshape(*batch, *self.element_shape)

    def elements(self, limit: int = 10_000) -> Tensor:
        if self._small is not None and len(self._small) <= limit:
            return self._small.clone()
        return super().elements(limit)

    @cached_property
    def _small(self) -> Tensor | None:
        try:
            with on_cpu():
                return enumerate_group(_Unordered(self), _SMALL)
        except GroupError as error:
            if self.permutes:
                return None
            raise GroupError(
                f"the {len(self.content)} matrices given to FiniteGroup generate more than "
                f"{_SMALL} elements, expected a finite group of at most that many. Give them as "
                "permutations, or use MatrixGroup for an infinite group."
            ) from error

    @cached_property
    def _chain(self):  # type: ignore[no-untyped-def]  # sympy has no types
        # sympy comes with torch; its Schreier-Sims algorithm serves groups too large to list.
        from sympy.combinatorics import Permutation, PermutationGroup

        return PermutationGroup([Permutation(list(row)) for row in self.content])

    def __repr__(self) -> str:
        return f"FiniteGroup({_plain(self.content)})"


class _Unordered(Group):
    """The same group without its order: lets ``enumerate_group`` find the order."""

    def __init__(self, group: FiniteGroup) -> None:
        self._group = group
        self.element_shape = group.element_shape

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        return self._group.identity(*batch, dtype=dtype, device=device)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return self._group.compose(g, h)

    def inverse(self, g: Tensor) -> Tensor:
        return self._group.inverse(g)

    def generators(self) -> Tensor:
        return self._group.generators()


def _as_tensor(generators: Tensor | Sequence[object]) -> Tensor:
    rows = [exact_tensor(row) for row in generators]
    if not rows:
        raise GroupError(
            "got no generators, expected at least one permutation or matrix. "
            "For no symmetry at all use the group name 'trivial'."
        )
    if len({row.shape for row in rows}) > 1:
        shapes = ", ".join(str(tuple(row.shape)) for row in rows)
        raise GroupError(
            f"got generators of different shapes {shapes}, expected one shape: all act on the "
            "same points. Extend the shorter ones by fixed points."
        )
    tensor = torch.stack(rows)
    if tensor.is_floating_point():
        _check_matrices(tensor.double())
        return tensor.double()
    _check_permutations(tensor)
    return tensor.long()


def _check_permutations(tensor: Tensor) -> None:
    if tensor.dim() != 2 or tensor.dtype == torch.bool:
        raise GroupError(
            f"got generators of shape {tuple(tensor.shape)} and dtype {tensor.dtype}, expected "
            "whole-number permutations (k, d) or floating point matrices (k, d, d)."
        )
    points = torch.arange(tensor.shape[1])
    for row in tensor:
        if not torch.equal(row.sort().values.cpu(), points):
            raise GroupError(
                f"got the generator {row.tolist()}, expected a permutation of "
                f"0 ... {len(points) - 1}: each number once. Write at index i where point i goes."
            )


def _check_matrices(tensor: Tensor) -> None:
    if tensor.dim() != 3 or tensor.shape[1] != tensor.shape[2]:
        raise GroupError(
            f"got matrices of shape {tuple(tensor.shape)}, expected square ones (k, d, d). "
            "Give permutations as whole numbers (k, d)."
        )
    for matrix in tensor:
        if torch.linalg.matrix_rank(matrix) < len(matrix):
            raise GroupError(
                f"got the singular matrix {matrix.tolist()}, expected invertible generators: "
                "a symmetry can be undone."
            )


def _freeze(content: Any) -> Any:
    return tuple(_freeze(part) for part in content) if isinstance(content, list) else content


def _plain(content: object) -> str:
    return str(content).replace("(", "[").replace(",)", "]").replace(")", "]")
