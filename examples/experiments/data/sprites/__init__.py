"""Sprites similar to dSprites, rendered in any pose: shapes with known symmetries.

Shapes are defined by a signed distance, so that every pose is rendered without interpolation. They
are rotated about their centroid. dSprites are squares, ellipses and hearts; arrows and letters have
no symmetry. Points are ``(x, y)``, x to the right, y down,
corner pixels at -1 and 1.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

__all__ = ["SHAPES", "SYMMETRY_ORDERS", "centroid", "depth", "draw", "sampled"]

_SIDE = 20  # pixels

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
SYMMETRY_ORDERS = {"square": 4, "ellipse": 2}
"""The number of rotations that map a shape to itself; 1 for all others."""


def depth(name: str, points: Tensor) -> Tensor:
    """Return the signed distance of ``points: (..., 2)`` to a shape (negative: outside)."""
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
    """Return images ``(n, size, size)`` in [0, 1] of one shape.

    Args:
        name: of the shape.
        g: poses of the shape with its centroid at 0: matrices ``(n, 3, 3)`` of rotation, scale and
            shift.
        size: height and width in pixels.
        samples: points per side of a pixel that are averaged. With one, edges are smooth over about
            two pixels; with more, pixels are the covered area.
    """
    pixel = 2 / (size - 1)
    offsets = ((torch.arange(samples) + 0.5) / samples - 0.5) * pixel
    steps = (torch.linspace(-1, 1, size)[:, None] + offsets).flatten()
    points = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)
    middle = points.new_tensor(_centroid(name))
    inverse = torch.linalg.inv(g.to(points.dtype))
    scale = torch.linalg.det(g[:, :2, :2]).abs().sqrt().to(points.dtype)
    images = []
    for back, factor in zip(inverse, scale, strict=True):
        source = points @ back[:2, :2].T + back[:2, 2] + middle
        inside = torch.sigmoid(depth(name, source) * factor * size * samples)
        images.append(inside.reshape(size, samples, size, samples).mean((1, 3)))
    return torch.stack(images)


def sampled(
    n: int,
    seed: int,
    *,
    turn: float = 0.0,
    shift: float = 0.0,
    hue: float | None = None,
    shapes: tuple[str, ...] = ("L", "P", "arrow", "heart"),
) -> Tensor:
    """Return ``(n, 1 or 3, _SIDE, _SIDE)`` in [-1, 1], rendered in each pose."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.linspace(-1, 1, _SIDE)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    grid = torch.stack([x, y], -1)
    kinds = torch.randint(len(shapes), (n,), generator=generator)
    noise = 2 * torch.rand(n, 4, generator=generator) - 1
    inside = [torch.sigmoid(depth(one, grid / 0.7) * 0.7 * _SIDE) for one in shapes]
    middle = [(one[..., None] * grid).sum((0, 1)) / one.sum() for one in inside]
    images = []
    for kind, u in zip(kinds.tolist(), noise, strict=True):
        c, s = torch.cos(turn * u[0]), torch.sin(turn * u[0])
        source = (grid - shift * u[1:3]) @ torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
        source = source + middle[kind]
        images.append(torch.sigmoid(depth(shapes[kind], source / 0.7) * 0.7 * _SIDE))
    grey = torch.stack(images)[:, None]
    if hue is None:
        return 2 * grey - 1
    wheel = 6 * (hue * noise[:, 3:] + 0.1 * kinds[:, None]) + torch.tensor([5.0, 3.0, 1.0])
    wheel = wheel.remainder(6)
    color = 1 - 0.8 * torch.minimum(wheel, 4 - wheel).clamp(0, 1)
    return 2 * grey * color[:, :, None, None] - 1
