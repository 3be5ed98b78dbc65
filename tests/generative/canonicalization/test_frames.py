"""Laws of the canonical frames: they move with the image, and say so when they cannot."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import eqsets
from eqsets.families import Frame, IdentityFrame, TransformationFamily
from eqsets.generative.canonicalization.inference import Inference, canonical_frame

SPATIAL = {"translation": 1e-4, "rotation": 1e-4, "similarity": 2e-3, "affine": 5e-3}
COLOURS = ["hue", "hue-saturation", "hsv"]
DISCRETE = ["reflections", "c4", "d4"]
SMALL = 0.4  # of the bounds, so that no content leaves the frame


def elements(family: TransformationFamily, n: int, generator: torch.Generator) -> Tensor:
    bounds = family.bounds.clone()
    for row, one in zip(bounds, family.parameters_of_eta, strict=True):
        if one.period is None:
            row *= SMALL
    return family.element(family.sample(n, generator=generator, bounds=bounds, dtype=torch.float64))


def colourful(n: int, generator: torch.Generator) -> Tensor:
    """Return colours far from being clipped, ``(n, 3, 12, 12)``."""
    x = torch.rand(n, 3, 12, 12, generator=generator, dtype=torch.float64)
    x[:, 0] += 0.6  # a hue that is clear
    return 0.5 * x / 1.6 - 0.8


def error(frame: Frame, family: TransformationFamily, x: Tensor, g: Tensor, moved: Tensor) -> float:
    """Return the largest distance between the frame of ``g x`` and ``g`` times that of ``x``."""
    expected = family.group.compose(g, frame(x).g.to(g.dtype))
    return float(family.group.distance(frame(moved).g, expected).max())


@pytest.mark.parametrize("name", SPATIAL)
def test_spatial_frame_moves_with_the_image(name, draw, generator):
    family = eqsets.transformation(name)
    g = elements(family, 16, generator)
    static = draw(torch.eye(3, dtype=torch.float64).expand(16, 3, 3))
    moved = draw(g)
    frame = canonical_frame(family).double()
    assert error(frame, family, static, g, moved) < SPATIAL[name]
    # negative controls: a frame that stays, and one that moves the wrong way
    assert error(IdentityFrame(family), family, static, g, moved) > 0.05
    assert error(frame, family, static, family.group.inverse(g), moved) > 0.05


@pytest.mark.parametrize("name", COLOURS)
def test_colour_frame_moves_with_the_colours(name, generator):
    family = eqsets.transformation(name)
    x = colourful(16, generator)
    bounds = family.bounds * torch.tensor([1.0, 0.1, 0.5])[: len(family.names), None]
    eta = family.sample(16, generator=generator, bounds=bounds, dtype=torch.float64)
    g = family.element(eta)
    frame = canonical_frame(family).double()
    assert error(frame, family, x, g, family.act(g, x)) < 1e-9
    assert error(IdentityFrame(family), family, x, g, family.act(g, x)) > 0.05


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_frame_is_exact(name, generator):
    family = eqsets.transformation(name)
    x = torch.rand(8, 1, 9, 9, generator=generator) - 0.5
    frame = canonical_frame(family)
    canonical = family.act(family.group.inverse(frame(x).g), x)
    for g in family.group.elements():
        moved = family.act(g.expand(8, *g.shape), x)
        result = family.act(family.group.inverse(frame(moved).g), moved)
        assert torch.equal(result, canonical)
    assert not torch.equal(x, canonical)


def test_factors_do_not_disturb_each_other(draw, generator):
    family = eqsets.transformation("similarity+hue")
    index, hue = family.factors
    g = elements(index, 8, generator)
    tint = torch.tensor([1.0, 0.4, 0.2], dtype=torch.float64)[:, None, None]
    static = (draw(torch.eye(3, dtype=torch.float64).expand(8, 3, 3)) + 1) * tint - 1
    turn = hue.element(hue.sample(8, generator=generator, dtype=torch.float64))
    moved = hue.act(turn, (draw(g) + 1) * tint - 1)
    frame = canonical_frame(family).double()
    assert error(frame, family, static, family.group.pack(g, turn), moved) < 2e-3


def test_canonical_images_are_similar_to_the_data(draw, generator):
    family = eqsets.transformation("affine")
    x = draw(elements(family, 32, generator)).float()
    frame = canonical_frame(family)
    frame.calibrate(x)
    canonical = family.act(family.group.inverse(frame(x).g), x)
    assert float((canonical + 1).sum() / (x + 1).sum()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("name", [*SPATIAL, "hsv", "affine+hsv", *DISCRETE])
def test_degenerate_images_are_flagged(name):
    family = eqsets.transformation(name)
    frame = canonical_frame(family)
    blank, flat = torch.full((1, 3, 12, 12), -1.0), torch.zeros(1, 3, 12, 12)
    pixel = blank.clone()
    pixel[..., 4, 4] = 1.0
    for x in (blank, flat, pixel):
        pose = frame(x)
        assert torch.isfinite(pose.g).all()
        assert torch.isfinite(pose.confidence).all()
    assert float(frame(blank).confidence) == 0


def test_a_disc_has_no_direction_and_a_comma_has(draw):
    frame = canonical_frame(eqsets.transformation("similarity"))
    one = torch.eye(3)[None]
    disc, comma = draw(one, blobs=((0.1, 0.0, 1.0),)), draw(one)
    assert float(frame(disc).confidence) < 1e-3
    assert float(frame(comma).confidence) > 0.05


@pytest.mark.parametrize("name", [*SPATIAL, "hsv", "affine+hsv"])
def test_gradients_are_finite(name, generator):
    frame = canonical_frame(eqsets.transformation(name))
    grey = torch.full((1, 3, 8, 8), -0.5)
    x = torch.cat([torch.rand(2, 3, 8, 8, generator=generator), grey, grey - 0.5])
    x.requires_grad_()
    frame(x).g.square().sum().backward()
    assert torch.isfinite(x.grad).all()


def test_learned_direction_turns_with_the_image(draw, generator):
    family = eqsets.transformation("similarity")
    inference = Inference(family, (1, 32, 32), "canonical").double()
    for parameter in inference.frame.parameters():  # far from the closed form
        torch.nn.init.normal_(parameter, std=0.05, generator=generator)
    g = elements(family, 16, generator)
    static, moved = draw(torch.eye(3, dtype=torch.float64).expand(16, 3, 3)), draw(g)
    expected = family.group.compose(g, inference(static).g)
    distance = family.group.distance(inference(moved).g, expected).detach()
    assert float(distance.median()) < 0.05


def test_learned_direction_begins_as_the_closed_form(draw, generator):
    family = eqsets.transformation("affine")
    x = draw(elements(family, 16, generator)).float()
    closed, learned = (Inference(family, (1, 32, 32), b)(x).g for b in ("analytic", "canonical"))
    assert float(family.group.distance(closed, learned).detach().max()) < 0.1
