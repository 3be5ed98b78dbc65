"""Side information of a product: that of the factor that takes any, or a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from eqsets.errors import FeatureTypeError
from eqsets.groups import ProductGroup
from eqsets.layout import Layout
from eqsets.symmetry import ElementSymmetry

__all__ = ["ProductStructure"]


@dataclass(frozen=True)
class ProductStructure:
    """Hands each factor its part of the side information.

    Arguments:
        first: the first factor.
        second: the second factor.
        owner: the product itself, which messages name.
    """

    first: ElementSymmetry
    second: ElementSymmetry
    owner: ElementSymmetry

    @property
    def both(self) -> bool:
        """Whether both factors take side information, so that it is a pair."""
        return self.first.structured and self.second.structured

    def split(self, structure: Any) -> tuple[Any, Any]:
        """Return the parts of the first and of the second factor.

        Raises:
            FeatureTypeError: a tuple has not two parts.
        """
        if not self.both:
            return (structure, None) if self.first.structured else (None, structure)
        if not isinstance(structure, tuple):
            return structure, None
        if len(structure) != 2:
            raise FeatureTypeError(
                f"{self.owner!r} got structure of {len(structure)} parts, expected a pair (of the "
                "first factor, of the second). Write None for a part that is absent."
            )
        return structure

    def join(self, one: Any, two: Any) -> Any:
        """Undo :meth:`split`."""
        if self.both:
            return (one, two)
        return one if self.first.structured else two

    def transform(self, group: ProductGroup, g: Tensor, structure: Any) -> Any:
        """Return how side information moves with ``g`` of the product of the groups."""
        if structure is None:
            return None
        (one, two), (g1, g2) = self.split(structure), group.unpack(g)
        return self.join(
            None if one is None else self.first.transform_structure(g1, one),
            None if two is None else self.second.transform_structure(g2, two),
        )

    def prepare(self, structure: Any) -> Any:
        """Return side information in the form that the factors work on."""
        one, two = self.split(structure)
        return self.join(self.first.prepare_structure(one), self.second.prepare_structure(two))

    def of_rows(self, structure: Any, layout: Layout) -> tuple[Any, Any]:
        """Return the side information of the rows, for each factor.

        Raises:
            FeatureTypeError: rows are parts of elements of different sizes.
        """
        one, two = self.split(structure)
        for factor, part in ((self.first, one), (self.second, two)):
            if part is not None and factor.readout_layout(part, layout) is not layout:
                raise FeatureTypeError(
                    f"{self.owner!r} got elements of different sizes as rows of their parts, which "
                    f"{factor!r} alone takes, expected elements of one size in a batch. Group "
                    "elements by size."
                )
        return (
            None if one is None else self.first.row_structure(one, layout),
            None if two is None else self.second.row_structure(two, layout),
        )

    def of_sets(self, structure: Any, layout: Layout) -> tuple[Any, Any]:
        """Return the side information of the L2 branch, for each factor."""
        one, two = self.split(structure)
        return (
            None if one is None else self.first.set_structure(one, layout),
            None if two is None else self.second.set_structure(two, layout),
        )
