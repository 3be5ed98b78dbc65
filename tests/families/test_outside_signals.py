"""The trial: an outsider's family of signals keeps the laws, and is fitted like one of images."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor

from eqsets import OptionError, ShapeError, element_group
from eqsets.generative import Preset, StagePlan, SymmetryModel, discover
from eqsets.generative.vae import InvariantVAE, Resampling
from eqsets.set_inference import SetInference
from eqsets.testing import check
from tests.families.outside_signals import ShiftAndGain

DELAY, GAIN = 0.1, 0.4
SHORT = Preset(
    StagePlan(40, batch=32),
    StagePlan(150, batch=64, learning_rate=5e-3, check_every=50),
    dropout=0.0,
)


def signals(n: int) -> tuple[Tensor, Tensor]:
    """Return bumps ``(n, 1, 48)``, delayed and amplified at random, and how."""
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(48) / 48 - 0.5
    bump = (-((time + 0.05) / 0.06).square()).exp() + 0.5 * (-((time - 0.1) / 0.04).square()).exp()
    bounds = torch.tensor([[-DELAY, DELAY], [-GAIN, GAIN]])
    family = ShiftAndGain()
    eta = family.sample(n, generator=generator, bounds=bounds)
    return family.act(family.element(eta), bump.expand(n, 1, 48)), eta


def test_it_keeps_the_laws() -> None:
    report = check(ShiftAndGain(), profile="quick")
    assert report.ok, report


@pytest.mark.slow
def test_a_fit_recovers_the_extent_of_delays_and_gains() -> None:
    x, eta = signals(256)
    model = SymmetryModel(ShiftAndGain(), (1, 48), backbone="analytic")
    model.fit(x, preset=SHORT, quiet=True)
    away = model.transformation(x) - eta
    away = away - away[0]
    away[:, 0] -= away[:, 0].round()
    assert float(away.abs().quantile(0.9)) < 0.02
    prototypes = model.prototype(x)
    assert float((prototypes - prototypes.mean(0)).square().mean() / x.var(0).mean()) < 0.01
    drawn = model.transform_distribution(x[:16]).sample((400,))
    turns = torch.exp(2j * torch.pi * drawn[..., 0])
    delay = torch.angle(turns / turns.mean()) / (2 * torch.pi)  # around the mean, on the circle
    values = torch.stack([delay, drawn[..., 1]], -1).flatten(0, 1)
    low, high = values.quantile(torch.tensor([0.1, 0.9]), 0)
    expected = 1.6 * torch.tensor([DELAY, GAIN])  # of a uniform distribution
    ratio = (high - low) / expected
    assert torch.allclose(ratio.log(), torch.zeros(2), atol=log(1.5)), ratio
    assert float(high[0] - low[0]) < 0.4  # control: 0.8 of all that was searched, 1 wide


@pytest.mark.parametrize("backbone", ["canonical", "cnn", "mlp"])
def test_networks_are_made_for_signals(backbone: str) -> None:
    x, _ = signals(64)
    model = SymmetryModel(ShiftAndGain(), (1, 48), backbone=backbone)
    fit = model.fit(x, preset=SHORT.with_steps(2, 2), quiet=True)
    assert fit.inference
    assert model.prototype(x).shape == x.shape
    assert model.sample(2).shape == (2, 1, 48)
    assert model.resample(x[:3], 2).shape == (2, 3, 1, 48)
    assert model.orbit_variance(x[:4]).per_image.shape == (4,)


@pytest.mark.slow
def test_a_report_of_an_outside_kind_says_what_occurs() -> None:
    x, _ = signals(256)
    preset = SHORT.with_steps(2, 20)
    report = discover(x, family=ShiftAndGain(), preset=preset, quiet=True)
    assert report["delay"].verdict == report["gain"].verdict == "partial", report.sentence
    assert report["delay"].extent == pytest.approx(DELAY, rel=0.3)
    assert report["gain"].extent == pytest.approx(GAIN, rel=0.3)
    assert "<svg" in report.to_html()
    assert "256 signals" in report.summary()
    static, _ = signals(1)
    noise = 0.01 * torch.randn(256, 1, 48, generator=torch.Generator().manual_seed(1))
    report = discover(static + noise, family=ShiftAndGain(), preset=preset, quiet=True)
    assert report["delay"].verdict == report["gain"].verdict == "absent", report.sentence


def test_a_saved_model_of_an_outside_family_is_loaded(tmp_path) -> None:  # type: ignore[no-untyped-def]
    x, _ = signals(64)
    model = SymmetryModel(ShiftAndGain(), (1, 48), backbone="analytic")
    model.fit(x, preset=SHORT.with_steps(2, 2), quiet=True)
    model.save(tmp_path / "model.pt")
    again = SymmetryModel.load(tmp_path / "model.pt", family=ShiftAndGain())
    assert torch.equal(again.log_prob(x), model.log_prob(x))


def test_what_is_for_images_refuses_a_model_of_signals() -> None:
    x, _ = signals(64)
    model = SymmetryModel(ShiftAndGain(), (1, 48), backbone="analytic")
    model.fit(x, preset=SHORT.with_steps(2, 2), quiet=True)
    with pytest.raises(OptionError, match="cannot build a VAE of signals yet"):
        InvariantVAE(model)
    with pytest.raises(OptionError, match="cannot augment signals yet"):
        Resampling(model)
    with pytest.raises(ShapeError, match=r"signals of shape \(64, 1, 40\), expected \(n, 1, 48\)"):
        model.prototype(x[..., :40])
    with pytest.raises(ShapeError, match=r"as the shape of one of the signals, expected \(C, T\)"):
        SymmetryModel(ShiftAndGain(), (1, 48, 48))
    with pytest.raises(OptionError, match="background=inf, expected a finite number"):
        SymmetryModel(ShiftAndGain(), (1, 48), background=float("inf"))


def test_sets_of_signals_share_a_transformation() -> None:
    x, _ = signals(24)
    generator = torch.Generator().manual_seed(1)
    sets = x[:, None] + 0.02 * torch.randn(24, 3, 1, 48, generator=generator)
    grid = element_group("translations", dims=1)
    inference = SetInference(ShiftAndGain(), (1, 48), element_group=grid)
    inference.fit(sets, plan=StagePlan(2, batch=8), quiet=True)
    assert inference.element(sets).shape == (24, 2)
    assert inference.prototype(sets).shape == sets.shape
