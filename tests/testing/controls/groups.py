"""Broken groups: each fails the one law of groups that it is named for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.groups import CyclicGroup, FiniteGroup, Group, OrthogonalGroup, SymmetricGroup
from eqsets.testing import ContractSpec


class ShiftedIdentity(CyclicGroup):
    def identity(self, *batch, dtype=None, device=None) -> Tensor:
        return torch.ones(batch, dtype=dtype or self.dtype, device=device)


class NoInverse(CyclicGroup):
    def inverse(self, g: Tensor) -> Tensor:
        return g


@dataclass(frozen=True)
class Loop(Group):
    """The smallest table with identity and inverses that is not associative."""

    element_shape = ()
    dtype = torch.int64
    order = 5

    def identity(self, *batch, dtype=None, device=None) -> Tensor:
        return torch.zeros(batch, dtype=dtype or self.dtype, device=device)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        rows = ([0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0])
        return torch.tensor(rows)[g, h]

    def inverse(self, g: Tensor) -> Tensor:
        return g

    def generators(self) -> Tensor:
        return torch.tensor([1, 2])


class OddSampler(FiniteGroup):
    """The even permutations, with a sampler of all of them."""

    def sample(self, *batch, generator=None) -> Tensor:
        return SymmetricGroup(3).sample(*batch, generator=generator)


class GlobalSampler(CyclicGroup):
    def sample(self, *batch, generator=None) -> Tensor:
        return torch.randint(self.size, batch)


class FlippedBatch(CyclicGroup):
    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return (g + (h.flip(-1) if h.dim() else h)) % self.size


class DoubledOrder(CyclicGroup):
    @property
    def order(self) -> int:
        return 2 * self.size


class FloatInverse(CyclicGroup):
    def inverse(self, g: Tensor) -> Tensor:
        return (-g % self.size).double()


class FirstOrder(OrthogonalGroup):
    def exp(self, tangent: Tensor) -> Tensor:
        return self.identity() + tangent


class ComparedByIdentity(CyclicGroup):
    __eq__ = object.__eq__
    __hash__ = object.__hash__


CONTROLS = {
    "EQG01-identity": ShiftedIdentity(5),
    "EQG02-inverse": NoInverse(5),
    "EQG03-associativity": Loop(),
    "EQG04-sampler-stays-inside": OddSampler([[1, 2, 0]]),
    "EQG05-sampler-is-seeded": GlobalSampler(97),
    "EQG06-batches": FlippedBatch(5),
    "EQG07-order": DoubledOrder(5),
    "EQG08-number-type": FloatInverse(5),
    "EQG09-exponential": FirstOrder(3, special=True),
    "EQG10-value": ComparedByIdentity(5),
    "EQG11-generates": ContractSpec(
        "rotations for boosts",
        group=OrthogonalGroup(3, special=True),
        generates=torch.tensor([[[1.25, 0.75, 0], [0.75, 1.25, 0], [0, 0, 1]]]),
    ),
}
