"""Images as the model takes them, checked once, with messages that say how to mend them."""

from __future__ import annotations

import warnings
from operator import index
from typing import Any

import torch
from torch import Tensor

from eqsets.errors import OptionError, ShapeError
from eqsets.families import TransformationFamily

__all__ = ["FEWEST", "as_image_shape", "as_images", "check_family", "check_shape", "split"]

FEWEST = 8
"""So many images are needed to fit; fewer than a batch are drawn more than once."""


def as_images(given: Any) -> Tensor:
    """Return images ``(n, C, H, W)`` in ``[-1, 1]``, float32.

    Args:
        given: an array or tensor ``(n, C, H, W)`` or, for grey images, ``(n, H, W)``: floating
            point in ``[-1, 1]``, or uint8, which is scaled.

    Raises:
        ShapeError: wrong rank, number type or range, NaN, or no pixels.

    Example:
        >>> as_images(torch.tensor([[[0, 255]]], dtype=torch.uint8))
        tensor([[[[-1.,  1.]]]])
    """
    try:
        x = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ShapeError(
            f"images are a {type(given).__name__} that does not make a tensor ({error}), expected "
            "an array or tensor (n, C, H, W). Stack images of one size first."
        ) from error
    x = x[:, None] if x.dim() == 3 else x
    if x.dim() != 4 or 0 in x.shape:
        raise ShapeError(
            f"got images of shape {tuple(x.shape)}, expected (n, C, H, W) or (n, H, W), nothing "
            "of it 0. Add an axis with x[None], or stack the images."
        )
    if x.shape[-1] in (1, 3) and x.shape[1] > 4:
        raise ShapeError(
            f"got images of shape {tuple(x.shape)}, which looks like channels last, expected "
            "(n, C, H, W). Write torch.as_tensor(x).permute(0, 3, 1, 2)."
        )
    if x.dtype == torch.uint8:
        return x.to(torch.float32) / 127.5 - 1
    if not x.is_floating_point():
        raise ShapeError(
            f"got images of {x.dtype}, expected uint8 (0 to 255) or floating point in [-1, 1]. "
            "Convert them with x.astype('uint8') or scale them."
        )
    x = x.to(torch.float32)
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
            stacklevel=3,
        )
    return x.clamp(-1, 1)


def as_image_shape(given: Any) -> tuple[int, int, int]:
    """Return the shape of one image.

    Raises:
        ShapeError: it is not ``(C, H, W)``.

    Example:
        >>> as_image_shape([1, 28, 28])
        (1, 28, 28)
    """
    try:
        shape = tuple(index(side) for side in given)
    except TypeError:
        shape = ()
    if len(shape) != 3 or min(shape) < 1:
        raise ShapeError(
            f"got image_shape={given!r}, expected (C, H, W): channels, height and width. Write "
            "(1, 28, 28) for grey images of 28 x 28 pixels, or tuple(x.shape[1:])."
        )
    return (shape[0], shape[1], shape[2])


def check_shape(x: Tensor, shape: tuple[int, int, int]) -> None:
    """Raise :class:`~eqsets.ShapeError` unless images have the shape of the model."""
    if tuple(x.shape[1:]) != shape:
        raise ShapeError(
            f"got images of shape {tuple(x.shape)}, expected (n, {', '.join(map(str, shape))}) as "
            "the model was made for. Resize them, or make a SymmetryModel for their shape."
        )


def check_family(x: Tensor, family: TransformationFamily) -> None:
    """Raise unless the images have what the family transforms.

    Raises:
        OptionError: there is no colour for a family of colours.
    """
    colours = {"hue", "saturation"}.intersection(family.names)
    if colours and float((x.amax(1) - x.amin(1)).amax()) < 0.02:
        raise OptionError(
            f"all {len(x)} images are grey, so {' and '.join(sorted(colours))} do nothing to them, "
            "expected images with colour. Leave the colour family out: "
            "SymmetryModel('affine', ...)."
        )


def split(x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Return images to learn from and, a tenth and 1,000 at most, to hold out.

    Raises:
        ShapeError: there are fewer than :data:`FEWEST`.
    """
    if len(x) < FEWEST:
        raise ShapeError(
            f"got {len(x)} images, expected {FEWEST} at least: some are held out. "
            "Bring more images, or pass validation=."
        )
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held = max(1, min(len(x) // 10, 1000))
    return x[order[held:]], x[order[:held]]
