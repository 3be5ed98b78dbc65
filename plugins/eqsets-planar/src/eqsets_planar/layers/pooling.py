"""Smaller images and fewer components: antialiased pooling, group and norm pooling."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError, ShapeError
from eqsets.constants import Constants, on_cpu
from eqsets_planar.fields.features import PlanarFields
from eqsets_planar.fields.parsing import merged
from eqsets_planar.fields.representations import TRIVIAL
from eqsets_planar.layers.nonlinearities import field_length

__all__ = ["BlurPool", "InvariantPool"]


class BlurPool(nn.Module):
    r"""Blur, then keep every ``stride``-th pixel: the image shrinks to ``ceil(size / stride)``.

    The blur is a Gaussian of half a stride; its number of taps, odd or even, follows from the size
    of the image, so that the kept pixels lie symmetrically about the centre: quarter turns and
    reflections stay exact for *every* size, where a strided convolution needs odd ones.

    References:
        Making Convolutional Networks Shift-Invariant Again, Zhang, ICML 2019,
        https://arxiv.org/abs/1904.11486.

    Arguments:
        in_type: type of the features, kept.
        stride: how many times smaller.
        maximum: take the maximum over neighbours of a stride before blurring (pointwise types).

    Raises:
        FeatureTypeError: ``maximum`` on a type that is not pointwise.
    """

    def __init__(self, in_type: PlanarFields, stride: int = 2, *, maximum: bool = False) -> None:
        super().__init__()
        if maximum and not in_type.pointwise:
            raise FeatureTypeError(
                f"max pooling compares component by component, which breaks the symmetry of "
                f"{in_type!r}, expected trivial, regular and quotient fields. Use kind='average'."
            )
        self.in_type = self.out_type = in_type
        self.stride, self.maximum = stride, maximum
        reach = ceil(1.5 * stride)
        with on_cpu():
            odd = _gaussian(2 * reach + 1, stride / 2)
            even = _gaussian(2 * reach + 2, stride / 2)
        self.constants = Constants(odd=odd, even=even)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C, H, W)`` to ``(E, C, ceil(H / stride), ceil(W / stride))``.

        Raises:
            ShapeError: the channels do not fit, or there are no pixels.
        """
        self.in_type.check(x, ("E",), "BlurPool")
        if 0 in x.shape[2:]:
            raise ShapeError(
                f"BlurPool got images of {x.shape[2]} x {x.shape[3]} pixels, expected at least "
                "one. Leave empty images out."
            )
        if self.maximum:
            around = self.stride // 2
            x = torch.nn.functional.max_pool2d(x, 2 * around + 1, stride=1, padding=around)
        y = x.reshape(x.shape[0] * x.shape[1], 1, *x.shape[2:])
        y = self._along(y, 2)
        y = self._along(y, 3)
        return y.reshape(*x.shape[:2], *y.shape[2:])

    def _along(self, x: Tensor, axis: int) -> Tensor:
        # trimmed = taps - 2 * padding fits the size: (size - trimmed) % stride == 0
        trimmed = (x.shape[axis] - 1) % self.stride + 1
        taps = self.constants.get("odd" if trimmed % 2 else "even", x)
        padding = (len(taps) - trimmed) // 2
        sides = [0, 0, padding, padding] if axis == 2 else [padding, padding, 0, 0]
        x = torch.nn.functional.pad(x, sides, mode="replicate")
        shape = (1, 1, -1, 1) if axis == 2 else (1, 1, 1, -1)
        stride = (self.stride, 1) if axis == 2 else (1, self.stride)
        return torch.nn.functional.conv2d(x, taps.reshape(shape), stride=stride)

    def extra_repr(self) -> str:
        return f"{self.in_type}, stride={self.stride}, maximum={self.maximum}"


class InvariantPool(nn.Module):
    """Read one scalar from each field at each pixel: group pooling and norm pooling.

    The maximum over the components of a regular or quotient field, the length of an irrep;
    ``out_type`` has as many trivial fields as there were fields.
    """

    def __init__(self, in_type: PlanarFields) -> None:
        super().__init__()
        self.in_type = in_type
        blocks = merged([(count, TRIVIAL) for count, _ in in_type.blocks])
        self.out_type = replace(in_type, blocks=blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C, H, W)`` to ``(E, fields, H, W)``."""
        blocks = zip(self.in_type.split(x), self.in_type.blocks, strict=True)
        parts = [part.amax(-3) if r.pointwise else field_length(part) for part, (_, r) in blocks]
        return torch.cat(parts, -3)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


def _gaussian(taps: int, sigma: float) -> Tensor:
    position = torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2
    weights = torch.exp(-(position**2) / (2 * sigma**2))
    return weights / weights.sum()
