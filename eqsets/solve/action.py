"""How the generators of a group act on one channel of a feature type, read off the type itself.

Transforming a basis of the element space gives the matrices; where the action only moves components
about, transforming the numbers 0 ... d-1 once gives the permutations, at a d-th of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.groups import Group

__all__ = ["Action", "Channels", "action_of"]


@dataclass(frozen=True, eq=False)
class Action:
    """The action of a group on ``size`` components, by its generators.

    Attributes:
        size: number of components ``d``.
        permutations: ``(k, d)`` where all generators permute components, else ``None``.
        matrices: ``(k, d, d)`` float64, where they do not, else ``None``.
        algebra: matrices ``(l, d, d)`` of the Lie algebra, or ``None``.
    """

    size: int
    permutations: Tensor | None
    matrices: Tensor | None
    algebra: Tensor | None

    @property
    def permutes(self) -> bool:
        return self.permutations is not None

    def dense(self) -> Tensor:
        """Return the generators as matrices ``(k, d, d)`` in any case."""
        if self.matrices is not None:
            return self.matrices
        if self.permutations is None:
            raise AssertionError("an action has permutations or matrices")
        eye = torch.eye(self.size, dtype=torch.float64)
        # Column i of the matrix is the unit vector of the point that i goes to.
        return eye[self.permutations].mT


@dataclass(frozen=True)
class Channels:
    """Brings features ``(E, *element)`` to ``(E, d, channels)`` and back."""

    points: tuple[int, ...]
    count: int
    axis: int | None

    @classmethod
    def of(cls, feature_type: FeatureType) -> Channels:
        layout = feature_type.layout
        sizes = [size for size in layout if isinstance(size, int)]
        if len(sizes) != len(layout):
            raise FeatureTypeError(
                f"{feature_type!r} has free sizes {feature_type.describe()}, expected a fixed "
                "layout: a basis is only solved for finitely many components. "
                "Override linear, invariant and embed in the symmetry, or fix the sizes."
            )
        axis = feature_type.channel_axis
        if axis is None:
            return cls(tuple(sizes), 1, None)
        count = sizes.pop(axis)
        return cls(tuple(sizes), count, axis)

    @property
    def size(self) -> int:
        return prod(self.points)

    def flatten(self, x: Tensor) -> Tensor:
        if self.axis is None:
            return x.reshape(x.shape[0], self.size, 1)
        return x.movedim(self.axis, -1).reshape(x.shape[0], self.size, self.count)

    def unflatten(self, x: Tensor) -> Tensor:
        if self.axis is None:
            return x.reshape(x.shape[0], *self.points)
        return x.reshape(x.shape[0], *self.points, self.count).movedim(-1, self.axis)


def action_of(group: Group, feature_type: FeatureType) -> Action:
    """Return how ``group`` acts on one channel of ``feature_type``.

    Raises:
        FeatureTypeError: the group gives neither generators nor a Lie algebra, or the type has
            free sizes.
    """
    single = feature_type if feature_type.channel_axis is None else feature_type.with_channels(1)
    channels = Channels.of(single)
    generators, algebra = group.generators(), group.lie_algebra()
    if generators is None and algebra is None:
        raise FeatureTypeError(
            f"{group!r} gives neither generators() nor lie_algebra(), so the maps that commute "
            f"with it on {feature_type!r} cannot be solved for. Define one of them, or override "
            "linear, invariant and embed in the symmetry."
        )
    if generators is None:
        generators = group.identity(0)
    size = channels.size
    if feature_type.pointwise and algebra is None:
        numbers = torch.arange(size, dtype=torch.float64).reshape(1, size, 1)
        start = channels.unflatten(numbers)
        moved = [channels.flatten(single.transform(g, start)).reshape(size) for g in generators]
        sources = torch.stack(moved).round().long() if moved else torch.zeros(0, size).long()
        if torch.equal(sources.sort(-1).values, torch.arange(size).expand(len(sources), size)):
            # transform says where each value came from; a permutation says where a point goes.
            return Action(size, sources.argsort(-1), None, None)
    basis = channels.unflatten(torch.eye(size, dtype=torch.float64)[:, :, None])

    def matrix(g: Tensor) -> Tensor:
        return channels.flatten(single.transform(g, basis)).reshape(size, size).mT

    empty = torch.zeros(0, size, size, dtype=torch.float64)
    matrices = torch.stack([matrix(g) for g in generators]) if len(generators) else empty
    if algebra is None:
        return Action(size, None, matrices, None)
    tangents = []
    for direction in algebra:
        zero = torch.zeros((), dtype=torch.float64)
        tangent = torch.autograd.functional.jvp(
            lambda t, a=direction: matrix(group.exp(t * a)), zero, torch.ones_like(zero)
        )[1]
        tangents.append(tangent)
    return Action(size, None, matrices, torch.stack(tangents))
