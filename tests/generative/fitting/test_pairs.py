"""Stage 2 learns from prototypes and transformations that belong together, also where some clip."""

from __future__ import annotations

import pytest
import torch

import eqsets
from eqsets.generative import Inference, LossWeights, Preset, StagePlan
from eqsets.generative.fitting.inference_stage import InferenceObjective
from eqsets.generative.fitting.pairs import prototype_pairs
from eqsets.training.objective import Step


def pairs_and_errors(name, x, views=6):
    """Return ``eta`` and how far prototypes, moved by it, are from the images ``(n, views)``."""
    family = eqsets.transformation(name)
    inference = Inference(family, tuple(x.shape[1:]), "analytic")
    inference.frame.calibrate(x)
    eta, built = prototype_pairs(
        inference,
        x,
        views=views,
        bounds=family.bounds,
        order=1,
        generator=torch.Generator().manual_seed(0),
    )
    again = family.act(inference.chart.element(eta), built)
    return eta, (again - x[:, None]).square().mean((-3, -2, -1))


def reds(draw, saturation):
    """Return blobs of one colour: ``saturation`` of 1 is pure red, 0 grey."""
    light = (draw(torch.eye(3).expand(8, 3, 3)) + 1) / 2
    return 2 * torch.cat([light, light * (1 - saturation), light * (1 - saturation)], 1) - 1


@pytest.mark.parametrize("name", ["hue-saturation", "hsv", "affine+hsv"])
def test_saturations_that_would_be_clipped_are_not_taken(draw, name):
    x = reds(draw, 0.7)
    eta, errors = pairs_and_errors(name, x)
    assert float(errors.max()) < (0.01 if "affine" in name else 1e-6)
    saturation = eta[..., -1 if name == "hue-saturation" else -2]
    assert float(saturation.abs().max()) < 1e-4, "all images have that of the prototype"


def test_pairs_still_come_from_anywhere_on_the_orbit(draw):
    eta, _ = pairs_and_errors("hue", reds(draw, 0.7))
    assert float(eta.abs().max()) < 1e-4, "one hue, whatever the view"
    grey = 2 * torch.rand(64, 1, 16, 16, generator=torch.Generator().manual_seed(0)) - 1
    turned, _ = pairs_and_errors("rotation", grey.mean(0, keepdim=True).expand(64, 1, 16, 16))
    assert float(turned.abs().max()) > 2, "noise has no direction: its pairs have any"


def test_views_that_clip_colours_do_not_count_as_errors_of_inference(draw):
    x = reds(draw, 0.7)
    family = eqsets.transformation("hsv")
    inference = Inference(family, (3, 32, 32), "canonical")  # begins as the closed form: exact
    objective = InferenceObjective(
        inference, x, x, Preset(StagePlan(4, batch=32)), family.bounds, LossWeights()
    )
    step = Step(0, 4, 32, torch.Generator().manual_seed(0))
    assert float(objective.loss(step)["image"].detach()) < 1e-8
    views = family.element(family.sample(32, generator=step.generator)).float()
    again = family.act(family.group.inverse(views), family.act(views, x.repeat(4, 1, 1, 1)))
    assert float((again - x.repeat(4, 1, 1, 1)).square().mean()) > 1e-3, "many views clip"
