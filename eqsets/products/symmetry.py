r"""The product of two element groups, from what each of the two provides.

Requirements that shaped this module:

- any symmetry may be the second factor: its layers are used as they are, on its own layout;
- any symmetry whose layers are linear in their weights may be the first: a layer with one channel
  on either side says which maps there are, see :mod:`eqsets.products.maps`;
- what the factors promise, the product promises, and nothing has to be declared again.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn

from eqsets.constants import on_cpu
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.groups import ProductGroup
from eqsets.products.features import ProductFeatures
from eqsets.products.fixed import fixed_points
from eqsets.products.invariants import (
    ProductEmbedding,
    ProductInvariant,
    ProductPart,
    product_invariant,
)
from eqsets.products.linear import ProductLinear
from eqsets.products.maps import UnitMaps, dense_maps
from eqsets.products.norms import product_norm
from eqsets.products.rows import EachPoint, SharedDropout
from eqsets.products.structure import ProductStructure, split
from eqsets.products.types import ProductTypes
from eqsets.solve.weights import has_free_sizes
from eqsets.structure import NoStructure, Structure
from eqsets.symmetry import ElementSymmetry

__all__ = ["Product"]


class Product(ElementSymmetry, is_product=True):
    r"""The direct product: ``first`` acts on points, ``second`` on the features at each point.

    .. math:: L = \sum_k B_k \otimes L_k

    Elements are ``(*points, *element)``. Colour channels in any order, each an image that may be
    shifted: ``(3, C, H, W)``. Atoms in any order, each with scalars and vectors that turn in space:
    ``(P, dim)``. Written ``first * second``. Types are named as the second names its own, with the
    first's plain points; a pair ``(first, second)`` names both.

    Side information is that of the factor that takes any. Where both do it is a pair, or the
    first's alone.

    Arguments:
        first: acts on points; its layers must be linear in their weights.
        second: acts on the features at each point.

    Raises:
        FeatureTypeError: a factor is no ElementSymmetry.

    Example:
        Colour matching: shuffle the channels of an image, and the features follow.

        >>> import torch
        >>> from eqsets import DSS, element_group
        >>> images = element_group("translations", padding_mode="circular")
        >>> layer = DSS(element_group("symmetric", size=3) * images, 1, 8, kernel_size=3)
        >>> layer(torch.randn(2, 5, 3, 1, 16, 16)).shape
        torch.Size([2, 5, 3, 8, 16, 16])
    """

    def __init__(self, first: ElementSymmetry, second: ElementSymmetry) -> None:
        for index, factor in (("first", first), ("second", second)):
            if not isinstance(factor, ElementSymmetry):
                raise FeatureTypeError(
                    f"Product got {factor!r} as its {index} factor, expected an ElementSymmetry. "
                    "Make it with element_group('name', ...)."
                )
        self.first, self.second = first, second

    @property
    def parts(self) -> tuple[ElementSymmetry, ...]:
        return (self.first, self.second)

    @property
    def group(self) -> ProductGroup:
        return ProductGroup(self.first.group, self.second.group)

    @property
    def structured(self) -> bool:  # type: ignore[override]
        return self.first.structured or self.second.structured

    @property
    def tolerance(self) -> float:  # type: ignore[override]
        """The larger of the tolerances of the factors."""
        return max(self.first.tolerance, self.second.tolerance)

    def feature_type(self, spec: Any) -> ProductFeatures:
        """Return the type for ``8``, ``"8x0e + 4x1o"`` ..., or a pair ``("1 pairs", 8)``.

        Raises:
            FeatureTypeError: a factor does not understand its part, or the first part has not
                exactly one channel.
        """
        return self._types.read(spec)

    def layer_types(
        self,
        in_type: FeatureType,
        out_type: FeatureType,
        *,
        first: dict[str, Any] | None = None,
        **options: Any,
    ) -> tuple[FeatureType, FeatureType]:
        return self._types.of_layer(in_type, out_type, first or {}, options)

    def linear(
        self,
        in_type: FeatureType,
        out_type: FeatureType,
        *,
        bias: bool = True,
        first: dict[str, Any] | None = None,
        **options: Any,
    ) -> ProductLinear:
        """Return the linear layer.

        Arguments:
            in_type: type of the input.
            out_type: type of the output.
            bias: whether to add the bias that both groups allow.
            first: options of the first factor's layer, such as ``{"conv": "graph"}``.
            options: of the second factor's layer.

        Raises:
            FeatureTypeError: there is no equivariant map between the first types, the first
                factor's layer is not linear in its weights, or an option is not understood.
        """
        source, target = self._types.of_layer(in_type, out_type, first or {}, options)
        offset = None
        if bias:
            try:
                offset = self.embed(1, target)
            except FeatureTypeError:  # no vector is invariant under both groups: no bias
                offset = None
        return ProductLinear(
            source,
            target,
            self.maps(source.first, target.first, **(first or {})),
            partial(self._second_layer, target.second, options),
            offset,
        )

    def _second_layer(
        self, target: FeatureType, options: dict[str, Any], source: FeatureType
    ) -> nn.Module:
        return self.second.linear(source, target, bias=False, **options)

    def maps(self, source: FeatureType, target: FeatureType, **options: Any) -> Tensor | UnitMaps:
        """Return the first factor's maps between types of one channel.

        Returns:
            Matrices ``(K, P_out, P_in)``, or modules where sizes are free or edges matter.

        Raises:
            FeatureTypeError: the layer has no weights, or is not linear in them.
        """
        with on_cpu():
            module = self.first.linear(source, target, bias=False, **options)
            if self.first.structured or has_free_sizes(source, target):
                return UnitMaps(module, source, self.first)
            return dense_maps(module, source, self.first)

    def invariant(self, in_type: FeatureType) -> ProductInvariant:
        """Return the invariants of the points, of the invariants at each point.

        Raises:
            FeatureTypeError: a factor has none.
        """
        return product_invariant(self.first, self.second, self.feature_type(in_type))

    def maximum(self, in_type: FeatureType) -> ProductInvariant:
        """Return the maxima over the points, of the maxima at each point.

        Raises:
            FeatureTypeError: a factor has none.
        """
        own = self.feature_type(in_type)
        inner = self.second.maximum(own.second)
        count = int(inner.features)  # type: ignore[arg-type]
        outer = self.first.maximum(own.first.with_channels(count))
        return ProductInvariant(own, inner, outer, int(outer.features))  # type: ignore[arg-type]

    def embed(self, features: int, out_type: FeatureType) -> ProductEmbedding:
        kind = self.feature_type(out_type)
        fixed = fixed_points(self.first, kind.first)
        inner = [self.second.embed(features, kind.second) for _ in fixed]
        return ProductEmbedding(kind, fixed, inner)

    def invariant_part(self, out_type: FeatureType) -> ProductPart | None:
        """Return the invariant part of the points, of the invariant part at each point."""
        kind = self.feature_type(out_type)
        first, second = (
            one.invariant_part(part)
            for one, part in ((self.first, kind.first), (self.second, kind.second))
        )
        return None if first is None or second is None else ProductPart(kind, first, second)

    def norm(self, in_type: FeatureType, kind: str = "element") -> nn.Module:
        """Return a norm: the second's at each point, or one of the whole element.

        Of the whole where the second has no norm of its own kind, or where points mix.

        Raises:
            FeatureTypeError: the second has no such norm, or a factor changes lengths.
        """
        return product_norm(self.first, self.second, self.feature_type(in_type), kind)

    def nonlinearity(self, in_type: FeatureType, name: str = "relu") -> nn.Module:
        """Return the second's nonlinearity at each point, or a gate where points mix."""
        own = self.feature_type(in_type)
        if own.first.pointwise:
            return EachPoint(self.second.nonlinearity(own.second, name), len(own.points), own, own)
        return super().nonlinearity(own, name)

    def dropout(self, in_type: FeatureType, p: float) -> SharedDropout:
        """Return the second's dropout, the same at all points."""
        own = self.feature_type(in_type)
        return SharedDropout(self.second.dropout(own.second, p), len(own.points))

    def pool(self, in_type: FeatureType, **options: Any) -> nn.Module:
        """Return the second's pooling at each point.

        Raises:
            FeatureTypeError: the second has none, or the first factor mixes points.
        """
        own = self.feature_type(in_type)
        if not own.first.pointwise:
            return super().pool(in_type, **options)
        module = self.second.pool(own.second, **options)
        source, target = (
            self._types.pair(own.first, getattr(module, side, own.second))
            for side in ("in_type", "out_type")
        )
        return EachPoint(module, len(own.points), source, target)

    def structure(self, given: Any) -> Structure:
        """Return the side information of both factors: a pair where both take any."""
        if (
            given is None
            or isinstance(given, NoStructure | ProductStructure)
            or not self.structured
        ):
            return super().structure(given)
        one, two = split(self, given)
        return ProductStructure(self.first.structure(one), self.second.structure(two), self)

    @property
    def _types(self) -> ProductTypes:
        return ProductTypes(self.first, self.second, self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Product) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return f"({self.first!r} * {self.second!r})"
