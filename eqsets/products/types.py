"""Which types a product has, from what its two factors understand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.groups import ProductGroup
from eqsets.products.features import ProductFeatures
from eqsets.symmetry import ElementSymmetry

__all__ = ["ProductTypes"]


@dataclass(frozen=True)
class ProductTypes:
    """Reads the types of a product.

    Arguments:
        first: the first factor.
        second: the second factor.
        owner: the product itself, which types refer to and messages name.
    """

    first: ElementSymmetry
    second: ElementSymmetry
    owner: ElementSymmetry

    def read(self, spec: Any) -> ProductFeatures:
        """Return the type for ``8``, ``"8x0e + 4x1o"`` ..., a pair, or a type.

        Raises:
            FeatureTypeError: the specification is not understood.
        """
        if isinstance(spec, FeatureType):
            return self._existing(spec)
        pair = spec if type(spec) is tuple else (1, spec)  # e3nn's irreps are tuples, too
        if len(pair) != 2:
            raise FeatureTypeError(
                f"{self.owner!r} got the feature type {spec!r} of {len(pair)} parts, expected one "
                "that the second factor understands, or a pair. Write for example 8 or "
                "('1 pairs', 8)."
            )
        return self.pair(*pair)

    def _existing(self, given: FeatureType) -> ProductFeatures:
        """Return a type of this product as it is, and one of the second factor at plain points."""
        pairs: list[tuple[Any, Any]] = [(1, given)]
        if isinstance(given, ProductFeatures):
            pairs.insert(0, (given.first, given.second))
        for pair in pairs:
            try:
                own = self.pair(*pair)
            except FeatureTypeError:  # of other symmetries
                continue
            if own == given or pair[1] is given:
                return own
        raise FeatureTypeError(
            f"{self.owner!r} got {given!r}, expected a type of its own or of its second factor. "
            "Make types with symmetry.feature_type(...)."
        )

    def pair(self, one: Any, two: Any) -> ProductFeatures:
        """Return the type with ``one`` at the points and ``two`` as their features.

        Raises:
            FeatureTypeError: a factor does not understand its part, or the first part has not
                exactly one channel.
        """
        first, second = self.first.feature_type(one), self.second.feature_type(two)
        if first.channel_axis is None or first.channels != 1:
            raise FeatureTypeError(
                f"{self.owner!r} got {first!r} as type of the first factor, expected one with a "
                "channel axis and one channel: channels belong to the second factor. Write for "
                f"example (1, {two!r})."
            )
        groups = [
            part.group or factor.group
            for part, factor in ((first, self.first), (second, self.second))
        ]
        return ProductFeatures(first, second, ProductGroup(*groups), self.owner)

    def of_layer(
        self, in_type: Any, out_type: Any, first: dict[str, Any], second: dict[str, Any]
    ) -> tuple[ProductFeatures, ProductFeatures]:
        """Return the types that a layer with these options of the factors maps between."""
        source, target = self.read(in_type), self.read(out_type)
        ones = self.first.layer_types(source.first, target.first, **first)
        twos = self.second.layer_types(source.second, target.second, **second)
        return self.pair(ones[0], twos[0]), self.pair(ones[1], twos[1])
