"""Broken feature types: each fails the one law of actions that it is named for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from eqsets import ElementSymmetry
from eqsets.features import FeatureType
from eqsets.generated import cyclic
from eqsets.groups import CyclicGroup, SymmetricGroup


def gather(x: Tensor, source: Tensor) -> Tensor:
    """Return ``x[..., source, :]`` for ``x: (*batch, d, C)``, ``source: (*batch, d)``."""
    lead = torch.broadcast_shapes(x.shape[:-2], source.shape[:-1])
    source = source.expand(*lead, source.shape[-1])[..., None]
    return x.expand(*lead, *x.shape[-2:]).gather(-2, source.expand(*source.shape[:-1], x.shape[-1]))


def turn(g: Tensor, x: Tensor) -> Tensor:
    """Turn rings ``x: (*batch, d, C)`` by ``g`` points."""
    positions = torch.arange(x.shape[-2])
    return gather(x, (positions - g[..., None]) % len(positions))


@dataclass(frozen=True)
class Ring(FeatureType):
    """Channels on five points of a ring: sound, and the base of what is not."""

    count: int = 2
    group = CyclicGroup(5)
    channel_axis = -1
    pointwise = True

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (5, self.count)

    def with_channels(self, channels: int) -> FeatureType:
        return replace(self, count=channels)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return turn(g, x)

    def sample(self, *batch, generator=None, dtype=None) -> Tensor:
        return torch.randn(*batch, *self.layout, generator=generator, dtype=dtype)


class Centred(Ring):
    pointwise = False

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return turn(g, x - x.mean(-2, keepdim=True))


class Gathered(Ring):
    """Gathers by the permutation where it should scatter: an action from the right."""

    group = SymmetricGroup(5)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return gather(x, g)


class Mirrored(Ring):
    """Mirrored at 1 instead of at 0: affine, not linear."""

    group = CyclicGroup(2)
    pointwise = False

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.where(g[..., None, None] == 1, 2 - x, x)


class Widened(Ring):
    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return turn(g, x).double()


class FirstOnly(Ring):
    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return turn(g.reshape(-1)[:1].reshape([1] * g.dim()), x)


class GlobalNoise(Ring):
    def sample(self, *batch, generator=None, dtype=None) -> Tensor:
        return torch.randn(*batch, *self.layout, dtype=dtype)


class ComparedByIdentity(Ring):
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Signs(Ring):
    """Changes signs, and claims that ReLU may act on it."""

    group = CyclicGroup(2)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.where(g[..., None, None] == 1, -x, x)


class Gears(Ring):
    """The second channel turns twice as far as the first, the third three times."""

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        channels = [turn((c + 1) * g, x[..., c : c + 1]) for c in range(x.shape[-1])]
        return torch.cat(channels, -1)


class ActsTrivially(Ring):
    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return x.expand(*torch.broadcast_shapes(g.shape, x.shape[:-2]), *x.shape[-2:])


class Unreadable(Ring):
    """Belongs to a symmetry that does not understand what the type is called."""

    @property
    def owner(self) -> ElementSymmetry:
        return cyclic(5)


CONTROLS = {
    "EQA01-identity": Centred(),
    "EQA02-homomorphism": Gathered(),
    "EQA03-linear": Mirrored(),
    "EQA04-shape-and-number-type": Widened(),
    "EQA05-batches": FirstOnly(),
    "EQA06-sampler": GlobalNoise(),
    "EQA07-value": ComparedByIdentity(),
    "EQA08-pointwise": Signs(),
    "EQA09-channels": Gears(),
    "EQA10-acts": ActsTrivially(),
    "EQA11-plain-description": Unreadable(),
}
