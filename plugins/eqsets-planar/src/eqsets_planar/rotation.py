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

_NODES = (-2, -1, 0, 1, 2, 3)  # the pixels, counted from the one at or before the point


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
    (row, down), (column, across) = _taps(rows, height), _taps(columns, width)
    taps = len(_NODES) ** 2, -1
    index = (row[:, None] * width + column).reshape(taps).to(x.device)
    weights = (down[:, None] * across).reshape(*taps, 1).to(device=x.device, dtype=x.dtype)
    # pixel by pixel the values of all images are neighbours in memory, which is faster to read
    pixels = x.reshape(-1, height * width).mT.contiguous()
    result = torch.zeros_like(pixels)
    for pixel, weight in zip(index, weights, strict=True):
        result = result.addcmul(weight, pixels.index_select(0, pixel))
    return result.mT.reshape(x.shape)


def _taps(position: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return indices and weights of the nodes around real-valued positions, ``(6, ...)`` each.

    The weights of a position sum to one.
    """
    first = position.floor()
    nodes = torch.tensor(_NODES, dtype=torch.float64).reshape(-1, *[1] * position.dim())
    away = position - first - nodes
    weights = []
    for node in range(len(_NODES)):
        others = [other for other in range(len(_NODES)) if other != node]
        weights.append((away[others] / (nodes[node] - nodes[others])).prod(0))
    return (first + nodes).long().clamp(0, size - 1), torch.stack(weights)
