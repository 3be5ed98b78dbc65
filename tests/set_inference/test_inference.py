"""Inference from a set: its laws, and that it learns more from a set than from its parts."""

from __future__ import annotations

from math import pi

import pytest
import torch

import eqsets
from eqsets import OptionError, ShapeError
from eqsets.generative import StagePlan, SymmetryModel
from eqsets.set_inference import SetInference, average_element
from tests.generative.elsewhere import THERE, elsewhere

SHAPE = (1, 16, 16)


@pytest.fixture
def stirred(bursts, generator):
    """Return an inference whose correction is not zero, and bursts, all in float64."""
    torch.manual_seed(0)
    inference = SetInference("rotation", SHAPE, background=-0.3)
    for parameter in inference.encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    angle = 2 * pi * torch.rand(3, generator=generator)
    return inference.double(), bursts(angle, 5, 0.2, generator).double()


def turned(g):
    return torch.atan2(g[:, 1, 0], g[:, 0, 0])


def test_order_does_not_matter_but_content_does(stirred):
    inference, x = stirred
    g = inference(x)
    assert (inference(x[:, torch.tensor([3, 1, 4, 0, 2])]) - g).abs().max() < 1e-9
    assert (inference(x.flip(0)) - g).abs().max() > 1e-3


def test_moves_with_the_burst(stirred):
    inference, x = stirred
    quarter = eqsets.transformation("rotation").element(
        torch.tensor([[pi / 2]], dtype=torch.float64)
    )
    moved = inference.family.act(quarter, x)  # exact on pixels
    expected = inference.family.group.compose(quarter.expand(3, 3, 3), inference(x))
    assert (inference(moved) - expected).abs().max() < 1e-6
    alone = inference.family.act(quarter, x[:, :1])
    parts = torch.cat([alone, x[:, 1:]], 1)  # control: one image turned is no turned burst
    assert (inference(parts) - expected).abs().max() > 1e-3


def test_absent_images_change_nothing(stirred):
    inference, x = stirred
    mask = torch.tensor([True, True, True, False, False]).expand(3, 5)
    spoiled = x.clone()
    spoiled[:, 3:] = torch.nan
    g = inference(x[:, :3])
    assert (inference(spoiled, mask) - g).abs().max() < 1e-9
    assert (inference(x) - g).abs().max() > 1e-4


def test_the_correction_learns_and_the_start_stays(bursts, generator):
    torch.manual_seed(0)
    start = SymmetryModel("rotation", SHAPE, backbone="cnn").inference
    inference = SetInference("rotation", SHAPE, frame=start)
    x = bursts(torch.zeros(4), 4, 0.2, generator)
    inference(x)[:, 0, 1].sum().backward()
    assert all(parameter.grad is None for parameter in inference.start.parameters())
    gradients = [p.grad for p in inference.encoder.dense.parameters()]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert max(float(gradient.abs().max()) for gradient in gradients) > 0


@pytest.mark.slow
def test_a_set_says_more_than_the_average_of_its_images(bursts, generator):
    torch.manual_seed(0)
    angle = 2 * pi * torch.rand(200, generator=generator)
    inference = SetInference("rotation", SHAPE, background=-0.3)
    plan = StagePlan(100, batch=24, learning_rate=3e-3, check_every=50)
    curve = inference.fit(bursts(angle, 6, 0.3, generator), plan=plan, quiet=True)
    assert curve == inference.curve
    assert [row["step"] for row in curve] == [50, 100]
    truth = 2 * pi * torch.rand(100, generator=generator)
    x = bursts(truth, 6, 0.3, generator)

    def error(g):
        away = turned(g) + truth
        away = away - torch.atan2(away.sin().mean(), away.cos().mean())  # the convention
        return (away - 2 * pi * (away / (2 * pi)).round()).abs().median()

    each = inference.element(x.flatten(0, 1)[:, None])
    average = average_element(inference.family, each.unflatten(0, (100, 6)), torch.ones(100, 6))
    assert error(inference.element(x)) < 0.06
    assert error(inference.element(x)) < 0.8 * error(average)
    assert error(inference.element(x)) < error(each[::6])


def test_a_fit_is_resumed_from_its_folder_and_no_other_is(bursts, generator, tmp_path):
    x = bursts(torch.linspace(0, 3, 10), 4, 0.2, generator)
    plan, curves = StagePlan(4, batch=4, check_every=2), []
    for start in range(2):  # different initial weights: only the checkpoint makes them equal
        torch.manual_seed(start)
        inference = SetInference("rotation", SHAPE)
        curves.append(inference.fit(x, plan=plan, folder=tmp_path, quiet=True))
    assert curves[0] == curves[1]
    assert (tmp_path / "sets.csv").read_text().startswith("step,image,loss,lost\n")
    with pytest.raises(OptionError, match="is of another fit"):
        inference.fit(x, plan=plan, folder=tmp_path, seed=1, quiet=True)


def test_other_families_and_layers(generator):
    x = 1.5 * torch.rand(6, 4, 3, 12, 12, generator=generator) - 1
    inference = SetInference("rotation+hue", (3, 12, 12), aggregation="max", kernel_size=3)
    inference.fit(x, plan=StagePlan(2, batch=2), quiet=True)
    assert inference.transformation(x).shape == (6, 2)
    assert torch.isfinite(inference.prototype(x)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"frame": "none"}, "got frame='none'"), ({"passes": 0}, "at least one pass")],
)
def test_options_are_checked(options, message):
    with pytest.raises(OptionError, match=message):
        SetInference("rotation", SHAPE, **options)


def test_a_frame_of_another_family_is_refused():
    other = SetInference("translation", SHAPE)
    with pytest.raises(OptionError, match=r"got a frame of the family AffineFamily.*translation"):
        SetInference("rotation", SHAPE, frame=other)
    assert SetInference("translation", SHAPE, frame=other).calibrated


def test_sets_are_checked():
    inference = SetInference("rotation", SHAPE)
    with pytest.raises(ShapeError, match=r"got sets of shape \(4, 1, 16, 16\)"):
        inference.element(torch.zeros(4, *SHAPE))
    with pytest.raises(ShapeError, match="sets of 2 images at least"):
        inference.fit(torch.zeros(4, 1, *SHAPE) - 1, quiet=True)


def test_a_mask_of_another_shape_is_named(stirred):
    inference, x = stirred
    with pytest.raises(ShapeError, match=r"mask of shape \(5,\).*expected \(3, 5\)"):
        inference.element(x, torch.ones(5, dtype=torch.bool))
    with elsewhere():
        mask = torch.ones(3, 5, dtype=torch.bool)  # on the CPU, as the images are
        result = inference.to(THERE).element(x, mask)
        assert result.device == THERE


def test_images_whose_pose_is_certain_weigh_more_at_the_start():
    family = eqsets.transformation("translation")
    model = SetInference(family, (1, 12, 12))

    class Start(torch.nn.Module):
        def forward(self, x):
            g = family.element(torch.tensor([[0.0, 0.0], [0.4, 0.0]]))
            return g, torch.tensor([0.2, 0.8])

    model.start = Start()
    g = model._average(torch.zeros(1, 2, 1, 12, 12), torch.ones(1, 2))
    expected = 0.4 * 0.801 / (0.201 + 0.801)
    assert float(family.parameters(g)[0, 0]) == pytest.approx(expected, abs=1e-5)
