"""Images as the model takes them, checked once, with messages that say how to correct them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eqsets.errors import OptionError, ShapeError
from eqsets.families import Domain, Images

__all__ = ["FEWEST", "as_image_shape", "as_images", "check_shape", "require_images", "split"]

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
    channels, height, width = Images().as_shape(given)
    return (channels, height, width)


def check_shape(x: Tensor, shape: tuple[int, ...], noun: str = "images") -> None:
    """Raise :class:`~eqsets.ShapeError` unless elements have the shape of the model."""
    if tuple(x.shape[1:]) != shape:
        raise ShapeError(
            f"got {noun} of shape {tuple(x.shape)}, expected (n, {', '.join(map(str, shape))}) as "
            "the model was made for. Resize them, or make a SymmetryModel for their shape."
        )


def require_images(domain: Domain, task: str) -> None:
    """Raise unless the elements of a domain are images.

    Raises:
        OptionError: they are not, and the task is done for images only.
    """
    if not isinstance(domain, Images):
        raise OptionError(
            f"cannot {task} {domain.noun} yet, expected a family of images. Fit a SymmetryModel, "
            "which takes any domain, and read its transform_distribution."
        )


def split(x: Tensor, seed: int, noun: str = "images") -> tuple[Tensor, Tensor]:
    """Return images to learn from and, a tenth and 1,000 at most, to hold out.

    Raises:
        ShapeError: there are fewer than :data:`FEWEST`.
    """
    if len(x) < FEWEST:
        raise ShapeError(
            f"got {len(x)} {noun}, expected {FEWEST} at least: some are held out. "
            f"Bring more {noun}, or pass validation=."
        )
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held = max(1, min(len(x) // 10, 1000))
    return x[order[held:]], x[order[:held]]
