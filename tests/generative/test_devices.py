"""Nothing that the CPU made meets what is on another device, and fits begin on the CPU."""

from __future__ import annotations

import pytest
import torch

import eqsets
from eqsets.generative import Preset, StagePlan, SymmetryModel
from eqsets.generative.analysis.examine import examine
from eqsets.generative.analysis.poses import poses_of
from eqsets.generative.density.conditional import ConditionalDensity
from eqsets.generative.vae import VAE, Resampling
from eqsets.generative.vae.fitting import ELBO
from eqsets.training.objective import Step
from tests.generative.elsewhere import THERE, back, elsewhere

FAMILIES = ("rotation+hue", "d4")
SHAPE = (3, 16, 16)


def images(count=8):
    return 2 * torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(1)) - 1


def model_of(family):
    torch.manual_seed(0)
    model = SymmetryModel(family, SHAPE)
    model.density = ConditionalDensity(model.chart, SHAPE)
    model.store_prototypes(images())
    return model.eval()


def test_the_stand_in_fails_as_a_device_does():
    x = torch.arange(3.0)
    with elsewhere():
        moved = x.to(THERE)
        assert moved.device == THERE
        assert torch.equal(back(moved * 2), 2 * x)
        assert torch.equal(back(moved[torch.tensor([1])]), x[1:2])
        assert float(moved.sum() + torch.tensor(1.0)) == 4  # scalars may meet
        with pytest.raises(RuntimeError, match="same device"):
            moved + x
        with pytest.raises(RuntimeError, match="generator"):
            moved.clone().normal_(generator=torch.Generator())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_works_where_it_is(family, generator):
    x, model = images(), model_of(family)
    expected = model.prototype(x)
    with elsewhere():
        model.to(THERE)
        torch.testing.assert_close(back(model.prototype(x)), expected)
        built = (
            model.log_prob(x),
            model.resample(x, 2, generator=generator),
            model.sample(3, generator=generator),
            model.transform_distribution(x).entropy(4, generator=generator),
        )
        assert all(one.device == THERE for one in built)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_the_examination_works_where_the_images_are(family):
    x, model = images(), model_of(family)
    expected = examine(model.inference, x, x).claims
    with elsewhere():
        model.to(THERE)
        poses = poses_of(model.inference, x.to(THERE), generator=torch.Generator())
        assert poses.eta.device == THERE
        result = examine(model.inference, x.to(THERE), x.to(THERE))
    assert [claim.verdict for claim in result.claims] == [claim.verdict for claim in expected]
    assert all(one.probabilities.device.type == "cpu" for one in result.evidence)


@pytest.mark.parametrize("family", ["hsv", "rotation+hsv", "c4"])
def test_validity_is_where_the_images_are(family, generator):
    one = eqsets.transformation(family)
    g, x = one.element(one.sample(4, generator=generator)), images(4)
    with elsewhere():
        assert one.validity(g, x.to(THERE)).device == THERE
        assert one.validity(g.to(THERE), (16, 16)).device == THERE


@pytest.mark.parametrize("model_there", [False, True])
def test_a_vae_is_trained_elsewhere_on_what_a_model_resamples(model_there, generator):
    x, model = images(), model_of("rotation+hsv")
    with elsewhere():
        model = model.to(THERE) if model_there else model
        vae = VAE(SHAPE, 4)
        objective = ELBO(vae, x, x, Resampling(model), 0.01)
        vae.to(THERE)
        objective.to(THERE)
        assert objective.loss(Step(0, 1, 4, generator))["loss"].device == THERE
    assert (model.prototype_bank.device == THERE) == model_there


@pytest.mark.slow
def test_images_on_a_device_are_fitted_as_those_of_the_cpu(rotated_images):
    x = rotated_images(16, 1.0)
    plan = Preset(StagePlan(1, batch=8), StagePlan(2, batch=8), prototypes=1)
    curves = []
    with elsewhere():
        there = x.to(THERE)
    for given in (x, there):
        model = SymmetryModel("rotation", (1, 16, 16), backbone="analytic")
        curves.append(model.fit(given, preset=plan, quiet=True, accelerator="cpu").density)
    assert curves[0] == curves[1]
