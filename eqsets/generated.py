"""Element symmetries from generators alone, and the ready-made ones.

Requirements that shaped this module: a chemist, a card player or a crystallographer knows which
moves leave the data alone. Those moves, as permutations or matrices, are all that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from eqsets.errors import FeatureTypeError, GroupError, choices
from eqsets.features import FeatureType, InvariantFeatures, noise
from eqsets.groups import FiniteGroup, Group, MatrixGroup, SymmetricGroup
from eqsets.symmetry import ElementSymmetry

__all__ = [
    "GeneratedSymmetry",
    "MatrixFeatures",
    "PermutationFeatures",
    "cyclic",
    "dihedral",
    "grid_rotations",
    "symmetric",
    "trivial",
]

_SPACES = {"points": 1, "pairs": 2}  # how many points a feature belongs to


@dataclass(frozen=True, repr=False)
class PermutationFeatures(FeatureType):
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
    maker: GeneratedSymmetry | None = field(default=None, compare=False)
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

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return noise(self, batch, generator, dtype)

    def __repr__(self) -> str:
        return f"{self.owner!r}.feature_type('{self}')"

    @property
    def owner(self) -> GeneratedSymmetry:
        return self.maker or GeneratedSymmetry(
            group=self.group, points=self.points, channels_first=self.channels_first
        )

    def __str__(self) -> str:
        return f"{self.count} {self.space}"


@dataclass(frozen=True, repr=False)
class MatrixFeatures(FeatureType):
    r"""Vectors that the group moves by its matrices.

    .. math:: (g \cdot x)_{i c} = \sum_j g_{ij} x_{j c}

    Arguments:
        count: number of vectors (channels).
        group: a group whose elements are matrices ``(d, d)``; elements are ``(d, C)``.
        maker: the symmetry that made the type; does not count for equality.

    Example:
        >>> quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
        >>> vectors = MatrixFeatures(1, FiniteGroup(quarter[None]))
        >>> vectors.transform(quarter, torch.tensor([[1.0], [0.0]]))
        tensor([[0.],
                [1.]])
    """

    count: int
    group: Group = field()  # field(): the base class has a default
    maker: GeneratedSymmetry | None = field(default=None, compare=False)
    channel_axis = -1

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (self.group.element_shape[0], self.count)

    def with_channels(self, channels: int) -> MatrixFeatures:
        return replace(self, count=channels)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return g.to(x) @ x

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return noise(self, batch, generator, dtype)

    def __repr__(self) -> str:
        return f"{self.owner!r}.feature_type('{self}')"

    @property
    def owner(self) -> GeneratedSymmetry:
        return self.maker or GeneratedSymmetry(group=self.group)

    def __str__(self) -> str:
        return f"{self.count} points"


class GeneratedSymmetry(ElementSymmetry):
    r"""The element symmetry that a few permutations, matrices or Lie algebra elements generate.

    Layers hold a basis of *all* linear maps that commute with the group; invariants, embedding and
    test data follow as well.

    Arguments:
        permutations: ``(k, d)``; ``p[i]`` is where point ``i`` goes.
        matrices: ``(k, d, d)``, invertible, floating point.
        lie_algebra: ``(l, d, d)``, for continuous groups; may come with ``matrices``.
        group: instead of the three, a group whose elements are permutations or matrices.
        points: shape of the points, ``(d,)`` unless given.
        channels_first: whether elements are ``(C, *points)`` (images) or ``(*points, C)``.
        label: how to show the symmetry.

    Raises:
        GroupError: none or several of the ways were used, or the generators are not valid.

    Example:
        A necklace of four beads looks the same when it is turned or flipped over.

        >>> necklace = GeneratedSymmetry(permutations=[[1, 2, 3, 0], [3, 2, 1, 0]])
        >>> layer = necklace.linear(necklace.feature_type(1), necklace.feature_type(1))
        >>> layer.weight.shape
        torch.Size([3, 1, 1])
    """

    def __init__(
        self,
        *,
        permutations: Tensor | Sequence[object] | None = None,
        matrices: Tensor | Sequence[object] | None = None,
        lie_algebra: Tensor | Sequence[object] | None = None,
        group: Group | None = None,
        points: tuple[int, ...] | None = None,
        channels_first: bool = False,
        label: str | None = None,
    ) -> None:
        ways = [permutations is not None, matrices is not None or lie_algebra is not None]
        ways.append(group is not None)
        if sum(ways) != 1:
            raise GroupError(
                f"GeneratedSymmetry got {sum(ways)} descriptions of its group, expected exactly "
                "one of permutations=, matrices= and/or lie_algebra=, or group=."
            )
        if permutations is not None:
            group = FiniteGroup([torch.as_tensor(row).long() for row in _whole(permutations)])
        elif lie_algebra is not None:
            group = MatrixGroup(lie_algebra, () if matrices is None else matrices)
        elif matrices is not None:
            group = FiniteGroup([torch.as_tensor(m, dtype=torch.float64) for m in matrices])
        if group is None:
            raise AssertionError("one of the ways has given a group")
        self._group = group
        size = group.element_shape[0] if group.element_shape else 1
        self._permutes = len(group.element_shape) == 1
        self.points = (size,) if points is None else tuple(points)
        if prod(self.points) != size:
            raise GroupError(
                f"GeneratedSymmetry got points={self.points} for generators that act on {size} "
                f"points, expected a shape of {size} points in all."
            )
        self.channels_first = channels_first
        self.label = label

    @property
    def group(self) -> Group:
        return self._group

    def feature_type(self, spec: Any) -> FeatureType:
        """Return the type for ``4``, ``"4"``, ``"4 points"``, ``"4 trivial"`` or ``"4 pairs"``.

        ``points`` are the group's own features, ``trivial`` ones are invariant, and ``pairs``
        (permutations only) live on ordered pairs of points.
        """
        if isinstance(spec, FeatureType):
            return self._own(spec)
        count, space = _parse(spec, "points, trivial or pairs")
        known = ["trivial", *(_SPACES if self._permutes else ["points"])]
        if space not in known:
            raise FeatureTypeError(
                f"{self!r} knows no feature type {space!r} (in {spec!r}): {choices(space, known)}"
            )
        if space == "trivial" or not self.points:
            return InvariantFeatures(count)
        if not self._permutes:
            return MatrixFeatures(count, self._group, self)
        return PermutationFeatures(
            count, self._group, self.points, space, self.channels_first, self
        )

    def _own(self, given: FeatureType) -> FeatureType:
        if isinstance(given, InvariantFeatures):
            return given
        space = given.space if isinstance(given, PermutationFeatures) else "points"
        expected = self.feature_type(f"{given.channels} {space}")
        if given != expected:
            raise FeatureTypeError(
                f"{self!r} got {given!r}, expected {expected!r}. Make types with "
                "symmetry.feature_type(...)."
            )
        return given

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GeneratedSymmetry) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[object, ...]:
        return (self._group, self.points, self.channels_first)

    def __repr__(self) -> str:
        if self.label:
            return self.label
        shape = "" if len(self.points) == 1 else f", points={self.points}"
        first = ", channels_first=True" if self.channels_first else ""
        return f"GeneratedSymmetry(group={self._group!r}{shape}{first})"


def _whole(permutations: Tensor | Sequence[object]) -> list[Tensor]:
    rows = [torch.as_tensor(row) for row in permutations]
    for row in rows:
        if row.is_floating_point():
            raise GroupError(
                f"got the permutation {row.tolist()} of dtype {row.dtype}, expected whole numbers. "
                "Use matrices= for floating point generators."
            )
    return rows


def _parse(spec: Any, kinds: str) -> tuple[int, str]:
    """Return (channels, space) of ``4``, ``"4"`` or ``"4 trivial"``."""
    count, space = spec, "points"
    if isinstance(spec, str):
        words = spec.split()
        if words and words[0].isascii() and words[0].isdecimal() and len(words) <= 2:
            count, space = int(words[0]), (words[1] if len(words) == 2 else space)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise FeatureTypeError(
            f"got the feature type {spec!r}, expected a number of channels of at least 1, alone or "
            f"followed by {kinds}. Write for example 8 or '8 trivial'."
        )
    return count, space


# The ready-made symmetries, by name through eqsets.element_group(...).


def trivial() -> GeneratedSymmetry:
    """Return no symmetry at all: elements are plain vectors ``(C,)``, and DSS is DeepSets."""
    return GeneratedSymmetry(permutations=[[0]], points=(), label="element_group('trivial')")


def cyclic(size: int) -> GeneratedSymmetry:
    """Return the turns of a ring of ``size`` points, elements ``(size, C)``.

    Raises:
        GroupError: ``size`` is not a positive whole number.
    """
    turn = torch.arange(_size(size, "cyclic")).roll(-1)
    label = f"element_group('cyclic', size={size})"
    return GeneratedSymmetry(permutations=[turn], label=label)


def dihedral(size: int) -> GeneratedSymmetry:
    """Return the turns and flips of a ring of ``size`` points, elements ``(size, C)``.

    Raises:
        GroupError: ``size`` is not a positive whole number.
    """
    ring = torch.arange(_size(size, "dihedral"))
    label = f"element_group('dihedral', size={size})"
    return GeneratedSymmetry(permutations=[ring.roll(-1), ring.flip(0)], label=label)


def symmetric(size: int) -> GeneratedSymmetry:
    """Return all permutations of ``size`` points, elements ``(size, C)``: sets of sets.

    Raises:
        GroupError: ``size`` is not a positive whole number.
    """
    group = SymmetricGroup(_size(size, "symmetric"))
    return GeneratedSymmetry(group=group, label=f"element_group('symmetric', size={size})")


def grid_rotations(height: int, width: int, reflections: bool = False) -> GeneratedSymmetry:
    """Return the turns (and flips) of a grid, elements ``(C, height, width)``.

    Quarter turns (C4, or D4 with reflections) on a square grid; a grid that is not square only
    has half turns (C2, with reflections the group of four).

    Raises:
        GroupError: a size is not a positive whole number.
    """
    height, width = _size(height, "grid-rotations"), _size(width, "grid-rotations")
    grid = torch.arange(height * width).reshape(height, width)
    moves = [torch.rot90(grid, 1 if height == width else 2)]
    if reflections:
        moves.append(grid.flip(1))
        if height != width:
            moves.append(grid.flip(0))
    label = (
        f"element_group('grid-rotations', height={height}, width={width}, "
        f"reflections={reflections})"
    )
    # A turned grid says where each value came from; a permutation says where each point goes.
    return GeneratedSymmetry(
        permutations=[move.flatten().argsort() for move in moves],
        points=(height, width),
        channels_first=True,
        label=label,
    )


def _size(size: object, name: str) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise GroupError(
            f"element group {name!r} got the size {size!r}, expected a whole number of at least 1."
        )
    return size
