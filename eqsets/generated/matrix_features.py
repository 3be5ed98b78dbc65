"""Vectors that a group moves by its matrices."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from eqsets.features import TypeOwner
from eqsets.generated.base import GeneratedFeatures
from eqsets.groups import Group

__all__ = ["MatrixFeatures"]


@dataclass(frozen=True, repr=False)
class MatrixFeatures(GeneratedFeatures):
    r"""Vectors that the group moves by its matrices.

    .. math:: (g \cdot x)_{i c} = \sum_j g_{ij} x_{j c}

    or, for dual vectors (forms, gradients), by :math:`g^{-T}`, so that pairings are invariant.

    Arguments:
        count: number of vectors (channels).
        group: a group whose elements are matrices ``(d, d)``; elements are ``(d, C)``.
        space: ``"points"`` for vectors, ``"dual"`` for dual vectors.
        maker: the symmetry that made the type; does not count for equality.

    Example:
        >>> import torch
        >>> from eqsets.groups import FiniteGroup
        >>> quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
        >>> vectors = MatrixFeatures(1, FiniteGroup(quarter[None]))
        >>> vectors.transform(quarter, torch.tensor([[1.0], [0.0]]))
        tensor([[0.],
                [1.]])
    """

    count: int
    group: Group = field()  # field(): the base class has a default
    space: str = "points"
    maker: TypeOwner | None = field(default=None, compare=False)
    channel_axis = -1

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (self.group.element_shape[0], self.count)

    @property
    def dual(self) -> MatrixFeatures:
        return replace(self, space="points" if self.space == "dual" else "dual")

    def with_channels(self, channels: int) -> MatrixFeatures:
        return replace(self, count=channels)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        if self.space == "dual":
            return self.group.inverse(g).mT.to(x) @ x
        return g.to(x) @ x

    def __repr__(self) -> str:
        if self.maker is not None:
            return f"{self.maker!r}.feature_type('{self}')"
        return f"MatrixFeatures({self.count}, {self.group!r}, space={self.space!r})"
