"""Bursts whose transformation is known: blobs, turned and moved together, each with its noise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

BLOBS = torch.tensor([[0.0, 0.0], [0.34, 0.06], [-0.1, 0.34]])
HEIGHTS = torch.tensor([1.0, 0.8, 0.6])
SIDE = 16


def draw_bursts(angle: Tensor, n: int, noise: float, generator: torch.Generator) -> Tensor:
    """Return bursts ``(B, n, 1, SIDE, SIDE)`` turned by angles ``(B)``; nothing is interpolated."""
    c, s = angle.cos()[:, None], angle.sin()[:, None]
    x, y = BLOBS[:, 0] * c + BLOBS[:, 1] * s, BLOBS[:, 1] * c - BLOBS[:, 0] * s
    index = torch.linspace(-1, 1, SIDE)
    away = (index - x[..., None, None]) ** 2 + (index[:, None] - y[..., None, None]) ** 2
    light = (HEIGHTS[:, None, None] * torch.exp(-away / (2 * 0.15**2))).sum(1).clamp(max=1)
    clean = (2 * light - 1)[:, None, None].expand(-1, n, -1, -1, -1)
    return (clean + noise * torch.randn(clean.shape, generator=generator)).clamp(-1, 1)


@pytest.fixture
def bursts() -> Callable[..., Tensor]:
    return draw_bursts


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
