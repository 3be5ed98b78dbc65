"""Charts of any family: round trips, kinds of coordinates, and the mean on the group."""

from __future__ import annotations

import pytest
import torch

import eqsets
from eqsets.families import Chart, FamilyChart, ProductChart

NAMES = ["hsv", "d4", "hue", "affine+hsv", "c4+hue"]


def coordinates(chart: Chart, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    unit = torch.rand(n, len(chart.parameters), generator=generator, dtype=torch.float64)
    columns = []
    for one, part in zip(chart.parameters, unit.unbind(-1), strict=True):
        z = one.low + (one.high - one.low) * part
        columns.append(z.round() if one.levels else z)
    return torch.stack(columns, -1)


@pytest.mark.parametrize("name", NAMES)
def test_coordinates_of_elements_come_back(name: str) -> None:
    chart = eqsets.transformation(name).chart()
    z = coordinates(chart, 64)
    assert torch.allclose(chart.coordinates(chart.element(z)).double(), z, atol=1e-6)


def test_a_product_lays_the_charts_of_its_factors_side_by_side() -> None:
    family = eqsets.transformation("c4+hue")
    chart = family.chart()
    assert isinstance(chart, ProductChart)
    assert all(isinstance(one, FamilyChart) for one in chart.charts)
    assert chart.names == ("quarter_turns", "hue")
    assert (chart.levels, chart.circles, chart.lines) == ((0,), (1,), ())
    assert eqsets.transformation("hsv").chart().lines == (1, 2)


@pytest.mark.parametrize("name", ["hue", "hsv", "c4", "c4+hue"])
def test_the_mean_is_equivariant_and_weighted(name: str) -> None:
    family = eqsets.transformation(name)
    chart, generator = family.chart(), torch.Generator().manual_seed(1)
    bounds = (
        family.bounds
        * torch.tensor([0.0 if one.levels else 0.3 for one in chart.parameters])[:, None]
    )
    g = family.element(family.sample(5, 4, generator=generator, bounds=bounds, dtype=torch.float64))
    h = family.element(family.sample(5, generator=generator, dtype=torch.float64))
    weights = torch.rand(5, 4, generator=generator, dtype=torch.float64) + 0.1
    mean = chart.mean(g, weights)
    moved = chart.mean(family.group.compose(h[:, None].expand_as(g), g), weights)
    assert float(family.group.distance(moved, family.group.compose(h, mean)).max()) < 1e-9
    alone = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64).expand(5, 4)
    assert float(family.group.distance(chart.mean(g, alone), g[:, 1]).max()) < 1e-9
    assert torch.isfinite(chart.mean(g, torch.zeros(5, 4)).double()).all()
