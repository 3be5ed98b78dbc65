r"""The product of two element groups, made of nothing but what each of the two provides.

Requirements that shaped this module:

- any symmetry may be the second factor: its layers are used as they are, on its own layout;
- any symmetry whose layers are linear in their weights may be the first: a layer with one channel
  on either side says which maps there are, see :mod:`eqsets.products.maps`;
- what the factors promise, the product promises, and nothing has to be declared again.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.groups import ProductGroup
from eqsets.layout import Layout
from eqsets.products.features import ProductFeatures
from eqsets.products.linear import ProductLinear
from eqsets.products.maps import UnitMaps, dense_maps, has_free_sizes, weighted
from eqsets.products.rows import (
    EachPoint,
    EachPointNorm,
    FixedPoints,
    ProductEmbedding,
    ProductInvariant,
    SharedDropout,
)
from eqsets.rows import ElementNorm
from eqsets.solve.basis import is_orthogonal
from eqsets.symmetry import ElementSymmetry

__all__ = ["Product"]


class Product(ElementSymmetry):
    r"""Two symmetries at once: ``first`` moves points, ``second`` what stands at each of them.

    .. math:: L = \sum_k B_k \otimes L_k

    Elements are ``(*points, *element)``. Colour channels in any order, each an image that may be
    shifted: ``(3, C, H, W)``. Atoms in any order, each with scalars and vectors that turn in space:
    ``(P, dim)``. Written ``first * second``. Types are named as the second names its own, with the
    first's plain points; a pair ``(first, second)`` names both.

    Side information is that of the factor that takes any. Where both do it is a pair, or the
    first's alone.

    Arguments:
        first: moves points; its layers must be linear in their weights.
        second: moves what stands at each point.

    Raises:
        FeatureTypeError: a factor is no ElementSymmetry.

    Example:
        Colour matching: shuffle the channels of an image, and the features follow.

        >>> from eqsets import DSS, element_group
        >>> images = element_group("translations", padding_mode="circular")
        >>> layer = DSS(element_group("symmetric", size=3) * images, 1, 8, kernel_size=3)
        >>> layer(torch.randn(2, 5, 3, 1, 16, 16)).shape
        torch.Size([2, 5, 3, 8, 16, 16])
    """

    def __init__(self, first: ElementSymmetry, second: ElementSymmetry) -> None:
        for place, factor in (("first", first), ("second", second)):
            if not isinstance(factor, ElementSymmetry):
                raise FeatureTypeError(
                    f"Product got {factor!r} as its {place} factor, expected an ElementSymmetry. "
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
        if isinstance(spec, FeatureType):
            return self._own(spec)
        pair = spec if type(spec) is tuple else (1, spec)  # e3nn's irreps are tuples, too
        if len(pair) != 2:
            raise FeatureTypeError(
                f"{self!r} got the feature type {spec!r} of {len(pair)} parts, expected one that "
                "the second factor understands, or a pair. Write for example 8 or ('1 pairs', 8)."
            )
        return self._type(*pair)

    def _own(self, given: FeatureType) -> ProductFeatures:
        """Return a type of this product as it is, and one of the second factor at plain points."""
        pairs: list[tuple[Any, Any]] = [(1, given)]
        if isinstance(given, ProductFeatures):
            pairs.insert(0, (given.first, given.second))
        for pair in pairs:
            try:
                made = self._type(*pair)
            except FeatureTypeError:  # of other symmetries
                continue
            if made == given or pair[1] is given:
                return made
        raise FeatureTypeError(
            f"{self!r} got {given!r}, expected a type of its own or of its second factor. Make "
            "types with symmetry.feature_type(...)."
        )

    def _type(self, one: Any, two: Any) -> ProductFeatures:
        first, second = self.first.feature_type(one), self.second.feature_type(two)
        if first.channel_axis is None or first.channels != 1:
            raise FeatureTypeError(
                f"{self!r} got {first!r} as type of the first factor, expected one with a channel "
                "axis and one channel: channels belong to the second factor. Write for example "
                f"(1, {two!r})."
            )
        groups = [
            kind.group or factor.group
            for kind, factor in ((first, self.first), (second, self.second))
        ]
        return ProductFeatures(first, second, ProductGroup(*groups), self)

    def layer_types(
        self,
        in_type: FeatureType,
        out_type: FeatureType,
        *,
        first: dict[str, Any] | None = None,
        **options: Any,
    ) -> tuple[FeatureType, FeatureType]:
        source, target = self.feature_type(in_type), self.feature_type(out_type)
        ones = self.first.layer_types(source.first, target.first, **(first or {}))
        twos = self.second.layer_types(source.second, target.second, **options)
        return self._type(ones[0], twos[0]), self._type(ones[1], twos[1])

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
        source, target = self.layer_types(in_type, out_type, first=first, **options)
        source, target = self.feature_type(source), self.feature_type(target)
        offset = None
        if bias:
            try:
                offset = self.embed(1, target)
            except FeatureTypeError:  # no vector that both groups leave alone: no bias
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
        module = self.first.linear(source, target, bias=False, **options)
        if self.first.structured or has_free_sizes(source, target):
            return UnitMaps(module, source, self.first)
        return dense_maps(module, source, self.first)

    def _fixed(self, target: FeatureType) -> Tensor:
        """Return the fixed vectors of the first factor's type, ``(R, *points)`` or ``(R, 1...)``.

        Raises:
            FeatureTypeError: there is none, or they depend on a free size.
        """
        module = self.first.embed(1, target).double()
        count = sum(parameter.numel() for parameter in module.parameters())
        like = target.sample(1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        one = torch.ones(1, 1, dtype=torch.float64)
        with torch.no_grad():
            units = [weighted(module, unit)(one, like=like) for unit in torch.eye(count).double()]
        fixed = torch.cat(units).squeeze(target.channel_axis or 0)
        flat = fixed.reshape(count, -1)
        if torch.equal(flat, flat[:, :1].expand_as(flat)) and count == 1:
            return torch.ones(1, *[1] * (fixed.dim() - 1), dtype=torch.float64)
        if has_free_sizes(target) and flat.shape[1] > 1:
            raise FeatureTypeError(
                f"the vectors of {target!r} that the group leaves alone depend on a free size, "
                "expected constant ones. Use another type of the first factor."
            )
        return fixed

    def invariant(self, in_type: FeatureType) -> ProductInvariant:
        """Return the invariants of the points, over the invariants of what stands at each.

        Raises:
            FeatureTypeError: a factor has none.
        """
        kind = self.feature_type(in_type)
        inner = self.second.invariant(kind.second)
        count = inner.features
        if not isinstance(count, int):
            raise FeatureTypeError(f"the invariants of {self.second!r} say no .features")
        if not kind.first.pointwise and not _is_linear(inner, kind.second):
            fixed = FixedPoints(self._fixed(kind.first))
            return ProductInvariant(kind, inner, fixed, count * len(fixed.fixed))
        outer = self.first.invariant(kind.first.with_channels(count))
        return ProductInvariant(kind, inner, outer, int(outer.features))  # type: ignore[arg-type]

    def embed(self, features: int, out_type: FeatureType) -> ProductEmbedding:
        kind = self.feature_type(out_type)
        fixed = self._fixed(kind.first)
        inner = [self.second.embed(features, kind.second) for _ in fixed]
        return ProductEmbedding(kind, fixed, inner)

    def norm(self, in_type: FeatureType, kind: str = "element") -> nn.Module:
        """Return a norm: the second's at each point, or one of the whole element.

        Of the whole where the second has no norm of its own kind, or where points mix.

        Raises:
            FeatureTypeError: the second has no such norm, or a factor changes lengths.
        """
        own = self.feature_type(in_type)
        if own.first.pointwise:
            module = self.second.norm(own.second, kind)
            if own.pointwise and isinstance(module, ElementNorm):  # no norm of its own kind:
                return ElementNorm(own)  # then points keep their proportions, too
            return EachPointNorm(module, len(own.points))
        straight = _keeps_length(self.first, own.first) and _keeps_length(self.second, own.second)
        if kind == "element" and straight:
            return ElementNorm(own)
        raise FeatureTypeError(
            f"norm {kind!r} is not equivariant on {own!r}: where the first factor mixes points, "
            "only 'element' is, and only if both factors keep lengths. Choose that or none."
        )

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
            self._type(own.first, getattr(module, side, own.second))
            for side in ("in_type", "out_type")
        )
        return EachPoint(module, len(own.points), source, target)

    # Side information: that of the factor that takes any, or a pair.

    def _pair(self, structure: Any) -> tuple[Any, Any]:
        if self.first.structured and self.second.structured:
            if not isinstance(structure, tuple):
                return structure, None
            if len(structure) != 2:
                raise FeatureTypeError(
                    f"{self!r} got structure of {len(structure)} parts, expected a pair (of the "
                    "first factor, of the second). Write None for what there is not."
                )
            return structure
        return (structure, None) if self.first.structured else (None, structure)

    def _joined(self, one: Any, two: Any) -> Any:
        if self.first.structured and self.second.structured:
            return (one, two)
        return one if self.first.structured else two

    def transform_structure(self, g: Tensor, structure: Any) -> Any:
        if structure is None:
            return None
        (one, two), (g1, g2) = self._pair(structure), self.group.unpack(g)
        return self._joined(
            None if one is None else self.first.transform_structure(g1, one),
            None if two is None else self.second.transform_structure(g2, two),
        )

    def prepare_structure(self, structure: Any) -> Any:
        if structure is None or not self.structured:
            return super().prepare_structure(structure)
        one, two = self._pair(structure)
        return self._joined(self.first.prepare_structure(one), self.second.prepare_structure(two))

    def row_structure(self, structure: Any, layout: Layout) -> tuple[Any, Any]:
        one, two = self._pair(structure)
        for factor, part in zip(self.parts, (one, two), strict=True):
            if part is not None and factor.readout_layout(part, layout) is not layout:
                raise FeatureTypeError(
                    f"{self!r} got elements of different sizes as rows of their parts, which "
                    f"{factor!r} alone takes, expected elements of one size in a batch. Group "
                    "elements by size."
                )
        return (
            None if one is None else self.first.row_structure(one, layout),
            None if two is None else self.second.row_structure(two, layout),
        )

    def set_structure(self, structure: Any, layout: Layout) -> tuple[Any, Any]:
        one, two = self._pair(structure)
        return (
            None if one is None else self.first.set_structure(one, layout),
            None if two is None else self.second.set_structure(two, layout),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Product) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return f"({self.first!r} * {self.second!r})"


def _keeps_length(symmetry: ElementSymmetry, kind: FeatureType) -> bool:
    return kind.pointwise or is_orthogonal(symmetry.action(kind))


def _is_linear(read: nn.Module, kind: FeatureType) -> bool:
    """Return whether invariants are linear, by trying: not all modules say so."""
    read = read.double()
    x, y = kind.sample(2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    both: Tensor = read((x + y)[None])
    read.float()
    apart: Tensor = read(x[None]) + read(y[None])
    return torch.allclose(both, apart)
