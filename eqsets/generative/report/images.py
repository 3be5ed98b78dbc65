"""Small images as data URIs: a page with them needs no other file."""

from __future__ import annotations

import base64
import io

from torch import Tensor

from eqsets.optional import require

__all__ = ["data_uri"]


def data_uri(image: Tensor) -> str:
    """Return an image ``(1 or 3, H, W)`` in ``[-1, 1]`` as the URI of a PNG.

    Raises:
        OptionError: pillow is not installed.
    """
    require("PIL")
    from PIL import Image

    byte = ((image.detach().cpu().clamp(-1, 1) + 1) * 127.5).round().byte()
    array = byte[0].numpy() if len(byte) == 1 else byte.permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
