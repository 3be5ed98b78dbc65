"""How one component of eta moves images, and what cannot be a pose of them."""

from __future__ import annotations

from math import pi

import pytest
import torch

import eqsets
from eqsets.families import Parameter
from eqsets.generative import SymmetryModel
from eqsets.generative.analysis.comparison.similarity import (
    ColourMoments,
    WholeImages,
    similarity_of,
)
from eqsets.generative.analysis.component import components_of, steps_of
from eqsets.generative.analysis.examine import examine
from eqsets.generative.analysis.poses import Poses, poses_of
from eqsets.generative.canonicalization.views import View

SIZE = 20


@pytest.fixture
def images():
    """Return eight coloured images: a bright bell and a dark one next to it."""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, SIZE)] * 2, indexing="ij")
    bell = torch.exp(-8 * ((x - 0.15) ** 2 + 2 * y**2)) + 0.5 * torch.exp(
        -20 * ((x + 0.4) ** 2 + y**2)
    )
    colour = 0.3 + 0.6 * torch.rand(8, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    return bell.clamp(max=1) * colour * 2 - 1


def component(name, family, x):
    """Return the component, and poses of the images in a closed form."""
    model = SymmetryModel(family, tuple(x.shape[1:]), backbone="analytic")
    model.inference.eval()
    model.inference.frame.calibrate(x)
    poses = poses_of(model.inference, x, generator=torch.Generator().manual_seed(1))
    return components_of(model.inference, x)[model.names.index(name)], poses


def moved(component, x, steps):
    """Return images moved as they are."""
    eta = torch.zeros(len(steps), len(component.chart.parameters))
    eta[:, component.index] = steps
    return component.family.act(component.chart.element(eta), x[:, None])


@pytest.mark.parametrize(
    ("name", "family", "in_place"),
    [
        ("hue", "hsv", True),
        ("value", "hsv", True),
        ("saturation", "similarity+hsv", True),
        ("value", "similarity+hsv", True),
        ("rotation", "similarity+hsv", False),
        ("scale", "similarity", False),
        ("shift_x", "translation", False),
        ("quarter_turns", "c4", False),
    ],
)
def test_colours_are_changed_in_place_and_positions_are_not(images, name, family, in_place):
    result, poses = component(name, family, images)
    assert result.in_place is in_place
    similarity = similarity_of(result.moved(poses, torch.zeros(1))[:, 0], images, in_place=in_place)
    assert isinstance(similarity, ColourMoments if in_place else WholeImages)


@pytest.mark.parametrize("name", ["hue", "saturation", "value"])
def test_a_image_that_is_not_moved_is_as_it_was_seen(images, name):
    """All other components are left out: these images differ by them alone."""
    result, poses = component(name, "hsv", images)
    static = result.moved(poses, torch.zeros(1))[:, 0]
    model = SymmetryModel("hsv", tuple(images.shape[1:]), backbone="analytic")
    model.inference.frame.calibrate(images)
    expected = model.transformation(images)[:, result.index]
    torch.testing.assert_close(
        model.transformation(static)[:, result.index], expected, atol=1e-4, rtol=0
    )
    others = [index for index in range(3) if index != result.index]
    spread = model.transformation(static)[:, others].std(0)
    assert (spread < 1e-3).all()
    assert (model.transformation(images)[:, others].std(0) > 0.03).all()  # control


def test_moves_along_a_component_add_up(images):
    result, poses = component("rotation", "rotation", images)
    static, quarter, half = result.moved(poses, torch.tensor([0.0, pi / 2, pi])).unbind(1)
    turned = result.family.act(result.family.element(torch.tensor([pi / 2])), static)
    torch.testing.assert_close(quarter, turned, atol=0.1, rtol=0)
    torch.testing.assert_close(half, static.flip((-2, -1)), atol=0.1, rtol=0)
    assert float((quarter - static).abs().max()) > 0.3  # control


def test_what_was_taken_off_and_put_back_clips_nothing():
    """Prototypes of dark images are brighter than white; regression: they were clipped."""
    x = torch.full((8, 3, SIZE, SIZE), -1.0)
    x[:, :, 4:-4, 9:11] = 0.9
    x[:, :, 9:11, 4:-4] = -0.4  # most of it is dark
    x[4:] = (x[4:] + 1) * 0.6 - 1
    result, poses = component("value", "hsv", x)
    assert float((result.moved(poses, torch.zeros(1))[:, 0] - x).abs().max()) < 1e-3
    dark = result.family.element(torch.tensor([0.0, 0.0, -0.4])).expand(8, -1)
    prototypes = result.family.act(result.family.group.inverse(dark), x)
    by_prototypes = result.family.act(dark, prototypes)
    assert float((by_prototypes - x).abs().max()) > 0.1  # control: 0.95 e^0.4 is clipped


@pytest.mark.parametrize(
    ("name", "gone"),
    [("hue", []), ("saturation", [0.9]), ("value", [0.9])],
)
def test_clipped_colours_do_not_come_back(name, gone):
    x = torch.full((2, 3, SIZE, SIZE), -1.0)
    x[:, :, 5:-5, 5:-5] = torch.tensor([0.8, -0.2, 0.4])[:, None, None]  # in [-1, 1]
    result, _ = component(name, "hsv", x)
    steps = torch.tensor([-0.9, -0.05, 0.0, 0.04, 0.9])
    valid = result.recoverable(moved(result, x, steps), x, steps)
    assert valid.tolist() == [[step not in gone for step in (-0.9, -0.05, 0.0, 0.04, 0.9)]] * 2


def test_images_of_nothing_have_every_pose():
    x = torch.full((3, 3, SIZE, SIZE), -1.0)
    result, poses = component("value", "hsv", x)
    assert result.recoverable(moved(result, x, result.steps), x, result.steps).all()
    assert not component("rotation", "similarity+hsv", x)[0].in_place  # though none is seen to move
    assert isinstance(poses.pick(torch.arange(2)), Poses)
    assert len(poses.pick(torch.arange(2)).back) == 2


def test_steps_hold_zero():
    for family in ("similarity+hsv", "d4"):
        for one in eqsets.transformation(family).parameters_of_eta:
            x = torch.zeros(2, 3, 8, 8)
            assert float(component(one.name, family, x)[0].steps.abs().min()) == 0.0


def test_steps_of_a_line_are_symmetric_and_reach_twice_as_far():
    steps = steps_of(Parameter("gain", "units", -0.5, 0.5))
    assert torch.equal(steps, -steps.flip(0))
    assert float(steps[-1]) == pytest.approx(1.0)


def test_prototypes_are_computed_once_for_each_set_of_poses(monkeypatch):
    """Regression: for each of six components again, 66 times instead of 8."""
    calls = []
    real = View.prototypes
    monkeypatch.setattr(View, "prototypes", lambda *a, **k: calls.append(1) or real(*a, **k))
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(40, 1, 8, 8, generator=generator) - 1
    model = SymmetryModel("affine", (1, 8, 8), backbone="analytic")
    assert len(examine(model.inference, x[20:], x[:20]).claims) == 6
    assert len(calls) == 8  # references, queries, six other views
