"""Features of a product: those of the second symmetry, at each point of the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from eqsets.features import FeatureType, InvariantFeatures, TypeOwner
from eqsets.groups import ProductGroup

__all__ = ["ProductFeatures", "from_first", "to_first"]


@dataclass(frozen=True, repr=False)
class ProductFeatures(FeatureType):
    r"""The tensor product of two types, ``(*points, *element)``: an element at each point.

    .. math:: ((g_1, g_2) \cdot x)_p = \sum_q \rho_1(g_1)_{p q} \; g_2 \cdot x_q

    The two actions commute. Channels are those of the second type.

    Arguments:
        first: type of the points, with one channel, which is omitted in the element shape.
        second: type of the features at each point.
        group: the product of the two groups; does not count for equality.
        maker: the product that the type belongs to; does not count for equality.

    Example:
        >>> from eqsets import element_group
        >>> colours = element_group("symmetric", size=3) * element_group("cyclic", size=4)
        >>> kind = colours.feature_type(2)
        >>> kind.layout
        (3, 4, 2)
        >>> g = kind.group.pack(torch.tensor([1, 2, 0]), torch.tensor([1, 2, 3, 0]))
        >>> x = torch.zeros(3, 4, 2)
        >>> x[0, 0] = 1.0  # goes to point 1 of the first and to point 1 of the second
        >>> kind.transform(g, x).nonzero().tolist()
        [[1, 1, 0], [1, 1, 1]]
    """

    first: FeatureType
    second: FeatureType
    group: ProductGroup = field(compare=False)
    maker: TypeOwner | None = field(default=None, compare=False)

    @property
    def owner(self) -> TypeOwner | None:
        return self.maker

    @property
    def spec(self) -> tuple[Any, ...]:
        return (self.first.spec, self.second.spec)

    @property
    def points(self) -> tuple[int | str, ...]:
        """Shape of the points of the first type."""
        return _points(self.first)

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (*self.points, *self.second.layout)

    @property
    def channel_axis(self) -> int | None:  # type: ignore[override]
        return self.second.channel_axis

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return self.first.pointwise and self.second.pointwise

    @property
    def channels(self) -> int:
        return self.second.channels

    def with_channels(self, channels: int) -> ProductFeatures:
        return replace(self, second=self.second.with_channels(channels))

    def concatenate(self, parts: Sequence[Tensor]) -> Tensor:
        return self.second.concatenate(parts)

    def interior(self, x: Tensor) -> Tensor:
        return self.second.interior(x)

    def with_margin(self, x: Tensor) -> Tensor:
        return self.second.with_margin(x)

    def with_sizes(self, *sizes: int) -> ProductFeatures:
        return replace(self, second=self.second.with_sizes(*sizes))

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        g1, g2 = self.group.unpack(g)
        axes, shape = len(self.points), self.group.factors[1].element_shape
        batch = g2.shape[: g2.dim() - len(shape)]
        x = self.second.transform(g2.reshape(*batch, *[1] * axes, *shape), x)
        flat = to_first(x, self.first, len(self.second.layout))
        g1 = g1.reshape(*batch, 1, *self.group.factors[0].element_shape)
        return from_first(self.first.transform(g1, flat), self.first, x, len(self.second.layout))

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        one = self.first.sample(generator=torch.Generator().manual_seed(0))
        points = one.select(self.first.channel_axis or 0, 0).shape
        return self.second.sample(*batch, *points, generator=generator, dtype=dtype)

    def __str__(self) -> str:
        return f"{_named(self.first)} x {_named(self.second)}"

    def __repr__(self) -> str:
        return f"{self.owner!r}.feature_type({(_named(self.first), _named(self.second))})"


def _points(first: FeatureType) -> tuple[int | str, ...]:
    layout = list(first.layout)
    if first.channel_axis is None:
        raise AssertionError("the first type of a product has a channel axis: Product checks it")
    del layout[first.channel_axis]
    return tuple(layout)


def _named(part: FeatureType) -> str:
    return f"{part.count} trivial" if isinstance(part, InvariantFeatures) else str(part)


def to_first(x: Tensor, first: FeatureType, tail: int) -> Tensor:
    """Return ``(*batch, *points, *element)`` as features of the first type.

    Arguments:
        x: features of the product.
        first: the first type, with one channel.
        tail: number of axes of ``element``.

    Returns:
        ``(*batch, R, *first.layout)``, one row for each of the ``R`` components of ``element``.
    """
    axes = len(first.layout) - 1
    lead = x.dim() - tail - axes
    flat = x.reshape(*x.shape[: x.dim() - tail], prod(x.shape[x.dim() - tail :]))
    return flat.movedim(-1, lead).unsqueeze(first.channel_axis or 0)


def from_first(y: Tensor, first: FeatureType, like: Tensor, tail: int) -> Tensor:
    """Undo :func:`to_first`; the last ``tail`` axes become those of ``like``."""
    axes = len(first.layout) - 1
    flat = y.squeeze(first.channel_axis or 0)
    flat = flat.movedim(flat.dim() - axes - 1, -1)
    return flat.reshape(*flat.shape[:-1], *like.shape[like.dim() - tail :])
