"""The element symmetry of a group that is given by its generators.

Requirements that shaped this module: a chemist, a card player or a crystallographer knows which
transformations leave the data unchanged. Those, as permutations or matrices, are all that is
needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.constants import on_cpu
from eqsets.errors import FeatureTypeError, GroupError, choices
from eqsets.features import FeatureType, InvariantFeatures
from eqsets.features.direct_sum import DirectSum
from eqsets.generated.features import PermutationFeatures
from eqsets.generated.matrix_features import MatrixFeatures
from eqsets.generated.vectors import MatrixVectors
from eqsets.groups import FiniteGroup, Group, MatrixGroup
from eqsets.groups.exact import exact_tensor
from eqsets.symmetry import ElementSymmetry

__all__ = ["GeneratedSymmetry"]


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
            group = FiniteGroup(_whole(permutations))
        elif lie_algebra is not None:
            group = MatrixGroup(lie_algebra, () if matrices is None else matrices)
        elif matrices is not None:
            group = FiniteGroup(_real(matrices))
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
        """Return the type for ``4``, ``"4 points"``, ``"4 trivial"``, ``"2 points + 3 trivial"``.

        ``points`` are the group's own features and ``trivial`` ones are invariant. Permutations
        also have ``pairs``, on ordered pairs of points; matrices have ``dual`` vectors, which
        the inverse transpose acts on. A sum is a
        :class:`~eqsets.features.direct_sum.DirectSum`, in the order given, with terms of one space
        added up.

        Raises:
            FeatureTypeError: the specification is not understood, or is a type of another symmetry.
        """
        if isinstance(spec, FeatureType):
            return self._own(spec)
        terms = spec.split("+") if isinstance(spec, str) else [spec]
        counts: dict[str, int] = {}
        for term in terms:
            count, space = self._term(term, spec)
            counts[space] = counts.get(space, 0) + count
        parts = tuple(self._part(count, space) for space, count in counts.items())
        return parts[0] if len(parts) == 1 else DirectSum(parts, self)

    def _term(self, term: Any, spec: Any) -> tuple[int, str]:
        known = ["trivial", "points", "pairs" if self._permutes else "dual"]
        count, space = _parse(term, "points, trivial or " + known[-1])
        if space not in known:
            raise FeatureTypeError(
                f"{self!r} knows no feature type {space!r} (in {spec!r}): {choices(space, known)}"
            )
        return count, "trivial" if not self.points else space

    def _part(self, count: int, space: str) -> FeatureType:
        if space == "trivial":
            return InvariantFeatures(count)
        if not self._permutes:
            return MatrixFeatures(count, self._group, space, self)
        return PermutationFeatures(
            count, self._group, self.points, space, self.channels_first, self
        )

    def _own(self, given: FeatureType) -> FeatureType:
        if isinstance(given, InvariantFeatures):
            return given
        if isinstance(given, DirectSum):
            expected = self.feature_type(str(given))
        else:
            space = getattr(given, "space", "points")
            expected = self.feature_type(f"{given.channels} {space}")
        if given != expected:
            raise FeatureTypeError(
                f"{self!r} got {given!r}, expected {expected!r}. Make types with "
                "symmetry.feature_type(...)."
            )
        return given if given.owner is not None else expected

    def vectors(self, in_type: FeatureType) -> nn.Module:
        """Return the vectors of matrix features, or of those in a sum.

        Raises:
            FeatureTypeError: the type has none.
        """
        if isinstance(in_type, MatrixFeatures) or (
            isinstance(in_type, DirectSum)
            and any(isinstance(part, MatrixFeatures) for part in in_type.parts)
        ):
            return MatrixVectors(in_type)
        return super().vectors(in_type)

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


def _real(matrices: Tensor | Sequence[object]) -> list[Tensor]:
    """Return matrices as float64, also those of whole numbers: they are no permutations."""
    with on_cpu():
        return [exact_tensor(matrix).double() for matrix in matrices]


def _whole(permutations: Tensor | Sequence[object]) -> list[Tensor]:
    with on_cpu():
        rows = [torch.as_tensor(row) for row in permutations]
    for row in rows:
        if row.is_floating_point():
            raise GroupError(
                f"got the permutation {row.tolist()} of dtype {row.dtype}, expected whole numbers. "
                "Use matrices= for floating point generators."
            )
    return [row.long() for row in rows]


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
