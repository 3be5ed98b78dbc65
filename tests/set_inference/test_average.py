"""The mean on the group moves with the set, and forgets the order."""

from __future__ import annotations

import pytest
import torch

import eqsets
from eqsets.set_inference import average_element

FAMILIES = ["translation", "rotation", "similarity", "affine", "hue", "hsv", "rotation+hue", "c4"]


def drawn(family, generator, *batch):
    eta = family.sample(*batch, generator=generator, dtype=torch.float64)
    return family.element(eta)


def near(family, first, second):
    """Compare coordinates, on circles around them."""
    away = family.chart().coordinates(family.group.compose(family.group.inverse(first), second))
    for index, parameter in enumerate(family.chart().parameters):
        if parameter.period:
            away[..., index] -= parameter.period * (away[..., index] / parameter.period).round()
    return float(away.abs().max())


def spread_out(family, generator, part):
    """Return sets of elements around one: ``(5, 4, ...)``; uniform for 1."""
    chart = family.chart()
    eta = chart.coordinates(drawn(family, generator, 5, 4))
    discrete = torch.tensor([bool(parameter.levels) for parameter in chart.parameters])
    return chart.element(torch.where(discrete, eta, part * eta))


@pytest.mark.parametrize("name", FAMILIES)
def test_moves_with_the_set(name, generator):
    family = eqsets.transformation(name)
    g, h = spread_out(family, generator, 0.3), drawn(family, generator, 5)
    weights = torch.rand(5, 4, generator=generator, dtype=torch.float64) + 0.1
    moved = family.group.compose(h[:, None].expand_as(g), g)
    mean = average_element(family, g, weights)
    expected = family.group.compose(h, mean)
    assert near(family, average_element(family, moved, weights), expected) < 1e-6
    if name in ("similarity", "affine", "rotation+hue"):
        naive = family.chart().coordinates(moved).mean(1)
        assert near(family, family.chart().element(naive), expected) > 0.005


@pytest.mark.parametrize("name", FAMILIES)
def test_order_does_not_matter_and_weights_do(name, generator):
    family = eqsets.transformation(name)
    g = spread_out(family, generator, 0.3)
    weights = torch.rand(5, 4, generator=generator, dtype=torch.float64) + 0.1
    order = torch.tensor([2, 0, 3, 1])
    mean = average_element(family, g, weights)
    assert near(family, average_element(family, g[:, order], weights[:, order]), mean) < 1e-9
    first = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64).expand(5, 4)
    assert near(family, average_element(family, g, first), g[:, 0]) < 1e-6
    assert near(family, average_element(family, g, first), g[:, 1]) > 0.01


@pytest.mark.parametrize("name", ["rotation", "hue"])
def test_opposite_directions_have_a_finite_mean(name):
    family = eqsets.transformation(name)
    half = (family.periodic[0] or 0) / 2
    g = family.element(torch.tensor([[[0.0], [half]]]))
    assert torch.isfinite(average_element(family, g, torch.ones(1, 2))).all()
