"""The element symmetry of signals, images and volumes.

Requirements that shaped this module:

- the plain case is plain: ``DSS("translations", 3, 16, kernel_size=3)`` on ``(B, N, 3, H, W)``;
- what a layer commutes with is stated, not hoped for: features of a coarser grid have a type of
  their own, and only shifts that land on its points are claimed;
- no promise about borders that zeros cannot keep.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

from torch import nn

from eqsets import ElementSymmetry, FeatureType, FeatureTypeError
from eqsets.errors import choices
from eqsets.rows import ConstantPart
from eqsets.symmetry import Conversion
from eqsets_translations.convolution import Convolution
from eqsets_translations.features import GridFeatures
from eqsets_translations.options import per_axis
from eqsets_translations.readout import GridEmbedding, GridMaximum, GridMean
from eqsets_translations.resample import GridPool, GridUpsample
from eqsets_translations.shifts import Shifts

__all__ = ["Translations"]

_PADDINGS = ("circular", "zeros")
_SPEC = re.compile(r"\s*(\d+)\s*(?:/\s*(\d+(?:\s*,\s*\d+)*))?\s*")


@dataclass(frozen=True, repr=False)
class Translations(ElementSymmetry):
    """Shifts of a grid by whole pixels; the layers are convolutions.

    Arguments:
        dims: 1 for signals ``(C, L)``, 2 for images ``(C, H, W)``, 3 for volumes ``(C, D, H, W)``.
        padding_mode: ``"zeros"``, exact away from the border, or ``"circular"``, exact.
        stride: the shifts that a whole model commutes with are multiples of this many pixels, one
            number or one for each axis: the total stride of a U-Net.
        grid: sizes of the finest grid that test features are drawn on, or ``None`` for small ones.

    Raises:
        FeatureTypeError: an option is out of range.

    Example:
        >>> images = Translations()
        >>> images.linear(images.feature_type(3), images.feature_type(16), kernel_size=5)
        Convolution(3 -> 16, kernel_size=(5, 5), padding_mode='zeros', exact away from the border)
    """

    dims: int = 2
    padding_mode: str = "zeros"
    stride: int | tuple[int, ...] = 1
    grid: int | tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.dims not in (1, 2, 3) or isinstance(self.dims, bool):
            raise FeatureTypeError(
                f"element group 'translations' got dims={self.dims!r}, expected 1 (signals), 2 "
                "(images) or 3 (volumes). Write dims=2 for images."
            )
        if self.padding_mode not in _PADDINGS:
            raise FeatureTypeError(
                f"element group 'translations' got padding_mode={self.padding_mode!r}: "
                f"{choices(self.padding_mode, _PADDINGS)}"
            )
        per_axis(self.stride, self.dims, "stride")
        if self.grid is not None:
            per_axis(self.grid, self.dims, "grid")

    @property
    def group(self) -> Shifts:
        return Shifts(per_axis(self.stride, self.dims, "stride"))

    def feature_type(self, spec: Any) -> GridFeatures:
        """Return the type of ``16`` channels, or of ``"16 /2"``: on every second pixel.

        Raises:
            FeatureTypeError: the specification is not understood, or a type is of another symmetry.
        """
        if isinstance(spec, FeatureType):
            return self._own(spec)
        match = _SPEC.fullmatch(str(spec)) if isinstance(spec, (int, str)) else None
        steps = [int(part) for part in ((match and match[2]) or "1").split(",")]
        if not match or int(match[1]) < 1 or min(steps) < 1 or len(steps) not in (1, self.dims):
            raise FeatureTypeError(
                f"got the feature type {spec!r}, expected a number of channels of at least 1, "
                "alone or with a resolution. Write 16, or '16 /2' for every second pixel."
            )
        step = tuple(steps) if len(steps) == self.dims else (steps[0],) * self.dims
        return self._type(int(match[1]), step)

    def _type(self, count: int, *steps: tuple[int, ...]) -> GridFeatures:
        """Return a type of the last of the steps that claims shifts which fit all of them."""
        claimed = tuple(map(lcm, self.group.stride, *steps))
        grid = None if self.grid is None else per_axis(self.grid, self.dims, "grid")
        return GridFeatures(count, steps[-1], self.padding_mode, Shifts(claimed), grid)

    def _own(self, given: FeatureType) -> GridFeatures:
        mine = isinstance(given, GridFeatures) and (given.dims, given.padding_mode) == (
            self.dims,
            self.padding_mode,
        )
        if not isinstance(given, GridFeatures) or not mine:
            raise FeatureTypeError(
                f"{self!r} got {given!r}, expected features on a grid of {self.dims} axes with "
                f"padding_mode={self.padding_mode!r}. Make types with symmetry.feature_type(...)."
            )
        return given

    def layer_types(
        self,
        in_type: FeatureType,
        out_type: FeatureType,
        *,
        stride: int | tuple[int, ...] | None = None,
        transposed: bool = False,
        **options: Any,
    ) -> tuple[GridFeatures, GridFeatures]:
        """Return the types that a layer with these options really maps between.

        A plain number of channels does not say the resolution: the stride does.

        Raises:
            FeatureTypeError: the resolutions of the types and the stride contradict each other.
        """
        source, target = self._own(in_type), self._own(out_type)
        given = steps = (source.step, target.step)
        if stride is not None:
            times = per_axis(stride, self.dims, "stride")
            steps = _strided(source.step, times)
            if transposed:
                fine = target.step
                if max(fine) == 1:  # where it is not said, what the input leaves
                    pairs = zip(source.step, times, strict=True)
                    fine = tuple(max(1, step // factor) for step, factor in pairs)
                steps = _strided(fine, times)[1], fine
            if any(max(have) > 1 and have != want for have, want in zip(given, steps, strict=True)):
                raise FeatureTypeError(
                    f"got stride={stride}{', transposed' if transposed else ''} for features "
                    f"{source} -> {target} of steps {given[0]} -> {given[1]}, expected steps "
                    f"{steps[0]} -> {steps[1]}. Leave stride out: it follows from the types."
                )
        coarser, finer = (
            all(a % b == 0 for a, b in zip(*pair, strict=True)) for pair in (steps[::-1], steps)
        )
        if not (finer or (coarser and not transposed)):
            raise FeatureTypeError(
                f"no convolution maps step {steps[0]} to step {steps[1]} ({source} -> {target}"
                f"{', transposed' if transposed else ''}), expected one to divide the other on all "
                "axes. Go through a third resolution."
            )
        return (
            self._type(source.count, steps[1], steps[0]),
            self._type(target.count, steps[0], steps[1]),
        )

    def linear(
        self, in_type: FeatureType, out_type: FeatureType, *, bias: bool = True, **options: Any
    ) -> nn.Module:
        """Return a convolution; the options are ``stride`` and those of :class:`Convolution`.

        Raises:
            FeatureTypeError: an option is unknown or out of range, or contradicts the types.
        """
        known = ("dilation", "groups", "kernel_size", "padding", "stride", "transposed")
        self._known(options, known)
        source, target = self.layer_types(in_type, out_type, **options)
        rest = {name: value for name, value in options.items() if name != "stride"}
        return Convolution(source, target, bias=bias, **rest)

    def _known(self, options: dict[str, Any], known: tuple[str, ...]) -> None:
        for name in options:
            if name not in known:
                raise FeatureTypeError(f"{self!r} knows no option {name!r}: {choices(name, known)}")

    def invariant(self, in_type: FeatureType) -> GridMean:
        """Return the mean of each channel over the grid."""
        return GridMean(self._own(in_type))

    def maximum(self, in_type: FeatureType) -> GridMaximum:
        """Return the maximum of each channel over the grid."""
        return GridMaximum(self._own(in_type))

    def embed(self, features: int, out_type: FeatureType) -> GridEmbedding:
        """Return a module that writes invariants onto the whole grid."""
        return GridEmbedding(features, self._own(out_type))

    def invariant_part(self, out_type: FeatureType) -> ConstantPart:
        """Return the mean of each channel over the grid, on the whole grid."""
        return ConstantPart(self._own(out_type).channel_axis)

    def pool(
        self,
        in_type: FeatureType,
        *,
        kind: str = "max",
        size: int | tuple[int, ...] = 2,
        **options: Any,
    ) -> GridPool:
        """Return a pooling of blocks of ``size`` points by their ``"max"`` or ``"mean"``.

        Raises:
            FeatureTypeError: the kind or an option is unknown, or the size out of range.
        """
        self._known(options, ("kind", "size"))
        source = self._own(in_type)
        block = per_axis(size, self.dims, "size")
        step = tuple(a * b for a, b in zip(source.step, block, strict=True))
        return GridPool(
            self._type(source.count, step, source.step), self._type(source.count, step), kind, block
        )

    def upsample(  # type: ignore[override]  # names the options that the base class leaves open
        self, in_type: FeatureType, *, factor: int | tuple[int, ...] = 2, kind: str = "nearest"
    ) -> GridUpsample:
        """Return an up-sampling that repeats points (``"nearest"``) or interpolates (``"linear"``).

        Raises:
            FeatureTypeError: the kind is unknown, or the output would be finer than one pixel.
        """
        return GridUpsample(self._own(in_type), per_axis(factor, self.dims, "factor"), kind)

    def conversions(self) -> Sequence[Conversion]:
        """Return those of torch: its convolutions and transposed convolutions of these axes."""
        kinds = [f"torch.nn.modules.conv.Conv{kind}{self.dims}d" for kind in ("", "Transpose")]
        return (Conversion(*kinds, channel_axis=1), *super().conversions())

    def __repr__(self) -> str:
        parts = [f"dims={self.dims}", f"padding_mode={self.padding_mode!r}"]
        parts += [] if self.stride == 1 else [f"stride={self.stride}"]
        parts += [] if self.grid is None else [f"grid={self.grid}"]
        return f"element_group('translations', {', '.join(parts)})"


def _strided(
    fine: tuple[int, ...], times: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the steps before and after a stride."""
    return fine, tuple(a * b for a, b in zip(fine, times, strict=True))
