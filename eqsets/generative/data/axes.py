"""Which axis of an array is which: asked for where the shape is ambiguous, never guessed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eqsets.errors import OptionError, ShapeError, choices

__all__ = ["AXES", "channels_first"]

AXES = ("NHW", "NCHW", "NHWC")
"""Images, channels, rows, columns."""

_CHANNELS = (1, 3)
_NARROW = 4  # pixels: an axis as short as this may hold coordinates or channels


def channels_first(data: Any, axes: str | None = None) -> Any:
    """Return images ``(n, H, W)`` or ``(n, C, H, W)``; what makes no tensor is returned as it is.

    Args:
        data: an array or tensor.
        axes: one of :data:`AXES`; default: by the shape, if that is not ambiguous.

    Raises:
        OptionError: there are no such axes.
        ShapeError: the shape is ambiguous, or ``axes`` does not fit it.

    Example:
        >>> channels_first(torch.zeros(5, 8, 9, 3)).shape
        torch.Size([5, 3, 8, 9])
        >>> channels_first(torch.zeros(5, 3, 9, 3), axes="NHWC").shape
        torch.Size([5, 3, 3, 9])
    """
    if axes is not None and axes not in AXES:
        raise OptionError(f"there are no axes {axes!r}; {choices(axes, AXES)}")
    try:
        x = torch.as_tensor(data)
    except (TypeError, ValueError, RuntimeError):
        return data
    if axes is not None and x.dim() != len(axes):
        raise ShapeError(
            f"got an array of shape {tuple(x.shape)} with axes={axes!r}, expected {len(axes)} axes"
            ". Correct axes=, or the array."
        )
    if axes is None:
        _check(x)
        last = x.dim() == 4 and x.shape[-1] in _CHANNELS and x.shape[1] not in _CHANNELS
        axes = "NHWC" if last else None
    return x.permute(0, 3, 1, 2) if axes == "NHWC" else x


def _check(x: Tensor) -> None:
    """Raise where an array may be no images, or images in either order of axes."""
    shape = tuple(x.shape)
    if x.dim() == 3 and 0 < min(shape[1:]) <= _NARROW and shape[1] != shape[2]:
        raise ShapeError(
            f"got an array of shape {shape}: {shape[0]} grey images of {shape[1]} x {shape[2]} "
            f"pixels, point clouds, or signals? Expected images with more than {_NARROW} rows and "
            'columns. If they are images, pass axes="NHW" (--axes NHW); others are not supported.'
        )
    if x.dim() == 4 and shape[1] in _CHANNELS and shape[3] in _CHANNELS:
        raise ShapeError(
            f"got an array of shape {shape}: {shape[1]} channels first, or {shape[3]} last? "
            'Pass axes="NCHW" or axes="NHWC" (--axes).'
        )
