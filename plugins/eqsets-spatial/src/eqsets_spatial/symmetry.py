"""The rotations, and reflections, of space: what ``element_group("spatial")`` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from eqsets import ElementSymmetry, FeatureType, FeatureTypeError, InvariantFeatures
from eqsets.errors import choices
from eqsets.groups import OrthogonalGroup
from eqsets.structure import Structure
from eqsets.symmetry import Conversion
from eqsets_spatial.conversion import CONVERSIONS
from eqsets_spatial.features import IrrepsFeatures, merged_blocks, parse_blocks
from eqsets_spatial.layers.batch_norm import IrrepsBatchNorm
from eqsets_spatial.layers.convolution import PointConvolution
from eqsets_spatial.layers.dropout import CopyDropout
from eqsets_spatial.layers.linear import SpatialLinear
from eqsets_spatial.layers.nonlinearities import Gate
from eqsets_spatial.layers.norm import RootMeanSquareNorm
from eqsets_spatial.layers.pooling import PointPool
from eqsets_spatial.layers.products import IrrepsProduct
from eqsets_spatial.layers.readout import ScalarPart, SpatialEmbedding, SpatialInvariant
from eqsets_spatial.layers.vectors import IrrepsVectors
from eqsets_spatial.positions import Positions

__all__ = ["Spatial"]

_OPTIONS = (
    "basis",
    "degree",
    "edge_features",
    "edges",
    "hidden",
    "neighbors",
    "radial",
    "radius",
)


@dataclass(frozen=True, repr=False)
class Spatial(ElementSymmetry):
    r"""Elements that turn in space: steerable vectors ``(dim,)`` and clouds of points ``(P, dim)``.

    The group is O(3), or SO(3) without reflections; its elements are matrices ``(3, 3)``. With
    positions as ``structure=``, convolutions on clouds are invariant to shifts as well: E(3) and
    SE(3). The ``l = 1`` irreps are vectors ``(x, y, z)``, as in e3nn.

    Arguments:
        reflections: whether mirror images count as the same, too.
        correspondence: whether points of one number belong together in the clouds of a set, as in
            conformers of one molecule. If not, clouds of a set are different ones, of any number
            of points: with ``alignment="independent"`` they share invariants of whole clouds.

    Raises:
        FeatureTypeError: an argument is not a bool.

    Example:
        >>> import torch
        >>> from eqsets import DSS
        >>> layer = DSS(Spatial(), "8x0e + 4x1o", "8x0e + 4x1o")
        >>> layer(torch.randn(2, 5, 20)).shape
        torch.Size([2, 5, 20])
        >>> layer = DSS(Spatial(), "points: 8", "points: 8x0e + 4x1o", radius=2.0)
        >>> layer(torch.randn(2, 5, 7, 8), structure=torch.randn(2, 5, 7, 3)).shape
        torch.Size([2, 5, 7, 20])
    """

    reflections: bool = True
    correspondence: bool = True
    structured = True
    tolerance = 1e-12

    def __post_init__(self) -> None:
        if not isinstance(self.reflections, bool):
            raise FeatureTypeError(
                f"element group 'spatial' got reflections={self.reflections!r}, expected True for "
                "O(3) or False for SO(3)."
            )
        if not isinstance(self.correspondence, bool):
            raise FeatureTypeError(
                f"element group 'spatial' got correspondence={self.correspondence!r}, expected "
                "True for clouds whose points correspond, or False."
            )

    @property
    def group(self) -> OrthogonalGroup:
        return OrthogonalGroup(3, special=not self.reflections)

    def feature_type(self, spec: Any, *, points: bool | None = None) -> FeatureType:
        """Return the type that ``spec`` names.

        Arguments:
            spec: a number of scalars (``8``), irreps as e3nn writes them (``"8x0e + 4x1o"``), the
                same on the points of a cloud (``"points: 8x0e + 4x1o"``), an e3nn ``Irreps``, or
                a type.
            points: whether the features are on points; ``None`` leaves it to ``spec``.

        Raises:
            FeatureTypeError: the irreps do not parse, or the type belongs to another group.
        """
        if isinstance(spec, InvariantFeatures) and not points:
            return spec
        if isinstance(spec, FeatureType):
            return self._own(spec, points)
        if isinstance(spec, str):
            head, colon, tail = spec.partition(":")
            if colon and head.strip() == "points" and points is not False:
                spec, points = tail, True
        written = parse_blocks(spec, self.reflections)
        blocks = merged_blocks(written)
        return IrrepsFeatures(
            blocks, self.group, bool(points), None if written == blocks else written
        )

    def _own(self, given: FeatureType, points: bool | None) -> IrrepsFeatures:
        if not isinstance(given, IrrepsFeatures) or given.group != self.group:
            raise FeatureTypeError(
                f"{self!r} got {given!r}, expected a type of its own group. Make it with "
                "symmetry.feature_type('8x0e + 4x1o')."
            )
        if points is not None and points != given.points:
            raise FeatureTypeError(
                f"{self!r} got points={points} and {given!r}, expected both to say the same. "
                "Leave points= out, or name the irreps as a string."
            )
        return given

    def linear(
        self, in_type: FeatureType, out_type: FeatureType, *, bias: bool = True, **options: Any
    ) -> nn.Module:
        """Return the linear layer: all maps between irreps, or a convolution on clouds.

        Arguments:
            in_type: type of the input.
            out_type: type of the output; both or neither on points.
            bias: whether to add one to the scalars.
            options: for clouds ``radius=``, ``neighbors=`` (or both) or ``edges=True`` ask for a
                convolution, with ``degree=``, ``basis=``, ``hidden=``, ``edge_features=`` and
                ``radial=`` as
                :class:`~eqsets_spatial.layers.convolution.PointConvolution` has them.

        Raises:
            FeatureTypeError: only one of the types is on points, or an option is unknown or wrong.
        """
        cloud = isinstance(in_type, IrrepsFeatures) and in_type.points
        if cloud != (isinstance(out_type, IrrepsFeatures) and out_type.points):
            raise FeatureTypeError(
                f"a linear layer got {in_type!r} and {out_type!r}, expected both on points or "
                "neither. Pool over the points with eqsets.nn.pool, or add 'points:'."
            )
        given = {name: value for name, value in options.items() if value is not None}
        reaches = "radius" in given or "neighbors" in given or given.get("edges") is True
        if cloud and reaches:
            _check_options(given)
            source, target = (
                kind for kind in (in_type, out_type) if isinstance(kind, IrrepsFeatures)
            )
            return PointConvolution(source, target, bias=bias, **given)
        if cloud and given:
            raise FeatureTypeError(
                f"a linear layer on points got the options {sorted(given)}, expected radius=, "
                "neighbors= or edges=True among them: without these each point is mapped by "
                "itself. Give one of them, or leave the options out."
            )
        self._no_options(given)
        return SpatialLinear(in_type, out_type, bias=bias)

    def invariant(self, in_type: FeatureType) -> nn.Module:
        return SpatialInvariant(self.feature_type(in_type))

    def maximum(self, in_type: FeatureType) -> nn.Module:
        """Return the maximum over the points of a cloud of the invariants of each.

        Raises:
            FeatureTypeError: the type is not on points.
        """
        own = self.feature_type(in_type)
        if not isinstance(own, IrrepsFeatures) or not own.points:
            raise FeatureTypeError(
                f"there is no maximum over the points of {own!r}, expected a type on points, such "
                "as 'points: 8x0e'. Read the invariants instead: 'mean'."
            )
        return SpatialInvariant(own, kind="max")

    def shared_invariant(self, in_type: FeatureType) -> nn.Module:
        """Return the invariants of each point, or of the cloud where no points correspond."""
        kind = "points" if self.correspondence else "mean"
        return SpatialInvariant(in_type, kind=kind)

    def embed(self, features: int, out_type: FeatureType) -> nn.Module:
        return SpatialEmbedding(features, self.feature_type(out_type))

    def invariant_part(self, out_type: FeatureType) -> ScalarPart:
        """Return the projection onto the scalars, of each point or of the cloud."""
        return ScalarPart(self.feature_type(out_type), by_point=self.correspondence)

    def vectors(self, in_type: FeatureType) -> IrrepsVectors:
        """Return the irreps of degree 1 as vectors, over all points.

        Raises:
            FeatureTypeError: the type has none.
        """
        return IrrepsVectors(self._own(in_type, None))

    def norm(self, in_type: FeatureType, kind: str = "element") -> nn.Module:
        in_type = self.feature_type(in_type)
        if kind == "element" and isinstance(in_type, IrrepsFeatures):
            return RootMeanSquareNorm(in_type)
        if kind == "batch" and isinstance(in_type, IrrepsFeatures) and not in_type.pointwise:
            return IrrepsBatchNorm(in_type)
        return super().norm(in_type, kind)

    def bilinear(
        self, in_type: FeatureType, out_type: FeatureType, *, channels: int = 8
    ) -> nn.Module:
        """Return products of irreps with themselves, on an element or on each point of a cloud.

        Raises:
            FeatureTypeError: no product is in the output, or only one of the types is on points.
        """
        source, target = self.feature_type(in_type), self.feature_type(out_type)
        if source.has_parts != target.has_parts:
            raise FeatureTypeError(
                f"products of features got {source!r} and {target!r}, expected both on points or "
                "neither. Pool over the points with eqsets.nn.pool, or add 'points:'."
            )
        return IrrepsProduct(source, target, channels)

    def nonlinearity(self, in_type: FeatureType, name: str = "relu") -> nn.Module:
        in_type = self.feature_type(in_type)
        if isinstance(in_type, IrrepsFeatures) and not in_type.pointwise:
            return Gate(in_type, name)
        return super().nonlinearity(in_type, name)

    def dropout(self, in_type: FeatureType, p: float) -> nn.Module:
        in_type = self.feature_type(in_type)
        if isinstance(in_type, IrrepsFeatures):
            return CopyDropout(in_type, p)
        return super().dropout(in_type, p)

    def pool(self, in_type: FeatureType, **options: Any) -> nn.Module:
        """Return the pooling of a cloud over its points, ``reduce="mean"`` or ``"sum"``.

        Raises:
            FeatureTypeError: the type is not on points, or the options are unknown.
        """
        if not isinstance(in_type, IrrepsFeatures) or not in_type.points:
            return super().pool(in_type, **options)
        reduce = options.pop("reduce", "mean")
        self._no_options(options)
        return PointPool(in_type, reduce)

    def structure(self, given: Any) -> Structure:
        """Return the positions of the points as one object."""
        if given is None or isinstance(given, Structure):
            return super().structure(given)
        return Positions.of(given)

    def conversions(self) -> Sequence[Conversion]:
        """Return those of e3nn: its linear maps and its batch normalisation."""
        return (*CONVERSIONS, *super().conversions())

    def __repr__(self) -> str:
        more = "" if self.correspondence else ", correspondence=False"
        return f"element_group('spatial', reflections={self.reflections}{more})"


def _check_options(options: dict[str, Any]) -> None:
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise FeatureTypeError(
            f"a convolution on points got the option {unknown[0]!r}: "
            f"{choices(unknown[0], _OPTIONS)}"
        )
    for name, value in options.items():
        if not _fits(name, value):
            raise FeatureTypeError(
                f"a convolution on points got {name}={value!r}, expected {_EXPECTED[name]}. Write "
                "for example radius=5.0, neighbors=16."
            )


_EXPECTED = {
    "basis": "a whole number from 0",
    "degree": "a whole number from 0",
    "edge_features": "a whole number from 0",
    "edges": "True or False",
    "hidden": "a whole number from 1",
    "neighbors": "a whole number from 1",
    "radial": "a callable (inputs, outputs) that builds a module",
    "radius": "a distance above 0",
}


def _fits(name: str, value: Any) -> bool:
    if name == "radial":
        return callable(value)
    if name == "edges" or isinstance(value, bool):
        return name == "edges" and isinstance(value, bool)
    if name == "radius":
        return isinstance(value, int | float) and 0 < value < torch.inf
    return isinstance(value, int) and value >= (0 if _EXPECTED[name].endswith("0") else 1)
