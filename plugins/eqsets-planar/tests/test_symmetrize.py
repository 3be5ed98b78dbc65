"""Networks of images that know no rotations, inside averages, frames and poses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eqsets import element_group, symmetrize

D = torch.float64


def small_network(channels: int = 2) -> nn.Module:
    """Return a small network with filters that have a direction."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3), nn.Tanh(), nn.Conv2d(6, 4, 3), nn.Tanh(), nn.Flatten(),
        nn.LazyLinear(3),
    ).double()  # fmt: skip


def bump(size: int = 13) -> Tensor:
    """Return smooth images that are not symmetric, away from the border."""
    axis = torch.arange(size, dtype=D) - (size - 1) / 2
    x, y = axis, axis[:, None]
    spots = [
        torch.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * s)) for a, b, s in
        ((2.0, 1.0, 3.0), (-1.0, 2.0, 4.0))
    ]  # fmt: skip
    return torch.stack(spots)[None]


@pytest.mark.parametrize("reflections", [False, True])
@pytest.mark.parametrize("options", [{}, {"how": "frames"}, {"how": "canonical", "in_features": 2}])
def test_quarter_turns_are_exact(reflections: bool, options: dict[str, Any]) -> None:
    symmetry = element_group("planar", rotations=4, reflections=reflections)
    network = symmetrize(small_network(), symmetry, **options).double()
    x = torch.randn(3, 2, 13, 13, generator=torch.Generator().manual_seed(0), dtype=D)
    y = network(x)
    assert torch.allclose(network(x.rot90(1, (2, 3))), y)
    assert torch.allclose(network(x.flip(3)), y) == reflections


@pytest.mark.parametrize("options", [{"samples": 16}, {"how": "frames"}])
def test_any_angle_up_to_interpolation(options: dict[str, Any]) -> None:
    symmetry = element_group("planar", rotations=None)
    model = small_network()
    network = symmetrize(model, symmetry, in_features=2, **options)
    in_type = symmetry.feature_type(2)
    x = bump()
    g = symmetry.group.sample(1, generator=torch.Generator().manual_seed(3))
    moved = in_type.transform(g, x)
    gap = float((network(moved) - network(x)).detach().norm())
    assert gap < 0.2 * float((model(moved) - model(x)).detach().norm())
