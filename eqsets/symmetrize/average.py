"""Averages over a group: all elements of a finite one, a grid of rotations, or random elements."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from eqsets.errors import GroupError, OptionError
from eqsets.features import FeatureType
from eqsets.groups import Group, OrthogonalGroup, ProductGroup, SymmetricGroup
from eqsets.symmetrize.poses import Poses, Weighted

__all__ = ["LARGEST", "Average", "average_of"]

LARGEST = 256
"""The largest group that is averaged over without being asked for a number of samples."""

_ANGLES, _SAMPLES = 16, 64


class Average(Poses):
    """The same group elements for every input, with equal weights.

    Arguments:
        elements: ``(K, *element_shape)``.
        kind: ``"all"`` elements of a group, a ``"grid"`` of them, or ``"random"`` ones.
    """

    elements: Tensor

    def __init__(self, elements: Tensor, kind: str) -> None:
        super().__init__()
        self.kind, self.exact = kind, kind == "all"
        self.register_buffer("elements", elements, persistent=False)

    def forward(self, in_type: FeatureType, x: Tensor) -> Weighted:
        count = len(self.elements)
        weights = torch.full((count, 1), 1 / count, dtype=x.dtype, device=x.device)
        return Weighted(self.elements[:, None], weights)

    def error(self, values: Tensor) -> Tensor:
        if self.kind == "all":
            return torch.zeros_like(values[0])
        if self.kind == "grid":  # what half of the grid changes bounds what twice the grid would
            return (values[::2].mean(0) - values[1::2].mean(0)).abs() / 2
        return values.std(0) / math.sqrt(len(values))

    def extra_repr(self) -> str:
        return f"{len(self.elements)} group elements, {self.kind}"


class RandomPermutations(Poses):
    """Random permutations of as many points as the input has, drawn from a fixed seed."""

    exact = False

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, in_type: FeatureType, x: Tensor) -> Weighted:
        points = x.shape[2]
        generator = torch.Generator().manual_seed(0)
        drawn = torch.rand(self.count, 1, points, generator=generator).argsort(-1)
        weights = torch.full((self.count, 1), 1 / self.count, dtype=x.dtype, device=x.device)
        return Weighted(drawn.to(x.device), weights)

    def error(self, values: Tensor) -> Tensor:
        return values.std(0) / math.sqrt(len(values))

    def extra_repr(self) -> str:
        return f"{self.count} random permutations"


def average_of(group: Group, samples: int | None, *, any_size: bool) -> Poses:
    """Return the average over a group.

    Arguments:
        group: of the element group.
        samples: how many group elements; ``None`` for all of a finite group.
        any_size: whether elements have any number of points, which the group permutes.

    Raises:
        GroupError: the group is too large for ``samples=None``, or has no uniform distribution.
        OptionError: ``samples`` is no number of at least 2.
    """
    if samples is not None and (not isinstance(samples, int) or samples < 2):
        raise OptionError(
            f"symmetrize got samples={samples!r}, expected a whole number of at least 2, or None "
            "for all elements of a finite group."
        )
    if any_size:
        if samples is None:
            raise GroupError(
                "an average over all orders of any number of points has no fixed size, expected "
                "samples=, the number of random orders, or how='frames', which sorts the points."
            )
        return RandomPermutations(samples)
    order = group.order
    if order is not None and order <= (LARGEST if samples is None else samples):
        return Average(group.elements(), "all")
    if order is not None and samples is None:
        raise GroupError(
            f"{group!r} has {order} elements, more than {LARGEST}, expected samples=, the number "
            "of random ones to average over, or how='frames'."
        )
    if isinstance(group, OrthogonalGroup) and group.dimension == 2:
        return Average(_grid(group, samples or _ANGLES), "grid")
    if not _is_uniform(group):
        raise GroupError(
            f"{group!r} has no uniform distribution that is known, expected a finite group, "
            "rotations, or products of these. An average over a group that is not compact does "
            "not exist; use how='canonical' with a pose= of your own."
        )
    generator = torch.Generator().manual_seed(0)
    return Average(group.sample(samples or _SAMPLES, generator=generator), "random")


def _is_uniform(group: Group) -> bool:
    """Return whether ``group.sample`` draws uniformly."""
    if isinstance(group, ProductGroup):
        return all(map(_is_uniform, group.parts))
    return group.order is not None or isinstance(group, OrthogonalGroup | SymmetricGroup)


def _grid(group: OrthogonalGroup, samples: int) -> Tensor:
    """Return equally spaced rotations of the plane, each also with the reflection if there is one.

    Neighbours in the list are neighbours on the circle: every second one is a grid as well.
    """
    parts = group.generators()
    turns = torch.arange(samples, dtype=torch.float64) * (2 * math.pi / samples)
    algebra = group.lie_algebra()
    assert algebra is not None, "rotations of the plane have a Lie algebra"
    g = group.exp(turns[:, None, None] * algebra[0])
    return torch.cat([g, *(g @ mirror for mirror in parts)])
