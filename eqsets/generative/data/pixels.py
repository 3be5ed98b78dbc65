"""The pixels of one image of pillow, as bytes: grey or red, green and blue."""

from __future__ import annotations

from typing import Any

from eqsets.errors import ShapeError

__all__ = ["pixels"]

_GREY = ("1", "L", "LA", "La")


def pixels(image: Any) -> Any:
    """Return the pixels of an image, ``(H, W)`` or ``(H, W, 3)``, as bytes from 0 to 255.

    Palettes and CMYK become red, green and blue, as pillow converts them (without colour
    profiles). An opaque alpha channel is left out.

    Arguments:
        image: of pillow.

    Raises:
        ShapeError: pixels are transparent, so that the image has no colour of its own there; or
            they have no range that is known: floats, and whole numbers of more than 16 bits.
    """
    import numpy as np

    if image.mode.startswith("I;16"):  # 65,535 is white; convert("L") would cut it off at 255
        return np.round(np.asarray(image) / 257).astype(np.uint8)
    if image.mode in ("I", "F"):
        values = np.asarray(image)
        low, high = values.min(), values.max()
        if image.mode == "F" or low < 0 or high > 65_535:
            raise ShapeError(
                f"pixels of mode {image.mode!r} from {low:g} to {high:g}, expected whole numbers "
                "of 8 or 16 bits. Scale them and write them as such, or pass an array from -1 to 1."
            )
        return np.round(values / 257).astype(np.uint8)
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        if alpha.min() < 255:
            share = float((alpha < 255).mean())
            raise ShapeError(
                f"{share:.1%} of the pixels are transparent, expected opaque ones. Put the image "
                "on a background first, best on the one of the other images."
            )
    return np.array(image.convert("L" if image.mode in _GREY else "RGB"))
