"""Which axis of an array of images is which: asked for where the shape is ambiguous."""

from __future__ import annotations

from torch import Tensor

from eqsets.errors import OptionError, ShapeError, choices

__all__ = ["AXES", "channels_first"]

AXES = ("NHW", "NCHW", "NHWC")
"""Images, channels, rows, columns."""

_CHANNELS = (1, 3)


def channels_first(x: Tensor, axes: str | None = None) -> Tensor:
    """Return images ``(n, H, W)`` or ``(n, C, H, W)``.

    Args:
        x: images in any order of axes.
        axes: one of :data:`AXES`; default: by the shape, if that is not ambiguous.

    Raises:
        OptionError: there are no such axes.
        ShapeError: the shape is ambiguous, or ``axes`` does not fit it.

    Example:
        >>> import torch
        >>> channels_first(torch.zeros(5, 8, 9, 3)).shape
        torch.Size([5, 3, 8, 9])
        >>> channels_first(torch.zeros(5, 3, 9, 3), axes="NHWC").shape
        torch.Size([5, 3, 3, 9])
    """
    if axes is not None and axes not in AXES:
        raise OptionError(f"there are no axes {axes!r}; {choices(axes, AXES)}")
    shape = tuple(x.shape)
    if axes is not None and x.dim() != len(axes):
        raise ShapeError(
            f"got an array of shape {shape} with axes={axes!r}, expected {len(axes)} axes"
            ". Correct axes=, or the array."
        )
    if axes is None and x.dim() == 4:
        if shape[1] in _CHANNELS and shape[3] in _CHANNELS:
            raise ShapeError(
                f"got an array of shape {shape}: {shape[1]} channels first, or {shape[3]} last? "
                'Pass axes="NCHW" or axes="NHWC" (--axes).'
            )
        axes = "NHWC" if shape[3] in _CHANNELS else "NCHW"
    return x.permute(0, 3, 1, 2) if axes == "NHWC" else x
