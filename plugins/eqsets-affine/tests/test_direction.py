"""The learned direction: its loss against a plain loop, and angles between the grid."""

from __future__ import annotations

from math import pi

import pytest
import torch

from eqsets_affine.direction import PolarDirection


def two_turns(n):
    """Return directions known by name: what a trained network would be sure of."""
    scores = torch.full((2, n, 64), -30.0)
    scores[0, :, 5] = scores[1, :, 5 + 16] = 30.0
    return scores[0], scores[1]


def test_the_loss_is_the_expectation_over_pairs():
    polar, generator = PolarDirection(rings=3, angles=8), torch.Generator().manual_seed(0)
    rings = torch.rand(2, 3, 8, generator=generator)
    scores = torch.randn(2, 2, 8, generator=generator)
    turned = torch.tensor([2, -3]) * (2 * pi / 8)
    actual = float(polar.loss(rings, (scores[0], scores[1]), turned))
    p, q = scores.softmax(-1)
    expected = 0.0
    for image, shift in enumerate((2, -3)):
        area = polar.constants.get("rho", rings)[:, None]
        size = (area * rings[image] ** 2).sum()
        for i in range(8):
            for j in range(8):  # direction j of the second view is j + shift of the first
                gap = rings[image] - rings[image].roll(j + shift - i, -1)
                cost = (area * gap**2).sum() / size
                expected += float(p[image, i] * q[image, j] * cost) / 2
    assert actual == pytest.approx(expected, rel=1e-4)


def test_the_loss_vanishes_for_directions_that_agree():
    polar, generator = PolarDirection(), torch.Generator().manual_seed(0)
    rings = torch.rand(4, 12, 64, generator=generator)
    agree = polar.loss(rings, two_turns(4), torch.full((4,), -pi / 2))
    differ = polar.loss(rings, two_turns(4), torch.zeros(4))
    assert abs(float(agree)) < 1e-4
    assert float(differ) > 0.1


def test_direction_is_refined_between_the_angles():
    polar = PolarDirection()
    angle = torch.tensor([0.3, 1.234, -2.0, 3.1])
    cosine, sine = polar.constants.get("circle", angle).unbind(1)
    scores = cosine * angle.cos()[:, None] + sine * angle.sin()[:, None]
    actual = polar.direction(scores)
    assert torch.allclose((actual - angle).cos(), torch.ones(4), atol=1e-6)
