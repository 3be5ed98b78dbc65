"""Old names of the generative model, for one version."""

from __future__ import annotations

import pytest
import torch

import eqsets
from eqsets.families import IdentityFrame
from eqsets.generative import SymmetryModel, chart_of
from eqsets.set_inference import SetInference


def test_chart_of_is_a_method_of_the_family() -> None:
    family = eqsets.transformation("affine")
    with pytest.warns(DeprecationWarning, match=r"write family\.chart\(\)"):
        assert chart_of(family) == family.chart()


def test_clarity_is_confidence() -> None:
    model = SymmetryModel("rotation", (1, 8, 8), backbone="analytic")
    x = torch.full((1, 1, 8, 8), -1.0)
    x[..., 1:3, 4:7] = 1.0
    with pytest.warns(DeprecationWarning, match="now confidence"):
        assert torch.equal(model.clarity(x), model.confidence(x))
    pose = IdentityFrame(model.family)(x)
    with pytest.warns(DeprecationWarning, match="now confidence"):
        assert torch.equal(pose.clarity, pose.confidence)


@pytest.mark.parametrize("make", [SymmetryModel, SetInference])
def test_image_shape_is_shape(make: type[SymmetryModel] | type[SetInference]) -> None:
    with pytest.warns(DeprecationWarning, match="it is now shape"):
        model = make("rotation", image_shape=(1, 8, 8))
    with pytest.warns(DeprecationWarning, match="it is now shape"):
        assert model.image_shape == model.shape == (1, 8, 8)


def test_weights_of_the_direction_outside_the_frame_are_loaded() -> None:
    model = SymmetryModel("similarity+hue", (3, 8, 8))
    torch.nn.init.normal_(model.inference.frame.frames[0].polar.network[0].weight)
    old = {
        name.replace("frame.frames.0.polar", "polar"): value
        for name, value in model.inference.state_dict().items()
    }
    assert any(name.startswith("polar.network") for name in old)
    again = SymmetryModel("similarity+hue", (3, 8, 8))
    again.inference.load_state_dict(old)
    x = torch.rand(2, 3, 8, 8) - 0.5
    assert torch.equal(again.element(x), model.element(x))
