"""Features on points that a group permutes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod

import torch
from torch import Tensor

from eqsets.features import TypeOwner
from eqsets.generated.base import GeneratedFeatures
from eqsets.groups import Group

__all__ = ["PermutationFeatures"]


@dataclass(frozen=True, repr=False)
class PermutationFeatures(GeneratedFeatures):
    r"""Features on points that the group permutes: :math:`(g \cdot x)_{g(i)} = x_i`.

    Arguments:
        count: number of channels.
        group: a group whose elements are permutations ``(d,)``.
        points: shape of the points, such as ``(5,)`` or ``(height, width)``.
        space: ``"points"`` ``(*points, C)``, or ``"pairs"`` ``(d, d, C)`` for features of ordered
            pairs of points.
        channels_first: put the channels in front, ``(C, *points)``, as images have them.
        maker: the symmetry that made the type; does not count for equality.

    Example:
        >>> from eqsets.groups import SymmetricGroup
        >>> x = PermutationFeatures(2, SymmetricGroup(3), (3,))
        >>> x.transform(torch.tensor([1, 2, 0]), torch.eye(3, 2))
        tensor([[0., 0.],
                [1., 0.],
                [0., 1.]])
    """

    count: int
    group: Group = field()  # field(): the base class has a default
    points: tuple[int, ...]
    space: str = "points"
    channels_first: bool = False
    maker: TypeOwner | None = field(default=None, compare=False)
    pointwise = True

    @property
    def _axes(self) -> tuple[int, ...]:
        return self.points if self.space == "points" else (prod(self.points),) * 2

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (self.count, *self._axes) if self.channels_first else (*self._axes, self.count)

    @property
    def channel_axis(self) -> int:  # type: ignore[override]
        return -len(self._axes) - 1 if self.channels_first else -1

    @property
    def dual(self) -> PermutationFeatures:
        return self  # a permutation is the inverse of its transpose

    def with_channels(self, channels: int) -> PermutationFeatures:
        return replace(self, count=channels)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        flat = x.movedim(self.channel_axis, -1)
        batch = flat.shape[: flat.dim() - len(self._axes) - 1]
        flat = flat.reshape(*batch, -1, self.count)
        source = g.to(x.device).argsort(-1)
        if self.space == "pairs":
            source = (source[..., :, None] * source.shape[-1] + source[..., None, :]).flatten(-2)
        # take_along_dim broadcasts sizes, not numbers of axes: give both sides the longer batch
        source = source.reshape(*[1] * (flat.dim() - 1 - source.dim()), *source.shape, 1)
        flat = flat.reshape(*[1] * (source.dim() - flat.dim()), *flat.shape)
        moved = torch.take_along_dim(flat, source, dim=-2)
        moved = moved.reshape(*moved.shape[:-2], *self._axes, self.count)
        return moved.movedim(-1, self.channel_axis)

    def __repr__(self) -> str:
        if self.maker is not None:
            return f"{self.maker!r}.feature_type('{self}')"
        rest = f"space={self.space!r}, channels_first={self.channels_first}"
        return f"PermutationFeatures({self.count}, {self.group!r}, {self.points}, {rest})"
