"""Turn and mirror images about their centre: pixel by pixel where that is exact, else interpolated.

A quarter turn or a reflection moves pixels onto pixels. Other angles are interpolated by Lagrange
polynomials on 6 x 6 pixels: a constant stays exactly constant, the border is continued, and content
blurred by a Gaussian of three pixels is met to 1e-3, far below what a sampled filter itself loses.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets import ShapeError

__all__ = ["transform_image"]

_NODES = range(-2, 4)  # the pixels, counted from the one at or before the point


def transform_image(x: Tensor, turn: float, flip: bool) -> Tensor:
    r"""Return :math:`x(g^{-1} p)` for ``x: (..., H, W)``: first mirror, then turn.

    Arguments:
        x: images.
        turn: counterclockwise, as a part of a full turn.
        flip: whether left and right are swapped first.

    Raises:
        ShapeError: the image is not square and the turn is an odd number of quarters.

    Example:
        >>> transform_image(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 0.25, False)
        tensor([[2., 4.],
                [1., 3.]])
    """
    if flip:
        x = x.flip(-1)
    quarters = round(turn * 4)
    if abs(turn * 4 - quarters) > 1e-9:
        return _interpolated(x, turn)
    if quarters % 2 and x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"got an image of {x.shape[-2]} x {x.shape[-1]} pixels to turn by {90 * quarters} "
            "degrees, expected a square one. Crop or pad it to a square, or use rotations=2."
        )
    return torch.rot90(x, quarters, (-2, -1))


def _interpolated(x: Tensor, turn: float) -> Tensor:
    height, width = x.shape[-2:]
    angle = torch.tensor(2 * torch.pi * turn, dtype=torch.float64)
    cos, sin = angle.cos(), angle.sin()
    # right and up of the centre, in pixels
    right = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    up = ((height - 1) / 2 - torch.arange(height, dtype=torch.float64))[:, None]
    columns = cos * right + sin * up + (width - 1) / 2
    rows = (height - 1) / 2 - (cos * up - sin * right)
    # pixel by pixel the values of all images are neighbours in memory, which is faster to read
    pixels = x.reshape(-1, height * width).mT.contiguous()
    result = torch.zeros_like(pixels)
    across = _taps(columns, width)
    for row, row_weight in _taps(rows, height):
        for column, column_weight in across:
            weight = (row_weight * column_weight).reshape(-1, 1).to(device=x.device, dtype=x.dtype)
            index = (row * width + column).flatten().to(x.device)
            result = result.addcmul(weight, pixels.index_select(0, index))
    return result.mT.reshape(x.shape)


def _taps(position: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    """Return (index, weight) of each node around real-valued positions; the weights sum to one."""
    first = position.floor()
    part = position - first
    taps = []
    for node in _NODES:
        weight = torch.ones_like(part)
        for other in _NODES:
            if other != node:
                weight = weight * (part - other) / (node - other)
        taps.append(((first + node).long().clamp(0, size - 1), weight))
    return taps
