"""The element symmetry of images under rotations and reflections.

Requirements that shaped this module:

- images go in and come out as plain tensors ``(C, H, W)``; a whole number of features means an
  image of so many channels, the orientation of hidden features is asked for by name;
- what is exact (quarter turns, reflections) is exact to rounding; what is not says how far off;
- escnn is asked once for each pair of representations, and only when a layer is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor, nn

from eqsets import ElementSymmetry, FeatureType, FeatureTypeError, Group
from eqsets.errors import choices
from eqsets.rows import pointwise_activation
from eqsets.symmetry import Conversion, SetCall
from eqsets_planar.conversion import CONVERSIONS, call_escnn_network
from eqsets_planar.fields.features import PlanarFields
from eqsets_planar.fields.parsing import parse
from eqsets_planar.fields.representations import Representation
from eqsets_planar.fields.restriction import Restriction
from eqsets_planar.layers.dropout import FieldDropout
from eqsets_planar.layers.nonlinearities import FieldGate, NormThreshold
from eqsets_planar.layers.norm import FieldNorm
from eqsets_planar.layers.pooling import BlurPool, InvariantPool
from eqsets_planar.layers.readout import FieldEmbedding, FieldInvariants, FieldMaxima, FieldPart
from eqsets_planar.layers.upsampling import FieldUpsample, require_kind
from eqsets_planar.layers.vectors import FieldMoments
from eqsets_planar.point_group import PointGroup
from eqsets_planar.steerable.convolution import SteerableConv
from eqsets_planar.steerable.escnn_interface import blocks_of, is_field_type
from eqsets_planar.steerable.filters import steerable_filters
from eqsets_planar.steerable.options import ConvOptions, whole

__all__ = ["Planar"]

_POOLS = ("average", "group", "max")
# Measured on smooth samples: at most 0.02 for a layer of any kind, 0.06 for kind='max'.
_INTERPOLATED = 0.05


@dataclass(frozen=True, repr=False)
class Planar(ElementSymmetry):
    """Images ``(C, H, W)`` under rotations about their centre, and reflections.

    Arguments:
        rotations: how many rotations, such as 4 or 8, or ``None`` for any angle.
        reflections: whether mirror images count too.
        max_frequency: highest frequency of irreps for continuous rotations.
        grid: side of the images that test features are drawn on, or ``None`` for small ones. Angles
            that are interpolated need 33, the default then: what is smooth and fits into a smaller
            image is a single blob, of which a ReLU may leave a sliver that no pixel meets.

    Raises:
        FeatureTypeError: an option is out of range.

    Example:
        >>> import torch
        >>> planar = Planar(rotations=4)
        >>> layer = planar.linear(planar.feature_type(3), planar.feature_type("8 regular"))
        >>> layer(torch.randn(5, 3, 9, 9)).shape
        torch.Size([5, 32, 9, 9])
    """

    rotations: int | None = 4
    reflections: bool = False
    max_frequency: int = 3
    grid: int | None = None

    def __post_init__(self) -> None:
        PointGroup(self.rotations, self.reflections)
        whole("max_frequency", self.max_frequency, 0)
        if self.grid is not None:
            whole("grid", self.grid, 1)

    @property
    def points(self) -> PointGroup:
        """The point group: rotations and reflections about the centre."""
        return PointGroup(self.rotations, self.reflections)

    @property
    def group(self) -> Group:
        return self.points.group

    @property
    def tolerance(self) -> float:  # type: ignore[override]
        """Relative error in float64: rounding for quarter turns, else that of sampled filters."""
        return 1e-10 if self.points.exact else _INTERPOLATED

    def feature_type(self, spec: Any) -> PlanarFields:
        """Return the type of ``3``, ``"16 regular"``, ``"8 trivial + 4 irrep(1)"`` or a FieldType.

        A whole number means trivial fields: an image of so many channels. ``irreps(k)`` is short
        for one irrep of each frequency up to ``k``.

        Raises:
            FeatureTypeError: the specification is not understood, or is of another group.
        """
        if isinstance(spec, FeatureType):
            return self._own(spec)
        if is_field_type(spec):
            blocks = blocks_of(spec, self.points, self.max_frequency)
        elif isinstance(spec, str) or (isinstance(spec, int) and not isinstance(spec, bool)):
            blocks = parse(str(spec), self.points, self.max_frequency)
        else:
            raise FeatureTypeError(
                f"got the planar feature type {spec!r} of {type(spec).__name__}, expected a whole "
                "number, text or an escnn FieldType. Write for example 3 or '16 regular'."
            )
        return PlanarFields(self.points, blocks, self.grid)

    def _own(self, given: FeatureType) -> PlanarFields:
        if not isinstance(given, PlanarFields) or given.points != self.points:
            raise FeatureTypeError(
                f"{self!r} got {given!r}, expected fields of its own group {self.points.name}. "
                "Make types with symmetry.feature_type(...), or go over with symmetry.restrict."
            )
        return given

    def linear(
        self, in_type: FeatureType, out_type: FeatureType, *, bias: bool = True, **options: Any
    ) -> SteerableConv:
        """Return a steerable convolution; ``options`` are :class:`.ConvOptions`.

        Raises:
            FeatureTypeError: an option is unknown or out of range, or no filter fits the types.
            PluginError: escnn cannot be imported.
        """
        known = [field.name for field in fields(ConvOptions)]
        for name in options:
            if name not in known:
                raise FeatureTypeError(
                    f"the convolutions of {self!r} know no option {name!r}: {choices(name, known)}"
                )
        source, target, read = self._own(in_type), self._own(out_type), ConvOptions(**options)
        bases = {
            (a, b): self.filters(a, b, read) for _, a in source.blocks for _, b in target.blocks
        }
        return SteerableConv(source, target, bases, read, bias=bias)

    def filters(
        self, source: Representation, target: Representation, options: ConvOptions
    ) -> Tensor:
        """Return the basis of steerable filters between two representations, made once."""
        size = (options.kernel_size, options.dilation, options.frequencies_cutoff)
        memo = self.__dict__.setdefault("_filters", {})
        if (source, target, *size) not in memo:
            memo[source, target, *size] = steerable_filters(self.points, source, target, *size)
        basis: Tensor = memo[source, target, *size]
        return basis

    def invariant(self, in_type: FeatureType) -> FieldInvariants:
        """Return the mean over the image of each field, or of its length (irreps)."""
        return FieldInvariants(self._own(in_type))

    def maximum(self, in_type: FeatureType) -> FieldMaxima:
        """Return the maximum over the image of each field, or of its length (irreps)."""
        return FieldMaxima(self._own(in_type))

    def vectors(self, in_type: FeatureType) -> FieldMoments:
        """Return the first moment of each field about the centre of the image."""
        return FieldMoments(self._own(in_type))

    def embed(self, features: int, out_type: FeatureType) -> FieldEmbedding:
        """Return a module that writes invariants onto all pixels."""
        return FieldEmbedding(features, self._own(out_type))

    def invariant_part(self, out_type: FeatureType) -> FieldPart:
        """Return the mean of each field over pixels and components; irreps have none."""
        return FieldPart(self._own(out_type))

    def norm(self, in_type: FeatureType, kind: str = "element") -> FieldNorm:
        """Return a normalisation of fields, ``kind`` ``"element"`` or ``"batch"``."""
        return FieldNorm(self._own(in_type), kind)

    def nonlinearity(self, in_type: FeatureType, name: str = "relu") -> nn.Module:
        """Return a nonlinearity that keeps the type.

        Pointwise types (trivial, regular, quotient) take the activation as it is; irreps are gated
        by the invariants at their pixel, or, with ``name="norm"``, shortened by a threshold.

        Raises:
            FeatureTypeError: the name is unknown.
        """
        own = self._own(in_type)
        if name == "norm":
            return NormThreshold(own) if not own.pointwise else pointwise_activation("relu")
        return pointwise_activation(name) if own.pointwise else FieldGate(own, name)

    def dropout(self, in_type: FeatureType, p: float) -> FieldDropout:
        """Return a dropout of whole fields."""
        return FieldDropout(self._own(in_type), p)

    def pool(  # type: ignore[override]  # names the options that the base class leaves open
        self, in_type: FeatureType, *, kind: str = "average", stride: int | None = None
    ) -> nn.Module:
        """Return a module with ``.out_type`` that makes elements smaller.

        Arguments:
            in_type: type of the features.
            kind: ``"average"`` blurs and keeps every ``stride``-th pixel (2 unless given);
                ``"max"`` takes the maximum over neighbours first; ``"group"`` keeps the pixels and
                reads one scalar from each field: the maximum over its components, or its length.
            stride: how many times smaller; none for ``"group"``.

        Raises:
            FeatureTypeError: the kind is unknown, or does not fit the type or the stride.
        """
        if kind not in _POOLS:
            raise FeatureTypeError(f"{self!r} knows no pooling {kind!r}: {choices(kind, _POOLS)}")
        own = self._own(in_type)
        if kind != "group":
            size = whole("stride", 2 if stride is None else stride, 1)
            return BlurPool(own, size, maximum=kind == "max")
        if stride is not None:
            raise FeatureTypeError(
                f"pooling over the group keeps all pixels, got stride={stride}. Leave stride out, "
                "and pool by kind='average' before or after."
            )
        return InvariantPool(own)

    def upsample(  # type: ignore[override]  # names the options that the base class leaves open
        self, in_type: FeatureType, *, stride: int = 2, kind: str = "linear"
    ) -> FieldUpsample:
        """Return a module with ``.out_type`` that makes elements ``stride`` times larger.

        Raises:
            FeatureTypeError: the kind is not ``"linear"``, or the stride no positive whole number.
        """
        require_kind(kind)
        return FieldUpsample(self._own(in_type), whole("stride", stride, 1))

    def restrict(
        self, in_type: FeatureType, *, rotations: int | None, reflections: bool = False
    ) -> Restriction:
        """Return a module that declares features as those of a subgroup, ``.out_type``.

        Raises:
            FeatureTypeError: the rotations and reflections are no subgroup.

        Example:
            >>> planar = Planar(rotations=8)
            >>> planar.restrict(planar.feature_type("2 regular"), rotations=4).out_type
            element_group('planar', rotations=4, reflections=False).feature_type('4 regular')
        """
        return Restriction(self._own(in_type), PointGroup(rotations, reflections))

    def conversions(self) -> Sequence[Conversion]:
        """Return those of escnn: its convolutions, and modules that act on each element."""
        return (*CONVERSIONS, *super().conversions())

    def call_model(self, model: nn.Module, rows: Tensor, call: SetCall) -> Any:
        """Call a network with images, as a GeometricTensor if it is a module of escnn."""
        return call_escnn_network(model, rows)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_filters"}

    def __repr__(self) -> str:
        parts = [f"rotations={self.rotations}", f"reflections={self.reflections}"]
        parts += [f"max_frequency={self.max_frequency}"] if self.max_frequency != 3 else []
        parts += [] if self.grid is None else [f"grid={self.grid}"]
        return f"element_group('planar', {', '.join(parts)})"
