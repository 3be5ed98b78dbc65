r"""An algebra of representations: types of features for any group of matrices or permutations.

    >>> from eqsets import DSS, representations
    >>> from eqsets.groups import lorentz_group
    >>> V = representations.defining(lorentz_group())
    >>> W = 3 * V + V.dual * V + 2 * representations.scalars(V)
    >>> str(W)
    '3 points + 1 dual*points + 2 trivial'
    >>> layer = DSS(V.owner, W, W)

Every expression is a :class:`~eqsets.FeatureType`, and layers between any two are solved for.
"""

from __future__ import annotations

from typing import Any

from eqsets.errors import FeatureTypeError, GroupError
from eqsets.features import FeatureType, InvariantFeatures
from eqsets.features.direct_sum import parts_of
from eqsets.generated import GeneratedSymmetry
from eqsets.groups import Group
from eqsets.registry import element_group

__all__ = ["antisymmetric", "defining", "dimension", "scalars", "symmetric"]


def defining(group: Group | GeneratedSymmetry | str, **options: Any) -> FeatureType:
    """Return the representation that defines a group: vectors, or points that are permuted.

    Arguments:
        group: of matrices or permutations, a symmetry made from one, or its name.
        options: of the name.

    Raises:
        GroupError: elements of the group are neither matrices nor permutations.

    Example:
        >>> from eqsets.groups import OrthogonalGroup
        >>> V = defining(OrthogonalGroup(3, special=True))
        >>> dimension(V * V, V * V)  # trace, antisymmetric and symmetric traceless parts
        3
    """
    if isinstance(group, Group):
        if len(group.element_shape) not in (1, 2):
            raise GroupError(
                f"representations.defining got {group!r}, whose elements have shape "
                f"{group.element_shape}, expected matrices (d, d) or permutations (d,)."
            )
        symmetry: Any = GeneratedSymmetry(group=group)
    else:
        symmetry = element_group(group, **options)
    if not isinstance(symmetry, GeneratedSymmetry):
        raise GroupError(
            f"representations.defining got {symmetry!r}, expected a group of matrices or "
            "permutations. Types of other symmetries are named: symmetry.feature_type('...')."
        )
    return symmetry.feature_type(1)


def scalars(of: FeatureType, count: int = 1) -> FeatureType:
    """Return invariant features of the symmetry that a type belongs to.

    Example:
        >>> scalars(defining("cyclic", size=4), 3)
        InvariantFeatures(count=3)
    """
    return InvariantFeatures(count)


def symmetric(representation: FeatureType, degree: int = 2) -> FeatureType:
    """Return the symmetric tensors over vectors.

    Raises:
        FeatureTypeError: the type is not one vector or dual vector, or the degree is below 2.

    Example:
        >>> from eqsets.groups import OrthogonalGroup
        >>> symmetric(defining(OrthogonalGroup(3))).layout
        (6, 1)
    """
    return _part("sym", representation, degree)


def antisymmetric(representation: FeatureType, degree: int = 2) -> FeatureType:
    """Return the antisymmetric tensors over vectors.

    Raises:
        FeatureTypeError: the type is not one vector or dual vector, or the degree is below 2 or
            above the dimension.

    Example:
        >>> from eqsets.groups import OrthogonalGroup
        >>> antisymmetric(defining(OrthogonalGroup(3))).layout
        (3, 1)
    """
    return _part("alt", representation, degree)


def dimension(source: FeatureType, target: FeatureType) -> int:
    r"""Return the number of independent equivariant linear maps between two types.

    Channels count: :math:`\dim \operatorname{Hom}_H(\rho, \rho')`.

    Raises:
        FeatureTypeError: the types belong to no symmetry from generators.
        GroupError: the solution takes too much memory.

    Example:
        >>> V = defining("symmetric", size=4)
        >>> dimension(V, V), dimension(V * V, V * V)  # numbers of Bell
        (2, 15)
    """
    symmetry = source.owner or target.owner
    if (
        symmetry is None
        and isinstance(source, InvariantFeatures)
        and isinstance(target, InvariantFeatures)
    ):
        return source.count * target.count
    if not isinstance(symmetry, GeneratedSymmetry):
        raise FeatureTypeError(
            f"representations.dimension got {source!r} and {target!r}, expected types of a "
            "symmetry from generators, such as those of representations.defining."
        )
    return sum(
        symmetry.basis(a, b).dimension * a.channels * b.channels
        for a in parts_of(source)
        for b in parts_of(target)
    )


def _part(name: str, representation: FeatureType, degree: int) -> FeatureType:
    space = getattr(representation, "space", None)
    owner = representation.owner
    if space not in ("points", "dual") or representation.channels != 1 or owner is None:
        raise FeatureTypeError(
            f"got {representation!r}, expected one vector or dual vector: V or V.dual with "
            "V = representations.defining(group). Multiply by a number of channels afterwards."
        )
    if isinstance(degree, bool) or not isinstance(degree, int) or degree < 2:
        raise FeatureTypeError(f"got degree={degree!r}, expected a whole number of at least 2.")
    part = owner.feature_type(f"1 {name}({space}^{degree})")
    if 0 in part.layout:
        raise FeatureTypeError(
            f"there are no antisymmetric tensors of degree {degree} over {representation!r}, "
            "expected at most its dimension."
        )
    return part
