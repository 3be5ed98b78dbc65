"""Side information of a product: that of the factor that takes any, or a pair."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from eqsets.errors import FeatureTypeError
from eqsets.groups import ProductGroup
from eqsets.layout import Layout
from eqsets.structure import Structure
from eqsets.symmetry import ElementSymmetry

__all__ = ["ProductStructure", "split"]


class ProductStructure(Structure):
    """The side information of both factors; modules take a pair, ``None`` for what is absent.

    Arguments:
        first: of the first factor.
        second: of the second factor.
        owner: the product.
    """

    def __init__(self, first: Structure, second: Structure, owner: ElementSymmetry) -> None:
        self.first, self.second, self.owner = first, second, owner

    @property
    def given(self) -> Any:
        one, two = self.owner.parts
        if one.structured and two.structured:
            return (self.first.given, self.second.given)
        return self.first.given if one.structured else self.second.given

    def rows(self, layout: Layout) -> tuple[Any, ...]:
        """Return a pair as the one argument.

        Raises:
            FeatureTypeError: rows are parts of elements of different sizes.
        """
        for factor, part in zip(self.owner.parts, (self.first, self.second), strict=True):
            if part.readout_layout(layout) is not layout:
                raise FeatureTypeError(
                    f"{self.owner!r} got elements of different sizes as rows of their parts, which "
                    f"{factor!r} alone takes, expected elements of one size in a batch. Group "
                    "elements by size."
                )
        return _pair(self.first.rows(layout), self.second.rows(layout))

    def sets(self, layout: Layout) -> tuple[Any, ...]:
        return _pair(self.first.sets(layout), self.second.sets(layout))

    def transform(self, g: Tensor) -> ProductStructure:
        group = self.owner.group
        if not isinstance(group, ProductGroup):
            raise AssertionError("the group of a product is a product")
        g1, g2 = group.unpack(g)
        return ProductStructure(self.first.transform(g1), self.second.transform(g2), self.owner)


def split(owner: ElementSymmetry, given: Any) -> tuple[Any, Any]:
    """Return what users pass for the first and for the second factor of a product.

    Raises:
        FeatureTypeError: a tuple has not two parts.
    """
    first, second = owner.parts
    if not (first.structured and second.structured):
        return (given, None) if first.structured else (None, given)
    if not isinstance(given, tuple):
        return given, None
    if len(given) != 2:
        raise FeatureTypeError(
            f"{owner!r} got structure of {len(given)} parts, expected a pair (of the first factor, "
            "of the second). Write None for a part that is absent."
        )
    return given


def _pair(one: tuple[Any, ...], two: tuple[Any, ...]) -> tuple[tuple[Any, Any]]:
    return ((next(iter(one), None), next(iter(two), None)),)
