"""Features of sets as elements: how a group element moves members, and permutes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from eqsets.features import FeatureType
from eqsets.groups import Group, ProductGroup, SemidirectProduct
from eqsets.symmetry import ElementSymmetry

__all__ = ["SAMPLED", "MemberFeatures"]

SAMPLED = 3
"""Members of random samples, where elements may have any number of them."""


@dataclass(frozen=True, repr=False)
class MemberFeatures(FeatureType):
    r"""Features of a set as element, ``(M, *member)``.

    .. math:: ((h, k) \cdot x)_{k(i)} = h_{k(i)} \cdot x_i

    with one :math:`h` for all members where they share it.

    Arguments:
        member: type of a member.
        size: number of members, or ``None`` for any.
        group: what moves it; does not count for equality.
        maker: the symmetry that the type belongs to; does not count for equality.
    """

    member: FeatureType
    size: int | None
    alignment: str
    group: Group = field(compare=False)
    maker: ElementSymmetry | None = field(default=None, compare=False)

    @property
    def owner(self) -> ElementSymmetry | None:
        return self.maker

    @property
    def spec(self) -> int | str | tuple[Any, ...]:
        return self.member.spec

    @property
    def layout(self) -> tuple[int | str, ...]:
        return ("M" if self.size is None else self.size, *self.member.layout)

    @property
    def channel_axis(self) -> int | None:  # type: ignore[override]
        return self.member.channel_axis

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return self.member.pointwise

    @property
    def channels(self) -> int:
        return self.member.channels

    def with_channels(self, channels: int) -> MemberFeatures:
        return replace(self, member=self.member.with_channels(channels))

    def concatenate(self, parts: Sequence[Tensor]) -> Tensor:
        return self.member.concatenate(parts)

    def interior(self, x: Tensor) -> Tensor:
        return self.member.interior(x)

    def with_margin(self, x: Tensor) -> Tensor:
        return self.member.with_margin(x)

    def with_sizes(self, *sizes: int) -> MemberFeatures:
        return replace(self, member=self.member.with_sizes(*sizes))

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        h, order = self._unpack(g)
        tail = len(self.member.layout)
        source = order.to(x.device).argsort(-1)
        source = source.reshape(*source.shape, *[1] * tail)
        rank = max(source.dim(), x.dim())  # take_along_dim broadcasts sizes, not numbers of axes
        source = source.reshape(*[1] * (rank - source.dim()), *source.shape)
        x = x.reshape(*[1] * (rank - x.dim()), *x.shape)
        return self.member.transform(h, torch.take_along_dim(x, source, -tail - 1))

    def _unpack(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Return what moves the members ``(*batch, M or 1, ...)``, and where they go."""
        if isinstance(self.group, ProductGroup):
            order, h = self.group.unpack(g)
            shape = self.group.factors[1].element_shape
            return h.reshape(*h.shape[: h.dim() - len(shape)], 1, *shape), order
        if not isinstance(self.group, SemidirectProduct):
            raise AssertionError("the group of sets is a direct product or a wreath product")
        own, order = self.group.unpack(g)
        copies = self.group.normal
        parts = copies.unpack(own) if isinstance(copies, ProductGroup) else ()
        return torch.stack(parts, own.dim() - 1), order

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return self.member.sample(*batch, self.size or SAMPLED, generator=generator, dtype=dtype)

    def __str__(self) -> str:
        return str(self.member)

    def __repr__(self) -> str:
        return f"{self.owner!r}.feature_type({str(self.member)!r})"
