"""Networks of clouds that know no rotations, inside averages, frames and poses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from eqsets import element_group, symmetrize

D = torch.float64


class OfCloud(nn.Module):
    """Mixes the components of each point, then takes a mean over the points."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, 8), nn.Tanh(), nn.Linear(8, count))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).mean(-2)


@pytest.mark.parametrize("reflections", [False, True])
@pytest.mark.parametrize("options", [{"how": "frames"}, {"how": "canonical"}])
@pytest.mark.parametrize("out", [None, "1x1o"])
def test_clouds(reflections: bool, options: dict[str, Any], out: str | None) -> None:
    torch.manual_seed(0)
    symmetry = element_group("spatial", reflections=reflections)
    in_type = symmetry.feature_type("points: 2x0e + 3x1o")
    model = OfCloud(11, 3).double()
    network = symmetrize(model, symmetry, in_features=in_type, out_features=out, **options).double()
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4, 7, 11, generator=generator, dtype=D)
    g = symmetry.group.sample(4, generator=generator)
    expected = network(x)
    if out is not None:
        expected = symmetry.feature_type(out).transform(g, expected)
    moved = in_type.transform(g, x)
    assert torch.allclose(network(moved), expected, atol=1e-8)
    assert not torch.allclose(model(moved), model(x), atol=1e-2)


def test_an_average_over_rotations_has_an_error() -> None:
    symmetry = element_group("spatial", reflections=False)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    network = symmetrize(model, symmetry, in_features="2x1o", samples=128)
    y, error = network(torch.randn(3, 6, dtype=D), return_error=True)
    assert y.shape == error.shape == (3, 2)
    assert 0 < float(error.detach().max()) < 0.1
