"""Side information of sets as elements: one for all members of all elements."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from eqsets.errors import FeatureTypeError
from eqsets.groups import ProductGroup
from eqsets.layout import Dense, Layout
from eqsets.structure import Structure
from eqsets.symmetry import ElementSymmetry

__all__ = ["MemberStructure"]


class MemberStructure(Structure):
    """The side information that all members share.

    Modules take a pair: the object itself, for the layers inside, and that of any member.

    Arguments:
        inner: of a member.
        owner: the symmetry of sets as elements.
    """

    def __init__(self, inner: Structure, owner: ElementSymmetry) -> None:
        self.inner, self.owner = inner, owner

    @property
    def given(self) -> Any:
        return self.inner.given

    def rows(self, layout: Layout) -> tuple[Any, ...]:
        return ((self.inner, next(iter(self.inner.rows(Dense(1, 1))), None)),)

    def transform(self, g: Tensor) -> MemberStructure:
        """Return the structure moved by the one ``h`` that all members share.

        Raises:
            FeatureTypeError: members have no ``h`` in common.
        """
        group = self.owner.group
        if not isinstance(group, ProductGroup):
            raise FeatureTypeError(
                f"{self.owner!r} got structure of type {type(self.given).__name__}, which all "
                "members share, expected none where each has a group element of its own. Use "
                "alignment='shared'."
            )
        return MemberStructure(self.inner.transform(group.unpack(g)[1]), self.owner)
