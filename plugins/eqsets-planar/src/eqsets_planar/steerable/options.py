"""The options of a steerable convolution, read and checked at construction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eqsets import FeatureTypeError, ShapeError
from eqsets.errors import choices
from eqsets.tensors.convolution import convolved
from eqsets_planar.point_group import PointGroup
from eqsets_planar.steerable.output_grid import check_output_grid

__all__ = ["ConvOptions", "flag", "whole"]

_PADDINGS = ("circular", "reflect", "replicate", "zeros")


def whole(name: str, value: Any, least: int) -> int:
    """Return ``value`` if it is a whole number of at least ``least``.

    Raises:
        FeatureTypeError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise FeatureTypeError(
            f"element group 'planar' got {name}={value!r}, expected one whole number of at least "
            f"{least}: both axes of an image have the same. Write for example {name}="
            f"{max(least, 3) if name == 'kernel_size' else max(least, 1)}."
        )
    return value


def flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is True or False.

    Raises:
        FeatureTypeError: it is not; text such as ``"no"`` would count as True.
    """
    if not isinstance(value, bool):
        raise FeatureTypeError(
            f"element group 'planar' got {name}={value!r}, expected True or False. Write for "
            f"example {name}=True."
        )
    return value


@dataclass(frozen=True)
class ConvOptions:
    """How a steerable convolution moves over the image.

    Arguments:
        kernel_size: side of the filter; odd, or even with an explicit ``padding`` (its centre is
            between pixels, so the image changes its size by an odd number).
        stride: one output for every so many pixels; :meth:`~eqsets.ElementSymmetry.pool` is the
            antialiased alternative.
        padding: pixels on each side; by default as many as keep the size at stride 1.
        dilation: distance between pixels that the filter sees.
        padding_mode: ``"zeros"``, ``"replicate"``, ``"reflect"`` or ``"circular"``; all commute
            with quarter turns. Under other angles, ``"replicate"`` keeps constant surroundings.
        exact: refuse image sizes under which a stride breaks exactness.
        frequencies_cutoff: highest angular frequency of a filter as a multiple of its radius, or
            ``None`` for escnn's own bound.
        groups: fields are divided into so many groups, each mapped by itself with filters of its
            own; every block of both types must have a multiple of so many fields.

    Raises:
        FeatureTypeError: an option is out of range, or an even filter comes without padding.
    """

    kernel_size: int = 3
    stride: int = 1
    padding: int | None = None
    dilation: int = 1
    padding_mode: str = "zeros"
    exact: bool = True
    frequencies_cutoff: float | None = None
    groups: int = 1

    def __post_init__(self) -> None:
        flag("exact", self.exact)
        for name in ("kernel_size", "stride", "dilation", "groups"):
            whole(name, getattr(self, name), 1)
        if self.padding_mode not in _PADDINGS:
            raise FeatureTypeError(
                f"element group 'planar' got padding_mode={self.padding_mode!r}: "
                f"{choices(self.padding_mode, _PADDINGS)}"
            )
        cutoff = self.frequencies_cutoff
        if cutoff is not None and (not isinstance(cutoff, (int, float)) or not cutoff > 0):
            raise FeatureTypeError(
                f"element group 'planar' got frequencies_cutoff={cutoff!r}, expected a positive "
                "number, or None for the bound of escnn. Write for example 2.0."
            )
        if self.padding is not None:
            whole("padding", self.padding, 0)
        elif self.span % 2 == 0:
            raise FeatureTypeError(
                f"element group 'planar' got kernel_size={self.kernel_size}: a filter over "
                f"{self.span} pixels has its centre between pixels, so no padding keeps the size. "
                f"Expected an odd one such as {self.kernel_size + 1}, or padding=... given "
                "explicitly, such as padding=1."
            )

    @property
    def span(self) -> int:
        """Pixels that the filter reaches over."""
        return self.dilation * (self.kernel_size - 1) + 1

    @property
    def margin(self) -> int:
        """Pixels of padding on each side."""
        return self.span // 2 if self.padding is None else self.padding

    def check_image(self, points: PointGroup, x: Tensor) -> None:
        """Raise :class:`~eqsets.ShapeError` where ``x`` is too small or breaks exactness."""
        sizes = tuple(x.shape[-2:])
        least = {"reflect": self.margin + 1, "circular": max(1, self.margin)}
        if min(sizes) < least.get(self.padding_mode, 1):
            raise ShapeError(
                f"SteerableConv got an image of {sizes[0]} x {sizes[1]} pixels, expected sides of "
                f"at least {least.get(self.padding_mode, 1)} for padding_mode="
                f"{self.padding_mode!r} and padding by {self.margin}. Use larger images, a smaller "
                "kernel_size or padding_mode='replicate'."
            )
        check_output_grid(points, sizes, self.span, self.margin, self.stride, exact=self.exact)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve ``x: (E, C_in, H, W)`` with ``weight: (C_out, C_in / groups, k, k)``."""
        padding = self.margin
        if self.padding_mode != "zeros" and padding:
            x = torch.nn.functional.pad(x, [padding] * 4, mode=self.padding_mode)
            padding = 0
        convolve = torch.nn.functional.conv2d
        return convolved(
            convolve, x, weight, bias, self.stride, padding, self.dilation, self.groups
        )

    def __str__(self) -> str:
        parts = [f"kernel_size={self.kernel_size}"]
        parts += [f"stride={self.stride}"] if self.stride != 1 else []
        parts += [] if self.padding is None else [f"padding={self.padding}"]
        parts += [f"dilation={self.dilation}"] if self.dilation != 1 else []
        parts += [f"padding_mode={self.padding_mode!r}"] if self.padding_mode != "zeros" else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += [] if self.exact else ["exact=False"]
        return ", ".join(parts)
