"""Finite groups in their simplest coordinates: numbers modulo n, and permutations."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, prod

import torch
from torch import Tensor

from eqsets.errors import GroupError
from eqsets.groups.group import Group

__all__ = ["CyclicGroup", "SymmetricGroup", "TrivialGroup"]


def _require_size(group: str, size: object) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise GroupError(
            f"{group} got size={size!r}, expected a whole number of at least 1. "
            f"Write for example {group}(4)."
        )


@dataclass(frozen=True)
class TrivialGroup(Group):
    """The group of one element, the number 0: ``element_shape`` is ``()``.

    Example:
        >>> TrivialGroup().order
        1
    """

    element_shape = ()
    dtype = torch.int64

    @property
    def order(self) -> int:
        return 1

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        return torch.zeros(batch, dtype=dtype or self.dtype, device=device)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return g + h

    def inverse(self, g: Tensor) -> Tensor:
        return g

    def generators(self) -> Tensor:
        return torch.zeros(0, dtype=self.dtype)


@dataclass(frozen=True)
class CyclicGroup(Group):
    r"""The numbers :math:`0 \dots n-1` under addition modulo :math:`n`.

    Arguments:
        size: the order :math:`n`, at least 1.

    Raises:
        GroupError: ``size`` is not a positive whole number.

    Example:
        >>> group = CyclicGroup(5)
        >>> group.compose(torch.tensor(3), torch.tensor(4))
        tensor(2)
    """

    size: int
    element_shape = ()
    dtype = torch.int64

    def __post_init__(self) -> None:
        _require_size("CyclicGroup", self.size)

    @property
    def order(self) -> int:
        return self.size

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        return torch.zeros(batch, dtype=dtype or self.dtype, device=device)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return (g + h) % self.size

    def inverse(self, g: Tensor) -> Tensor:
        return -g % self.size

    def generators(self) -> Tensor:
        return torch.ones(min(1, self.size - 1), dtype=self.dtype)

    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.randint(self.size, batch, generator=generator)


@dataclass(frozen=True)
class SymmetricGroup(Group):
    """All permutations ``p`` of ``size`` points, as index tensors ``(*batch, size)``.

    ``p[i]`` is where point ``i`` goes, so ``compose(g, h)[i] = g[h[i]]``.

    Raises:
        GroupError: ``size`` is not a positive whole number.

    Example:
        >>> group = SymmetricGroup(3)
        >>> group.compose(torch.tensor([1, 2, 0]), torch.tensor([1, 0, 2]))
        tensor([2, 1, 0])
    """

    size: int
    dtype = torch.int64

    def __post_init__(self) -> None:
        _require_size("SymmetricGroup", self.size)

    @property
    def element_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.size,)

    @property
    def order(self) -> int:
        return factorial(self.size)

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        points = torch.arange(self.size, dtype=dtype or self.dtype, device=device)
        return points.expand(*batch, self.size).clone()

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return compose_permutations(g, h)

    def inverse(self, g: Tensor) -> Tensor:
        return g.argsort(-1)

    def generators(self) -> Tensor:
        points = torch.arange(self.size)
        if self.size == 1:
            return points.expand(0, 1)
        swap = points.clone()
        swap[:2] = swap[:2].flip(0)
        turn = points.roll(-1)
        return swap[None] if self.size == 2 else torch.stack([swap, turn])

    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        keys = torch.rand(prod(batch), self.size, generator=generator, dtype=torch.float64)
        return keys.argsort(-1).reshape(*batch, self.size)


def compose_permutations(g: Tensor, h: Tensor) -> Tensor:
    """Return ``g[h[...]]`` on the last axis; the leading axes broadcast."""
    g, h = torch.broadcast_tensors(g, h)
    return g.gather(-1, h)
