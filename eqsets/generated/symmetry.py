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
from eqsets.errors import FeatureTypeError, GroupError
from eqsets.features import FeatureType, InvariantFeatures
from eqsets.features.direct_sum import DirectSum, parts_of
from eqsets.generated.features import PermutationFeatures
from eqsets.generated.matrix_features import MatrixFeatures
from eqsets.generated.spaces import Space, parse
from eqsets.generated.tensor_features import TensorFeatures
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
        """Return the type for ``4``, ``"4 trivial"``, ``"2 points + 3 dual*points"`` and the like.

        ``points`` are the group's own features and ``trivial`` ones are invariant. Permutations
        also have ``pairs``, on ordered pairs of points; matrices have ``dual`` vectors, which
        the inverse transpose acts on. Products and powers of these are tensors,
        ``"points*dual"``, ``"points^3"``, and ``"sym(points^2)"``, ``"alt(points^2)"`` their parts
        (:class:`~eqsets.generated.TensorFeatures`). A sum is a
        :class:`~eqsets.features.direct_sum.DirectSum`, in the order given, with terms of one space
        added up.

        Raises:
            FeatureTypeError: the specification is not understood, or is a type of another symmetry.
        """
        if isinstance(spec, FeatureType):
            return self._own(spec)
        known = ["trivial", "points", "pairs" if self._permutes else "dual"]
        parts = tuple(self._part(count, space) for count, space in parse(spec, known, repr(self)))
        return parts[0] if len(parts) == 1 else DirectSum(parts, self)

    def tensor_product(self, first: FeatureType, second: FeatureType) -> FeatureType:
        r"""Return the type of products :math:`x \otimes y`; channels multiply.

        Sums are multiplied out. A symmetric or antisymmetric part is no factor of another product.

        Raises:
            FeatureTypeError: a type has no tensor product, or is one of another symmetry.
        """
        terms = []
        for a in parts_of(self._own(first)):
            for b in parts_of(self._own(second)):
                (m, (left, part)), (n, (right, other)) = _space(a), _space(b)
                if (part and right) or (other and left):
                    raise FeatureTypeError(
                        f"{self!r} got a product of {a!r} and {b!r}, expected factors that are "
                        "products of vectors: the parts sym and alt have none. Take the part last."
                    )
                product = "*".join((*left, *right)) or "trivial"
                name = part or other
                terms.append(f"{m * n} {name}({product})" if name else f"{m * n} {product}")
        return self.feature_type(" + ".join(terms))

    def _part(self, count: int, space: Space) -> FeatureType:
        factors, part = space
        if factors == ("trivial",) or not self.points:
            return InvariantFeatures(count)
        if len(factors) == 1:
            if not self._permutes:
                return MatrixFeatures(count, self._group, factors[0], self)
            return self._on_points(count, "points")
        if self._permutes and len(factors) == 2 and not part:
            return self._on_points(count, "pairs")
        return TensorFeatures(count, self._group, factors, part, self)

    def _on_points(self, count: int, space: str) -> PermutationFeatures:
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


def _space(part: FeatureType) -> tuple[int, Space]:
    """Return the channels and the space of a type that is no sum; that of scalars is empty."""
    if isinstance(part, TensorFeatures):
        return part.count, (part.factors, part.part)
    if isinstance(part, InvariantFeatures):
        return part.count, ((), "")
    space = getattr(part, "space", "points")
    return part.channels, (("points", "points") if space == "pairs" else (space,), "")
