"""From what users pass to a layout and its rows, checked."""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.errors import ShapeError
from eqsets.features import FeatureType
from eqsets.layout.dense import Dense, Padded
from eqsets.layout.layout import Layout
from eqsets.layout.parts import PaddedParts, Parts
from eqsets.layout.ragged import Ragged
from eqsets.sets import PartBatch, SetBatch
from eqsets.sets.parts import check_part_mask
from eqsets.tensors.storage import append_axes
from eqsets.tensors.tracing import free_to_read

__all__ = ["as_rows"]


def as_rows(
    x: Tensor | SetBatch, mask: Tensor | None, in_type: FeatureType | None, owner: str
) -> tuple[Layout, Tensor]:
    """Return the layout of ``x`` and its elements as rows ``(R, *element)``.

    Arguments:
        x: ``(B, N, *element)``, or a :class:`~eqsets.SetBatch`; rows of a
            :class:`~eqsets.PartBatch` are its parts, ``(T, 1, *part)``.
        mask: ``(B, N)`` bool, True = present, for a padded tensor; ``(B, N, P)`` where elements
            are padded to ``P`` parts.
        in_type: what the elements must be, or ``None`` for any layout.
        owner: who asks, for messages.

    Raises:
        ShapeError: rank, sizes, dtype or device of ``x`` or ``mask`` do not fit, or a set is empty.
    """
    if isinstance(x, SetBatch):
        return _ragged(x, mask, in_type, owner)
    if in_type is not None:
        in_type.check(x, ("B", "N"), owner)
    else:
        _require_sets(x, owner)
    batch, size = x.shape[:2]
    if batch == 0 or size == 0:
        raise ShapeError(
            f"{owner} got x of shape {tuple(x.shape)}: {size} elements in {batch} sets, expected "
            "at least one of each. Leave empty sets out of the batch."
        )
    if isinstance(mask, Tensor) and mask.dim() == 3 and x.dim() > 3:
        _require_parts(in_type, owner)
        check_part_mask(x, mask, owner)
        return PaddedParts.of_mask(mask), x[mask][:, None]
    if mask is not None and _nothing_absent(mask, x, owner):
        mask = None  # sets of one size
    if mask is not None:
        x = torch.where(append_axes(mask, x), x, 0)
    rows = x.reshape(batch * size, *x.shape[2:])
    if mask is None:
        return Dense(batch, size, x), rows
    return Padded(batch, size, x, mask=mask), rows


def _require_sets(x: Tensor, owner: str) -> None:
    if not isinstance(x, Tensor) or x.dim() < 2:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ShapeError(
            f"{owner} expected x of shape (B, N, *element), got {got}. Put the batch and the set "
            "in front: x[None] adds a batch of one."
        )


def _ragged(
    x: SetBatch, mask: Tensor | None, in_type: FeatureType | None, owner: str
) -> tuple[Layout, Tensor]:
    if mask is not None:
        raise ShapeError(
            f"{owner} got a {type(x).__name__} and a mask, expected a mask only for padded "
            "tensors. Leave mask=None: it has no padding."
        )
    if not isinstance(x, PartBatch):
        if in_type is not None:
            in_type.check(x.values, ("R",), owner)
        return Ragged(x), x.values
    _require_parts(in_type, owner)
    rows = x.values[:, None]
    if in_type is not None:
        in_type.check(rows, ("T",), owner)
    return Parts.of(x.inner), rows


def _require_parts(in_type: FeatureType | None, owner: str) -> None:
    if in_type is not None and not in_type.has_parts:
        raise ShapeError(
            f"{owner} got elements of unequal numbers of parts, and {in_type!r} has no parts in "
            "any number: expected a type such as 'points: 8x0e' or '8 nodes'. Use a SetBatch, or "
            "a mask (B, N), for elements of one size."
        )


def _nothing_absent(mask: Tensor, x: Tensor, owner: str) -> bool:
    """Check a mask, and return whether it is known to be True everywhere."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != x.shape[:2]:
        got = f"{tuple(mask.shape)} of {mask.dtype}" if isinstance(mask, Tensor) else repr(mask)
        raise ShapeError(
            f"{owner} got the mask {got}, expected {tuple(x.shape[:2])} of torch.bool, True = "
            "present. Convert it with mask.bool() and give it the batch and set axes of x."
        )
    if mask.device != x.device:
        raise ShapeError(
            f"{owner} got a mask on {mask.device} and x on {x.device}, expected one device. "
            "Move it with mask.to(x.device)."
        )
    if not free_to_read(mask):
        return False
    if bool(mask.all()):
        return True
    if mask.numel():
        filled = mask.any(1)
        if not bool(filled.all()):  # only then a list, which torch.func of torch 2.6 cannot give
            empty = (~filled).nonzero()[:, 0].tolist()
            raise ShapeError(
                f"{owner} got a mask that is all False for the sets {empty[:10]}, expected at "
                "least one element in each set. Leave empty sets out of the batch."
            )
    return False
