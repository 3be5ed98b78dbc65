"""Laws of the coordinates: they exist everywhere, and mean what the published ones mean."""

from __future__ import annotations

from math import pi

import pytest
import torch

import eqsets

AFFINE = ["translation", "rotation", "similarity", "affine", "affine-no-shear"]


def draw_coordinates(chart, n, part=1.0):
    generator = torch.Generator().manual_seed(0)
    low = torch.tensor([p.low for p in chart.parameters], dtype=torch.float64)
    high = torch.tensor([p.high for p in chart.parameters], dtype=torch.float64)
    unit = torch.rand(n, len(low), generator=generator, dtype=torch.float64)
    z = part * (low + (high - low) * unit)
    levels = torch.tensor([p.levels is not None for p in chart.parameters])
    return torch.where(levels, z.round(), z)


@pytest.mark.parametrize("name", [*AFFINE, "d4"])
def test_coordinates_of_elements_come_back(name):
    chart = eqsets.transformation(name).chart()
    z = draw_coordinates(chart, 64)
    assert torch.allclose(chart.coordinates(chart.element(z)).double(), z, atol=1e-6)


@pytest.mark.parametrize("name", AFFINE)
def test_agrees_with_the_family_to_first_order(name):
    family = eqsets.transformation(name)
    chart = family.chart()
    errors = []
    for part in (1e-2, 1e-3):
        z = draw_coordinates(chart, 32, part)
        eta = z[:, : len(family.names)]
        z = torch.cat([eta, torch.zeros_like(z[:, len(family.names) :])], -1)
        errors.append(float((chart.element(z) - family.element(eta)).abs().max()))
    assert errors[1] < 0.02 * errors[0] + 1e-12  # the square of the size


def test_exists_where_the_exponential_does_not():
    family = eqsets.transformation("affine")
    chart = family.chart()
    z = torch.tensor([[0.1, 0.0, pi - 0.01, 0.3, -0.3, 0.1]], dtype=torch.float64)
    g = chart.element(z)
    assert torch.isnan(family.parameters(g)).any()
    assert torch.allclose(chart.coordinates(g), z)


def test_no_jump_at_the_half_turn():
    chart = eqsets.transformation("affine").chart()
    z = torch.tensor([[0.2, -0.1, pi, 0.2, -0.2, 0.1]], dtype=torch.float64)
    other = z * torch.tensor([1, 1, -1, 1, 1, 1])
    assert torch.allclose(chart.element(z), chart.element(other))


def test_the_group_without_shear_has_shear():
    assert eqsets.transformation("affine-no-shear").chart().names[-1] == "shear"


def test_gradient_at_the_identity_is_finite():
    chart = eqsets.transformation("affine").chart()
    z = torch.zeros(1, 6, requires_grad=True)
    chart.coordinates(chart.element(z)).sum().backward()
    assert torch.allclose(z.grad, torch.ones(1, 6), atol=1e-4)
