"""What every family expects of images; checked by shape and number type, never by content."""

from __future__ import annotations

from torch import Tensor

from eqsets.errors import OptionError, ShapeError

__all__ = ["ORDERS", "check_images"]

ORDERS = (0, 1, 3)
"""The orders of interpolation that a family may be asked for."""


def check_images(who: object, x: Tensor, order: int, channels: int | None) -> None:
    """Raise unless ``x`` is ``(*batch, C, H, W)``, floating point, and ``order`` is known.

    Raises:
        ShapeError: a rank, number of channels or number type that ``who`` cannot transform.
        OptionError: an order that is none of :data:`ORDERS`.
    """
    expected = f"(*batch, {channels or 'C'}, H, W)"
    if x.dim() < 3 or 0 in x.shape[-3:]:
        raise ShapeError(
            f"{who} got images of shape {tuple(x.shape)}, expected {expected}, none of them empty. "
            "Write x[:, None] to add a channel axis to a batch of grey images."
        )
    if channels is not None and x.shape[-3] != channels:
        mend = "Move the channels before the height."
        if x.shape[-3] == 1:
            mend = "Grey images have no colour: leave the colour family out."
        raise ShapeError(
            f"{who} got images with {x.shape[-3]} channels, shape {tuple(x.shape)}, expected "
            f"{expected}: red, green, blue. {mend}"
        )
    if not x.is_floating_point():
        raise ShapeError(
            f"{who} got images of {x.dtype}, expected floating point numbers in [-1, 1]. "
            "Scale whole numbers from 0 to 255 like this: x.float() / 127.5 - 1."
        )
    if order not in ORDERS:
        raise OptionError(
            f"got interpolation order {order!r}, expected 0 (nearest), 1 (linear) or 3 (cubic "
            "spline). Choose one of these."
        )
