"""How the generators of a group act on one channel of a feature type, read off the type itself.

Transforming a basis of the element space gives the matrices; where the action only moves components
about, transforming the numbers 0 ... d-1 once gives the permutations, at a d-th of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from eqsets.constants import on_cpu
from eqsets.errors import FeatureTypeError, GroupError
from eqsets.features import FeatureType
from eqsets.groups import Group
from eqsets.solve.null_space import LIMIT

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
        eye = torch.eye(self.size, dtype=torch.float64, device="cpu")
        # Column i of the matrix is the unit vector of the point that i goes to.
        return eye[self.permutations].mT

    def constraints(self) -> Tensor:
        """Return generators and Lie algebra as matrices ``(m, d, d)``."""
        dense = self.dense()
        return dense if self.algebra is None else torch.cat([dense, self.algebra])

    @property
    def is_orthogonal(self) -> bool:
        """Whether the action preserves lengths, so that norms of features are invariant."""
        with on_cpu():
            eye = torch.eye(self.size, dtype=torch.float64)
            gaps = [m.mT @ m - eye for m in self.dense()]
            gaps += [] if self.algebra is None else [m.mT + m for m in self.algebra]
            return all(bool(gap.abs().max() < 1e-9) for gap in gaps)


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
    with on_cpu():
        return _action(group, single, channels)


def _action(group: Group, single: FeatureType, channels: Channels) -> Action:
    generators, algebra = group.generators(), group.lie_algebra_generators()
    if generators is None and algebra is None:
        raise FeatureTypeError(
            f"{group!r} gives neither generators() nor lie_algebra(), so the maps that commute "
            f"with it on {single!r} cannot be solved for. Define one of them, or override "
            "linear, invariant and embed in the symmetry."
        )
    if generators is None:
        generators = group.identity(0)
    size = channels.size
    if single.pointwise and algebra is None:
        permutations = _permutations(generators, single, channels)
        if permutations is not None:
            return Action(size, permutations, None, None)
    _require_feasible(group, size, len(generators) + (0 if algebra is None else len(algebra)))
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


def _permutations(generators: Tensor, single: FeatureType, channels: Channels) -> Tensor | None:
    """Return where each generator moves each component, or ``None`` where it mixes them."""
    size = channels.size
    numbers = torch.arange(size, dtype=torch.float64).reshape(1, size, 1)
    start = channels.unflatten(numbers)
    moved = [channels.flatten(single.transform(g, start)).reshape(size) for g in generators]
    sources = torch.stack(moved).round().long() if moved else torch.zeros(0, size).long()
    if not torch.equal(sources.sort(-1).values, torch.arange(size).expand(len(sources), size)):
        return None
    # transform returns where each value came from; a permutation, where each point goes.
    return sources.argsort(-1)


def _require_feasible(group: Group, size: int, count: int) -> None:
    """Raise before matrices are made that take too much memory to solve with."""
    needed = max(8 * count * size**2, 16 * size**3)
    if needed > LIMIT:
        raise GroupError(
            f"the maps that commute with {group!r} on {size} components take about "
            f"{needed >> 20} MiB to solve for, expected at most {LIMIT >> 20}. Split "
            "the features into smaller types, override linear, invariant and embed in the "
            "symmetry, or give the group as permutations, which scales."
        )
