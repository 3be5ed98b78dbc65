"""Sprites are drawn where they are put, and their densities are densities."""

from __future__ import annotations

from math import log, pi

import pytest
import torch
from torch import Tensor

import eqsets
from experiments.data.sprites import SHAPES, SYMMETRY_ORDERS, centroid, draw
from experiments.data.sprites.laws import (
    LAWS,
    RADIUS,
    SPAN,
    Law,
    bins_of,
    element,
    latents,
    log_density,
    turns,
)

AREAS = {"square": 1.0, "ellipse": pi * 0.8 * 0.4, "arrow": 0.4 * 0.7 + 0.6 * 0.8}
POSE = torch.tensor([0.62, 0.41, 0.7, 0.9], dtype=torch.float64)  # x, y, orientation, scale


def drawn(generator: torch.Generator, name: str, n: int) -> Tensor:
    return torch.stack([law.sample(n, generator) for law in LAWS[name]], -1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def inside(name: str, x: float, y: float) -> bool:
    """Say for one point whether it is in a shape: another way than by depth."""
    if name == "square":
        return max(abs(x), abs(y)) < 0.5
    if name == "ellipse":
        return x * x / 0.64 + y * y / 0.16 < 1
    head = -0.8 < y < 0 and abs(x) < 0.6 * (y + 0.8) / 0.8
    return head or (0 <= y < 0.7 and abs(x) < 0.2)


@pytest.mark.parametrize("name", AREAS)
def test_pixels_are_the_area_covered(name):
    f = element(POSE)
    image = draw(name, f[None], 32, samples=8)[0].double()
    pixel = 2 / 31
    back = torch.linalg.inv(f)
    cx, cy = centroid(name)
    for row, column in ((13, 19), (10, 20), (16, 22), (12, 15), (9, 18)):
        count = 0
        for i in range(20):
            for j in range(20):
                x = -1 + (column + (i + 0.5) / 20 - 0.5) * pixel
                y = -1 + (row + (j + 0.5) / 20 - 0.5) * pixel
                source = back @ torch.tensor([x, y, 1.0], dtype=torch.float64)
                count += inside(name, float(source[0]) + cx, float(source[1]) + cy)
        assert float(image[row, column]) == pytest.approx(count / 400, abs=0.06)
    area = float(image.sum()) * pixel**2 / (RADIUS * float(POSE[3])) ** 2
    assert area == pytest.approx(AREAS[name], rel=0.02)


@pytest.mark.parametrize("name", SHAPES)
def test_the_centroid_is_where_the_sprite_is_put(name):
    image = draw(name, element(POSE)[None], 40, samples=4)[0].double()
    steps = torch.linspace(-1, 1, 40, dtype=torch.float64)
    x = float((image.sum(0) * steps).sum() / image.sum())
    y = float((image.sum(1) * steps).sum() / image.sum())
    assert x == pytest.approx(SPAN * (float(POSE[0]) - 0.5), abs=0.004)
    assert y == pytest.approx(SPAN * (float(POSE[1]) - 0.5), abs=0.004)


@pytest.mark.parametrize("name", SHAPES)
def test_symmetry_orders_count_the_rotations_to_itself(name):
    def turned(angle: float) -> Tensor:
        moved = POSE.clone()
        moved[2] += angle
        return draw(name, element(moved)[None], 32, samples=4)

    static, order = turned(0.0), SYMMETRY_ORDERS.get(name, 1)
    for angle in turns(name).tolist():
        assert float((turned(angle) - static).abs().max()) < 1e-3
    for other in range(2, 7):  # negative control: no other part of a turn
        if order % other:
            assert float((turned(2 * pi / other) - static).abs().max()) > 0.2


@pytest.mark.parametrize("name", LAWS)
def test_latents_follow_their_laws(name, generator):
    v = drawn(generator, name, 4000)
    assert torch.allclose(latents(element(v))[..., [0, 1, 3]], v[..., [0, 1, 3]], atol=1e-9)
    for law, column in zip(LAWS[name], v.unbind(-1), strict=True):
        ordered = column.sort().values
        gap = law.mass(ordered) - (torch.arange(4000) + 0.5) / 4000
        assert float(gap.abs().max()) < 0.035  # of Kolmogorov and Smirnov, p = 1e-4
        low, high = law.pieces[0][0], law.pieces[-1][1]
        fine = low + (high - low) * (torch.arange(20000, dtype=torch.float64) + 0.5) / 20000
        assert float(law.log_prob(fine).exp().mean() * (high - low)) == pytest.approx(1, abs=1e-3)
    shifted = Law(((0.0, 0.8),)).mass(torch.rand(4000, generator=generator).sort().values)
    gap = shifted - (torch.arange(4000) + 0.5) / 4000  # negative control
    assert float(gap.abs().max()) > 0.1


@pytest.mark.parametrize("name", LAWS)
def test_folded_densities_integrate_to_one_in_the_chart_of_the_model(name, generator):
    """So densities of u and eta may be compared: no factor is forgotten."""
    chart = eqsets.transformation("similarity").chart()
    prototype = torch.tensor([0.54, 0.47, 1.1, 0.7], dtype=torch.float64)  # not in the middle
    c = element(prototype)
    seen = chart.coordinates(element(drawn(generator, name, 20_000)) @ torch.linalg.inv(c))
    low, high = seen.amin(0) - 0.02, seen.amax(0) + 0.02
    low[2], high[2] = -pi, pi
    eta = low + (high - low) * torch.rand(400_000, 4, generator=generator, dtype=torch.float64)
    v = latents(chart.element(eta) @ c)
    volume = float((high - low).prod())
    total = float(log_density(name, v).exp().mean()) * volume / SYMMETRY_ORDERS.get(name, 1)
    assert total == pytest.approx(1, abs=0.05)
    # Negative control: without the factor of the scale it is the mean scale.
    without = float((log_density(name, v) - v[..., 3].log()).nan_to_num(-9e9).exp().mean())
    assert without * volume / SYMMETRY_ORDERS.get(name, 1) > total * 1.04


@pytest.mark.parametrize("name", LAWS)
def test_bins_hold_what_falls_into_them(name, generator):
    v = drawn(generator, name, 40_000)
    for latent, column in enumerate(v.unbind(-1)):
        edges, true, period = bins_of(name, latent)
        assert float(true.sum()) == pytest.approx(1, abs=1e-9)
        if period:
            column = (column - edges[0]).remainder(period) + edges[0]
        counts = torch.histogram(column, edges).hist / len(column)
        assert float((counts - true).abs().sum()) / 2 < 0.03
        moved = torch.histogram(column + 4 * (edges[1] - edges[0]), edges).hist / len(column)
        if float(true.std()) > 1e-6:  # negative control, but where all is even
            assert float((moved - true).abs().sum()) / 2 > 0.06


def test_the_entropy_of_hearts_is_that_of_its_parts(generator):
    v = drawn(generator, "heart", 20_000)
    parts = log(0.4) + log(0.4) + 2 * log(SPAN) + log(0.1) - float(v[:, 3].log().mean())
    turn = 0.5 * log(2 * pi * 2.718281828 * 0.05**2)
    assert -float(log_density("heart", v).mean()) == pytest.approx(parts + turn, abs=0.02)
