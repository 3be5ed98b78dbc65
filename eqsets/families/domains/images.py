"""Images: a grid of two dimensions with values in ``[-1, 1]``, -1 where there is nothing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eqsets.errors import OptionError, ShapeError
from eqsets.families.domains.axes import channels_first
from eqsets.families.domains.grid import Grid
from eqsets.families.domains.recommend import Finding, Recommendation, recommend

__all__ = ["Images"]

_NARROW = 4  # pixels: an axis as short as this may hold coordinates or channels
_ASPECT = 1.5  # of grey images that need no name
_BORDER = 0.5  # light of a pixel of the outermost frame, relative to the mean of all pixels


@dataclass(frozen=True)
class Images(Grid):
    """Images ``(*batch, C, H, W)`` in ``[-1, 1]``.

    Arguments:
        channels: how many an image must have; ``None``: any number.

    Example:
        >>> Images(channels=3).mask_shape((28, 28))
        (1, 28, 28)
    """

    noun = "images"
    layout = ("C", "H", "W")
    spatial = 2
    background = -1.0
    default_size = (32, 32)
    separate_values = True

    def reading(self, shape: tuple[int, ...]) -> str:
        if len(shape) == 3:
            return f"{shape[0]} grey images of {shape[1]} x {shape[2]} pixels"
        if len(shape) != 4 or not {shape[1], shape[3]} & {1, 3}:
            return ""
        first = shape[1] in (1, 3)
        size, channels = (shape[2:], shape[1]) if first else (shape[1:3], shape[3])
        kind = "grey" if channels == 1 else "colour"
        return f"{shape[0]} {kind} images of {size[0]} x {size[1]} pixels"

    def certain(self, x: Tensor) -> bool:
        """Return whether an array is of images by its shape and dtype alone.

        Grey ones without an axis of channels must be more than 4 pixels wide, and square to a
        factor of 1.5: signals ``(n, C, T)`` are not, nor are clouds ``(n, P, 3)``. Bytes may have
        any proportions.
        """
        if x.dim() == 4:
            return x.shape[1] in (1, 3) or x.shape[3] in (1, 2, 3, 4)
        if x.dim() != 3 or 0 in x.shape:
            return False
        short, long = sorted(x.shape[1:])
        bytes_ = x.dtype in (torch.uint8, torch.bool)
        return short == long or (short > _NARROW and (bytes_ or long < _ASPECT * short))

    def arrange(self, x: Tensor, axes: str | None = None) -> Tensor:
        """Return images ``(n, C, H, W)``, of uint8 or in ``[-1, 1]``; what is wrong is said later.

        Args:
            x: ``(n, H, W)``, ``(n, C, H, W)`` or ``(n, H, W, C)``: uint8, from 0 to 1, or from -1
                to 1.
            axes: ``"NHW"``, ``"NCHW"`` or ``"NHWC"``; default: by the shape.

        Raises:
            OptionError: there are no such axes.
            ShapeError: channels may be first or last, or ``axes`` does not fit the shape.
        """
        x = channels_first(x, axes)
        if x.dim() == 4 and x.shape[1] not in (1, 3) and x.numel():
            raise ShapeError(
                f"got images of shape {tuple(x.shape)}: {x.shape[1]} channels, or {x.shape[-1]} if "
                "they are last; expected 1 (grey) or 3 (colour). Drop the alpha channel: "
                "x[..., :3]."
            )
        if x.dtype == torch.bool or (x.dtype == torch.uint8 and x.numel() and int(x.max()) == 1):
            x = x.to(torch.float32)  # a mask, as of dSprites
        if x.is_floating_point() and x.numel() and bool(((x >= 0) & (x <= 1)).all()):
            return 2 * x - 1
        return x

    def content(self, x: Tensor) -> Tensor:
        """Return what rises above the background.

        The largest channel counts: it is invariant under hue and saturation.
        """
        return (x.amax(-3, keepdim=True) - self.background).clamp_min(0)

    def check_background(self, value: float) -> None:
        if not -1 <= value < 1:
            raise OptionError(
                f"got background={value}, expected a number in [-1, 1). The darkest pixel is -1."
            )

    def as_batch(self, given: Any) -> Tensor:
        """Return images ``(n, C, H, W)`` in ``[-1, 1]``, float32.

        Args:
            given: an array or tensor ``(n, C, H, W)`` or, for grey images, ``(n, H, W)``: floating
                point in ``[-1, 1]``, or uint8, which is scaled.

        Raises:
            ShapeError: wrong rank, dtype or range, NaN, or no pixels.

        Example:
            >>> Images().as_batch(torch.tensor([[[0, 255]]], dtype=torch.uint8))
            tensor([[[[-1.,  1.]]]])
        """
        x = self.as_tensor(given)
        x = x[:, None] if x.dim() == 3 else x
        if x.dim() != 4 or 0 in x.shape:
            raise ShapeError(
                f"got images of shape {tuple(x.shape)}, expected (n, C, H, W) or (n, H, W), "
                "no axis of it empty. Add an axis with x[None], or stack the images."
            )
        if x.shape[-1] in (1, 3) and x.shape[1] > 4:
            raise ShapeError(
                f"got images of shape {tuple(x.shape)}, which may have the channels last, expected "
                "(n, C, H, W). Write torch.as_tensor(x).permute(0, 3, 1, 2)."
            )
        if x.dtype == torch.uint8:
            return x.to(torch.float32) / 127.5 - 1
        if not x.is_floating_point():
            raise ShapeError(
                f"got images of {x.dtype}, expected uint8 (0 to 255) or floating point in "
                "[-1, 1]. Convert them with x.astype('uint8') or scale them."
            )
        return _in_range(x.to(torch.float32))

    def standardise(self, x: Tensor) -> tuple[Tensor, str]:
        """Return images as they are: their range is known."""
        return x, "values from -1 to 1"

    def default_family(self, x: Tensor) -> tuple[Tensor, str]:
        """Return affine maps, and HSV unless all images are grey.

        Grey images get one channel.
        """
        if float((x.amax(1) - x.amin(1)).amax()) < 0.02:
            return x[:, :1], "affine"
        return x, "affine+hsv"

    def thumbnail(self, x: Tensor) -> Tensor:
        return x

    def cautions(self, x: Tensor) -> list[str]:
        light = self.content(x)[:, 0]
        frame = torch.ones_like(light[0])
        frame[1:-1, 1:-1] = 0
        ratio = (light * frame).sum((-2, -1)) / frame.sum() / light.mean((-2, -1)).clamp_min(1e-6)
        touching, warned = float((ratio > _BORDER).float().mean()), []
        if touching > 0.05:
            warned.append(
                f"content at the border in {touching:.0%} of the images: what is cut off moves the "
                "pose, and rotations, shifts and scales bring in what was not seen. Pad the "
                'images, or search exact symmetries: family="d4".'
            )
        if float(x[..., [0, -1], :].median()) > 0:
            warned.append(
                "the background is bright, and poses are inferred from what is bright. Invert the "
                "images: 255 - x, or -x."
            )
        return warned

    def recommend(self, findings: Sequence[Finding], shape: tuple[int, ...]) -> Recommendation:
        return recommend(findings, shape[0])

    @property
    def _hint_rank(self) -> str:
        return "Write x[:, None] to add a channel axis to a batch of grey images."

    @property
    def _hint_dtype(self) -> str:
        return "Scale whole numbers from 0 to 255 like this: x.float() / 127.5 - 1."

    def _hint_channels(self, channels: int) -> str:
        if channels == 1:
            return "Grey images have no colour: leave the colour family out."
        return "Red, green, blue are the third axis from the end: move the channels before it."


def _in_range(x: Tensor) -> Tensor:
    low, high = (float(end) for end in torch.aminmax(x))  # NaN if there is one
    if not (low >= -1 - 1e-4 and high <= 1 + 1e-4):
        bad = int((~torch.isfinite(x)).sum())
        raise ShapeError(
            f"got images with values from {low:g} to {high:g} ({bad} not finite), expected all in "
            "[-1, 1]. Scale them: x / 127.5 - 1 if from 0 to 255, 2 * x - 1 if from 0 to 1."
        )
    if low >= 0 and high > 0.5:
        warnings.warn(
            f"images have values from {low:g} to {high:g}; the model takes [-1, 1] with a dark "
            "background of -1. If yours are from 0 to 1, pass 2 * x - 1.",
            stacklevel=4,
        )
    return x.clamp(-1, 1)
