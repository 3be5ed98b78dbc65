"""The linear map that commutes with shifts: a convolution, and its transpose."""

from __future__ import annotations

import warnings
from math import ceil, prod, sqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eqsets import FeatureTypeError, ShapeError
from eqsets.tensors.convolution import convolved
from eqsets.tensors.difference import bias_difference
from eqsets_translations.features import GridFeatures
from eqsets_translations.options import flag, per_axis

__all__ = ["Convolution"]

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


class Convolution(nn.Module):
    r"""Convolve each element of a set with one and the same kernel.

    .. math:: y_{c', p} = b_{c'} + \sum_{c, q} w_{c' c q} \, x_{c, s p + d q - l}

    with stride :math:`s`, dilation :math:`d` and :math:`l` zeros on the left (on a circular grid:
    points from the other side). The grid keeps its size, divided by the stride: :math:`d (k - 1)`
    points are added, the odd one on the right, so even kernels do as well. The transposed map
    writes each point into the middle of those that it stands for. A kernel as large as a
    circular grid gives *all* equivariant linear maps, a smaller one those of that support.

    Arguments:
        in_type: type of the input.
        out_type: type of the output; its step says whether the map strides or is transposed.
        kernel_size: points of the kernel, one number or one for each axis.
        dilation: distance of neighbouring points of the kernel.
        groups: number of blocks that the channels are split into.
        padding: zeros on both sides instead of keeping the size; not on a circular grid.
        transposed: take the transposed map, also where the grids agree.
        bias: whether to add one number for each channel.

    Raises:
        FeatureTypeError: an option is out of range, or does not fit the types.
    """

    _version = 2  # 1: a transposed kernel smaller than the stride was not in the middle

    def __init__(
        self,
        in_type: GridFeatures,
        out_type: GridFeatures,
        *,
        kernel_size: int | tuple[int, ...] = 3,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        padding: int | tuple[int, ...] | None = None,
        transposed: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_type, self.out_type, self.groups = in_type, out_type, groups
        dims = in_type.dims
        steps = list(zip(in_type.step, out_type.step, strict=True))
        self.transposed = flag(transposed, "transposed") or any(
            coarse > fine for coarse, fine in steps
        )
        self.stride = tuple(max(a, b) // min(a, b) for a, b in steps)
        self.kernel_size = per_axis(kernel_size, dims, "kernel_size")
        self.dilation = per_axis(dilation, dims, "dilation")
        self.padding = None if padding is None else per_axis(padding, dims, "padding", smallest=0)
        self.circular = in_type.padding_mode == "circular"
        self._check_options()
        channels = [in_type.count, out_type.count][:: 1 if self.transposed else -1]
        shape = (channels[0], channels[1] // groups, *self.kernel_size)
        bound = 1 / sqrt(prod(shape[1:]))  # as torch.nn.Conv2d begins
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        offset = torch.empty(out_type.count).uniform_(-bound, bound) if flag(bias, "bias") else None
        self.bias = None if offset is None else nn.Parameter(offset)

    def _check_options(self) -> None:
        counts = (self.in_type.count, self.out_type.count)
        whole = isinstance(self.groups, int) and not isinstance(self.groups, bool)
        if not whole or self.groups < 1 or any(count % self.groups for count in counts):
            raise FeatureTypeError(
                f"got groups={self.groups} for {counts[0]} -> {counts[1]} channels, expected a "
                "number that divides both. Write groups=1 or change the channels."
            )
        if self.padding is not None and (self.circular or self.transposed):
            raise FeatureTypeError(
                f"got padding={self.padding} on a circular grid or for a transposed convolution, "
                "expected None: their sizes follow from the types. Leave padding out."
            )

    def can_subtract(self, other: nn.Module) -> bool:
        """Return whether :meth:`forward` takes another convolution as ``minus``."""
        if type(other) is not type(self) or (other.bias is not None and self.bias is None):
            return False
        ours, theirs = (
            (one.in_type, one.out_type, one.kernel_size, one.dilation, one.groups, one.padding)
            for one in (self, other)
        )
        return ours == theirs and self.transposed == other.transposed

    def forward(self, x: Tensor, *, minus: Convolution | None = None) -> Tensor:
        """Map ``x: (E, C, *grid)`` to ``(E, C', *grid)``, with the grid that the types say.

        Arguments:
            x: the input.
            minus: a convolution with the same options, whose output is subtracted: one
                convolution by the difference of the weights.

        Raises:
            ShapeError: channels do not fit, or the grid is smaller than the kernel, or a circular
                grid is no multiple of the stride.
        """
        self.in_type.check(x, ("E",), "Convolution")
        x = _channels_last(x)
        self._check_grid(x.shape[2:])
        weight: Tensor = self.weight
        bias: Tensor | None = self.bias
        if minus is not None:
            weight, bias = weight - minus.weight, bias_difference(bias, minus.bias)
        return (self._transposed if self.transposed else self._strided)(x, weight, bias)

    def _reach(self) -> list[int]:
        return [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]

    def _strided(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding is not None:
            padding = self.padding
        else:
            sides = [(reach // 2, reach - reach // 2) for reach in self._reach()]
            padding = tuple(left for left, _ in sides)
            if self.circular or any(left != right for left, right in sides):
                padding = (0,) * len(sides)
                x = _pad(x, sides, self.circular)
        convolve = _CONV[self.in_type.dims]
        options = (self.stride, padding, self.dilation, self.groups)
        return convolved(convolve, x, weight, bias, *options)

    def _transposed(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        cut, ahead, beyond, extra, shifts = [], [], [], [], []
        sizes = [size * step for size, step in zip(x.shape[2:], self.stride, strict=True)]
        for reach, step in zip(self._reach(), self.stride, strict=True):
            out = (reach + 2 - step) // 2  # half of what sticks out, or of what is missing
            left = max(0, out)
            shifts.append(left - out)
            ahead.append((reach - left) // step if self.circular else 0)
            beyond.append(ceil(left / step) if self.circular else 0)
            extra.append(max(0, left + step - beyond[-1] * step - reach - 1))
            cut.append(left + ahead[-1] * step)
        if self.circular:
            x = _pad(x, list(zip(ahead, beyond, strict=True)), True)
        convolve = _TRANSPOSED[self.in_type.dims]
        options = (self.stride, 0, extra, self.groups, self.dilation)
        y = convolved(convolve, x, weight, bias, *options)
        for axis, (start, size) in enumerate(zip(cut, sizes, strict=True), start=2):
            y = y.narrow(axis, start, size)
        if any(shifts):  # what comes round has the bias only
            y = y.roll(shifts, tuple(range(2, y.dim())))
        return y

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)
        missing = [
            (step - 2 - reach + 1) // 2
            for reach, step in zip(self._reach(), self.stride, strict=True)
        ]
        if self.transposed and max(missing) > 0 and local_metadata.get("version", 2) < 2:
            warnings.warn(
                f"{self} was saved by a version that wrote small kernels to the first points of "
                f"each block: its output is moved by {tuple(max(0, m) for m in missing)} points. "
                "Train it again, or roll its output back.",
                stacklevel=2,
            )

    def _check_padded(self, grid: torch.Size) -> None:
        least = [1] * len(grid)
        if self.padding is not None:
            pairs = zip(self._reach(), self.padding, strict=True)
            least = [max(1, reach + 1 - 2 * points) for reach, points in pairs]
        if any(size < low for size, low in zip(grid, least, strict=True)):
            raise ShapeError(
                f"a grid of {tuple(grid)} met kernel_size={self.kernel_size}, dilation="
                f"{self.dilation}, padding={self.padding}: expected at least {tuple(least)}. "
                "Use a smaller kernel or a larger grid, or leave padding out."
            )

    def _check_grid(self, grid: torch.Size) -> None:
        if not self.circular:
            self._check_padded(grid)
            return
        stride = (1,) * len(grid) if self.transposed else self.stride
        for size, reach, step in zip(grid, self._reach(), stride, strict=True):
            if size <= reach or size % step:
                raise ShapeError(
                    f"a circular grid of {tuple(grid)} met kernel_size={self.kernel_size}, "
                    f"dilation={self.dilation}, stride={self.stride}: expected at least "
                    f"{reach + 1} points, a multiple of {step}. Use a smaller kernel, another "
                    "stride, or a larger grid."
                )

    def extra_repr(self) -> str:
        parts = [f"{self.in_type} -> {self.out_type}", f"kernel_size={self.kernel_size}"]
        parts += [f"stride={self.stride}"] if max(self.stride) > 1 else []
        parts += [f"dilation={self.dilation}"] if max(self.dilation) > 1 else []
        parts += [f"groups={self.groups}"] if self.groups > 1 else []
        parts += [f"padding={self.padding}"] if self.padding is not None else []
        parts += ["transposed"] if self.transposed else []
        border = "" if self.circular else ", exact away from the border"
        return ", ".join([*parts, f"padding_mode={self.in_type.padding_mode!r}"]) + border


def _channels_last(x: Tensor) -> Tensor:
    """Put the channels last in memory: convolutions on the CPU run up to twice as fast."""
    if x.dim() == 4 and x.device.type == "cpu" and x.stride(1) != 1:
        # not contiguous(memory_format=...), which torch.func.vmap does not know
        return x.movedim(1, -1).contiguous().movedim(-1, 1)
    return x


def _pad(x: Tensor, sides: list[tuple[int, int]], circular: bool) -> Tensor:
    flat = [points for pair in reversed(sides) for points in pair]
    return F.pad(x, flat, mode="circular") if circular else F.pad(x, flat)
