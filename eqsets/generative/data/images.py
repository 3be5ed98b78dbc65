"""Images as the model takes them, checked once, with messages that say how to mend them."""

from __future__ import annotations

from operator import index
from typing import Any

import torch
from torch import Tensor

from eqsets.errors import ShapeError
from eqsets.families import Images, TransformationFamily

__all__ = ["FEWEST", "as_image_shape", "as_images", "check_family", "check_shape", "split"]

FEWEST = 8
"""So many images are needed to fit; fewer than a batch are drawn more than once."""


def as_images(given: Any) -> Tensor:
    """Return images ``(n, C, H, W)`` in ``[-1, 1]``, float32.

    Args:
        given: an array or tensor ``(n, C, H, W)`` or, for grey images, ``(n, H, W)``: floating
            point in ``[-1, 1]``, or uint8, which is scaled.

    Raises:
        ShapeError: wrong rank, dtype or range, NaN, or no pixels.

    Example:
        >>> as_images(torch.tensor([[[0, 255]]], dtype=torch.uint8))
        tensor([[[[-1.,  1.]]]])
    """
    return Images().as_batch(given)


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
    family.check_content(x)


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
