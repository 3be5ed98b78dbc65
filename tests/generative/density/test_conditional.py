"""The density is one: it integrates to one, samples what it says, and learns what is there."""

from __future__ import annotations

from math import log, pi

import pytest
import torch

import eqsets
from eqsets import ShapeError
from eqsets.generative.density.conditional import ConditionalDensity

SHAPE = (1, 8, 8)


def perturbed(name: str, generator: torch.Generator) -> ConditionalDensity:
    """Return a density far from its simple start."""
    family = eqsets.transformation(name)
    torch.manual_seed(0)
    density = ConditionalDensity(family.chart(), SHAPE, dropout=0.0).eval()
    with torch.no_grad():
        for parameter in density.parameters():
            parameter += 0.15 * torch.randn(parameter.shape, generator=generator)
    return density


def prototypes(n: int, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=generator)


@torch.no_grad()
def test_integrates_to_one_on_the_circle(generator):
    p = perturbed("rotation", generator)(prototypes(3, generator))
    angles = (torch.arange(4000) + 0.5) / 4000 * 2 * pi - pi
    values = p.log_prob(angles[:, None, None].expand(-1, 3, 1)).exp()
    assert torch.allclose(values.mean(0) * 2 * pi, torch.ones(3), atol=2e-3)
    assert float(values.max() / values.min()) > 1.5  # it is not the uniform one


@torch.no_grad()
def test_sums_to_one_over_levels(generator):
    density = perturbed("d4", generator)
    p = density(prototypes(2, generator))
    levels = torch.cartesian_prod(torch.arange(4.0), torch.arange(2.0))
    total = p.log_prob(levels[:, None].expand(-1, 2, -1)).exp().sum(0)
    assert torch.allclose(total, torch.ones(2), atol=1e-5)


@pytest.mark.slow
@torch.no_grad()
def test_integrates_to_one_on_lines(generator):
    density = perturbed("translation", generator)
    density.standardise(torch.randn(50, 2, generator=generator) * 0.3 + 0.1)
    p = density(prototypes(1, generator))
    steps = torch.linspace(-4, 4, 400)
    positions = torch.cartesian_prod(steps, steps)[:, None]
    total = p.log_prob(positions).exp().sum() * (8 / 399) ** 2
    assert float(total) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("name", ["affine", "hsv", "d4", "similarity+hue"])
@torch.no_grad()
def test_has_no_seam_and_shapes_are_kept(name, generator):
    density = perturbed(name, generator)
    p = density(prototypes(2, generator))
    eta = p.sample((5,), generator=generator)
    assert eta.shape == (5, 2, len(p.names))
    turned = eta.clone()
    for index, one in enumerate(density.chart.parameters):
        if one.period:
            turned[..., index] += one.period
    assert torch.allclose(p.log_prob(eta), p.log_prob(turned), atol=1e-3)
    turned = eta + 0.3 * eta.std()  # negative control
    if name != "d4":
        assert not torch.allclose(p.log_prob(eta), p.log_prob(turned), atol=1e-1)


@torch.no_grad()
def test_samples_follow_the_density(generator):
    p = perturbed("rotation", generator)(prototypes(1, generator))
    drawn = p.sample((20_000,), generator=generator).flatten()
    counts = torch.histc(drawn, 12, min=-pi, max=pi) / len(drawn)
    fine = (torch.arange(1200) + 0.5) / 1200 * 2 * pi - pi
    expected = p.log_prob(fine[:, None, None]).exp().reshape(12, 100).mean(1) * (2 * pi / 12)
    assert float((counts - expected).abs().sum()) / 2 < 0.03
    assert float((1 / 12 - expected).abs().sum()) / 2 > 0.04  # negative control


@torch.no_grad()
def test_entropy_of_the_start_is_uniform_on_circles():
    density = ConditionalDensity(eqsets.transformation("hue").chart(), SHAPE).eval()
    for parameter in density.parameters():
        parameter.zero_()
    p = density(torch.zeros(2, *SHAPE))
    assert torch.allclose(p.entropy(64), torch.tensor(p.uniform_entropy()), atol=0.01)
    assert p.uniform_entropy() == pytest.approx(log(1.0))


def test_the_entropy_is_drawn_from_the_generator_that_is_given():
    density = ConditionalDensity(eqsets.transformation("affine").chart(), SHAPE).eval()
    p = density(torch.zeros(2, *SHAPE))
    first, second, other = (
        p.entropy(8, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.slow
def test_learns_a_partial_rotation_for_one_prototype_and_none_for_another():
    density = ConditionalDensity(eqsets.transformation("rotation").chart(), SHAPE, dropout=0.0)
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        optimiser = torch.optim.Adam(density.parameters(), lr=5e-3)
    first, second = -torch.ones(1, *SHAPE), torch.ones(1, *SHAPE)
    shown = torch.cat([first, second])
    for _ in range(200):
        angle = (2 * torch.rand(64, 2, generator=generator) - 1) * torch.tensor([pi, 0.5])
        loss = -density(shown).log_prob(angle[..., None]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        entropy = density(shown).entropy(2000, generator=generator)
    assert float(entropy[0]) == pytest.approx(log(2 * pi), abs=0.1)
    assert float(entropy[1]) == pytest.approx(0.0, abs=0.2)  # log of a width of 1


def test_wrong_shape_is_named():
    density = ConditionalDensity(eqsets.transformation("affine").chart(), SHAPE)
    p = density(torch.zeros(2, *SHAPE))
    with pytest.raises(ShapeError, match=r"expected \(\*shape, 2, 6\)"):
        p.log_prob(torch.zeros(3, 6))
