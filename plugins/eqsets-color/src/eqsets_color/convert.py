"""Red, green, blue to hue, saturation, value and back, with derivatives that are finite everywhere.

Hue has no derivative at grey, and saturation none at black. There the derivative is taken to be 0
before anything is divided, so that no NaN appears in either direction.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["clip", "hsv_of", "rgb_of"]


def hsv_of(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return hue in turns in ``[0, 1)``, saturation and value, each ``(*batch, H, W)``.

    Args:
        rgb: ``(*batch, 3, H, W)`` in ``[0, 1]``.
    """
    red, green, blue = rgb.unbind(-3)
    value = rgb.amax(-3)
    spread = value - rgb.amin(-3)
    colored, lit = spread > 0, value > 0
    divisor = torch.where(colored, spread, 1.0) * 6
    # which piece: the first channel that is largest, in the order red, green, blue
    piece = torch.where(
        red >= value,
        (green - blue) / divisor,
        torch.where(
            green >= value, (blue - red) / divisor + 1 / 3, (red - green) / divisor + 2 / 3
        ),
    )
    hue = torch.where(colored, piece, 0.0)
    hue = torch.where(hue < 0, hue + 1, hue)
    saturation = torch.where(lit, spread / torch.where(lit, value, 1.0), 0.0)
    return hue, saturation, value


def rgb_of(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Return ``(*batch, 3, H, W)`` in ``[0, 1]``; hue of any size, in turns."""
    start = torch.tensor([5.0, 3.0, 1.0], dtype=hue.dtype, device=hue.device)[:, None, None]
    position = start + 6 * hue[..., None, :, :]
    position = position - 6 * (position / 6).detach().floor()
    part = torch.minimum(position, 4 - position).clamp(0, 1)
    return value[..., None, :, :] * (1 - saturation[..., None, :, :] * part)


def clip(x: Tensor) -> Tensor:
    """Return ``x`` clipped to ``[0, 1]``, with the derivative of ``x``: clipped numbers learn."""
    return x + (x.clamp(0, 1) - x).detach()
