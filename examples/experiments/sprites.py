"""Sprites like those of dSprites, drawn in any pose: shapes whose symmetries are known.

Shapes are given by how deep a point lies inside of them, so that every pose is drawn anew and
nothing is interpolated. Their centroid is where they turn about. dSprites are squares, ellipses and
hearts; arrows and letters have no symmetry at all. Points are ``(x, y)``, x to the right, y down,
corner pixels at -1 and 1.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

__all__ = ["FOLDS", "SHAPES", "centroid", "depth", "draw"]

_CORNERS = {  # of polygons within the unit circle
    "L": ((-0.4, -0.7), (0.0, -0.7), (0.0, 0.35), (0.6, 0.35), (0.6, 0.7), (-0.4, 0.7)),
    "P": ((-0.5, -0.7), (0.5, -0.7), (0.5, 0.1), (-0.1, 0.1), (-0.1, 0.7), (-0.5, 0.7)),
    "square": ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)),
    "arrow": (
        (0.0, -0.8),
        (0.6, 0.0),
        (0.2, 0.0),
        (0.2, 0.7),
        (-0.2, 0.7),
        (-0.2, 0.0),
        (-0.6, 0.0),
    ),
}
SHAPES = ("square", "ellipse", "heart", "arrow", "L", "P")
FOLDS = {"square": 4, "ellipse": 2}
"""How many turns leave a shape as it is; 1 for all others."""


def depth(name: str, points: Tensor) -> Tensor:
    """Return how deep ``points: (..., 2)`` lie inside of a shape (negative: outside)."""
    x, y = points.unbind(-1)
    if name == "ellipse":
        return (1 - ((x / 0.8) ** 2 + (y / 0.4) ** 2 + 1e-9).sqrt()) * 0.5
    if name == "heart":
        u, v = x / 0.75, -y / 0.75 + 0.1
        return (0.5 - (u * u + (v - 0.6 * u.abs()) ** 2)) * 0.6
    corners = torch.tensor(_CORNERS[name])
    inside, nearest = torch.zeros_like(x, dtype=torch.bool), torch.full_like(x, 9.0)
    for (ax, ay), (bx, by) in zip(corners.tolist(), corners.roll(-1, 0).tolist(), strict=True):
        along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
        t = along.clamp(0, 1)
        away = ((x - ax - t * (bx - ax)) ** 2 + (y - ay - t * (by - ay)) ** 2).sqrt()
        nearest = torch.minimum(nearest, away)
        crossing = (ay > y) != (by > y)
        inside = inside ^ (crossing & (x < (bx - ax) * (y - ay) / ((by - ay) or 1e-9) + ax))
    return torch.where(inside, nearest, -nearest)


def centroid(name: str) -> tuple[float, float]:
    """Return the centre of the area of a shape."""
    steps = torch.linspace(-1, 1, 801)
    points = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)
    x, y = points[depth(name, points) > 0].double().mean(0).tolist()
    return x, y


_centroid = cache(centroid)


def draw(name: str, g: Tensor, size: int, *, samples: int = 1) -> Tensor:
    """Return pictures ``(n, size, size)`` in [0, 1] of one shape.

    Args:
        name: of the shape.
        g: what takes the shape, its centroid at 0, to its place: matrices ``(n, 3, 3)`` that turn,
            scale and shift.
        size: height and width in pixels.
        samples: points along the sides of a pixel that are averaged. An edge is as soft as they
            are dense: with one, by about two pixels; with more, pixels are the area covered.
    """
    pixel = 2 / (size - 1)
    offsets = ((torch.arange(samples) + 0.5) / samples - 0.5) * pixel
    steps = (torch.linspace(-1, 1, size)[:, None] + offsets).flatten()
    points = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)
    middle = points.new_tensor(_centroid(name))
    inverse = torch.linalg.inv(g.to(points.dtype))
    scale = torch.linalg.det(g[:, :2, :2]).abs().sqrt().to(points.dtype)
    pictures = []
    for back, factor in zip(inverse, scale, strict=True):
        place = points @ back[:2, :2].T + back[:2, 2] + middle
        inside = torch.sigmoid(depth(name, place) * factor * size * samples)
        pictures.append(inside.reshape(size, samples, size, samples).mean((1, 3)))
    return torch.stack(pictures)
