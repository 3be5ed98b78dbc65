"""Images whose transformations are known exactly: sums of Gaussian blobs, drawn anywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from eqsets.generative import Preset, StagePlan

Draw = Callable[..., Tensor]

BLOBS = ((0.0, 0.0, 1.0), (0.3, 0.06, 0.8), (-0.1, 0.32, 0.6))  # x, y, height
WIDTH = 0.13


def draw_blobs(
    matrices: Tensor, size: int = 32, blobs: tuple[tuple[float, float, float], ...] = BLOBS
) -> Tensor:
    """Return images ``(n, 1, size, size)`` of blobs moved by forward matrices ``(n, 3, 3)``.

    Nothing is interpolated: the transformed image is rendered.
    """
    steps = torch.linspace(-1, 1, size, dtype=matrices.dtype)
    x, y = torch.meshgrid(steps, steps, indexing="xy")
    positions = torch.stack([x, y, torch.ones_like(x)], -1)
    back = torch.linalg.inv(matrices)
    source = torch.einsum("nij,hwj->nhwi", back, positions)[..., :2]
    image = torch.zeros(len(matrices), size, size, dtype=matrices.dtype)
    for cx, cy, height in blobs:
        away = (source - source.new_tensor([cx, cy])).square().sum(-1)
        image = image + height * torch.exp(-away / (2 * WIDTH**2))
    return (2 * image.clamp(max=1.0) - 1)[:, None]


@pytest.fixture
def draw() -> Draw:
    return draw_blobs


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def rotated_images() -> Callable[[int, float], Tensor]:
    """Return ``n`` small images, each rotated by up to ``extent`` radians."""

    def make(n: int, extent: float) -> Tensor:
        generator = torch.Generator().manual_seed(1)
        angle = (2 * torch.rand(n, generator=generator) - 1) * extent
        matrices = torch.eye(3).repeat(n, 1, 1)
        matrices[:, 0, 0] = matrices[:, 1, 1] = angle.cos()
        matrices[:, 0, 1], matrices[:, 1, 0] = angle.sin(), -angle.sin()
        return draw_blobs(matrices, size=16)

    return make


@pytest.fixture
def tiny() -> Preset:
    """Return a preset of a second or so."""
    return Preset(
        inference=StagePlan(12, batch=8, check_every=4),
        density=StagePlan(12, batch=8, check_every=4, samples=2),
        prototypes=2,
    )
