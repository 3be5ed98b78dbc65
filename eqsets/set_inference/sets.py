"""Sets as set inference takes them: checked, and split into sets to learn from and to measure."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eqsets.errors import ShapeError
from eqsets.families import Domain

__all__ = ["as_sets", "split_sets"]


def as_sets(x: Any, shape: tuple[int, ...], domain: Domain) -> Tensor:
    """Return sets ``(B, N, *shape)`` of elements as the domain takes them.

    Raises:
        ShapeError: these are no sets of elements of this shape.
    """
    given = torch.as_tensor(x)
    if given.dim() != 2 + domain.axes or tuple(given.shape[2:]) != shape or 0 in given.shape:
        raise ShapeError(
            f"got sets of shape {tuple(given.shape)}, expected (B, N, "
            f"{', '.join(map(str, shape))}). Add an axis for the set with x[:, None], or make a "
            "SetInference for this shape."
        )
    elements: Tensor = domain.as_batch(given.flatten(0, 1)).unflatten(0, given.shape[:2])
    return elements


def split_sets(sets: Tensor, validation: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return sets to learn from, and those to measure with: by default a tenth.

    Raises:
        ShapeError: sets have less than 2 elements, or there is none to learn from.
    """
    held = max(1, len(sets) // 10) if validation is None else 0
    test = sets[:held] if validation is None else validation
    known = sets[held:]
    if min(known.shape[1], test.shape[1]) < 2 or not len(known):
        raise ShapeError(
            f"got {len(known)} sets of {known.shape[1]} and {len(test)} of {test.shape[1]} images "
            "to learn from and to measure with, expected sets of 2 images at least. Bring larger "
            "sets, or pass validation=."
        )
    return known, test
