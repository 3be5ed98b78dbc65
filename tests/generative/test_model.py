"""A fit finds what is there, is reproducible, and survives being killed."""

from __future__ import annotations

import errno
import logging
import os
from math import log, pi

import pytest
import torch

from eqsets import OptionError
from eqsets.generative import LossWeights, Preset, StagePlan, SymmetryModel
from eqsets.generative.fitting.density_stage import DensityObjective
from eqsets.generative.fitting.inference_stage import InferenceObjective

SHAPE = (1, 16, 16)
SMALL = Preset(
    inference=StagePlan(30, batch=32, check_every=15),
    density=StagePlan(160, batch=64, learning_rate=5e-3, check_every=40, samples=2),
    prototypes=2,
    dropout=0.0,
)


class Killed(RuntimeError):
    pass


def weights(model: SymmetryModel) -> torch.Tensor:
    return torch.cat([tensor.flatten().float() for tensor in model.state_dict().values()])


@pytest.mark.slow
@pytest.mark.parametrize("extent", [0.5, pi])
def test_finds_how_far_images_are_turned(extent, rotated_images):
    model = SymmetryModel("rotation", SHAPE)
    fit = model.fit(rotated_images(400, extent), preset=SMALL, quiet=True)
    assert fit.density[-1]["nll"] == pytest.approx(log(2 * extent), abs=0.25)
    probe = rotated_images(20, extent)
    entropy = model.transform_distribution(probe).entropy(200).mean()
    assert float(entropy) == pytest.approx(log(2 * extent), abs=0.25)
    assert float(model.log_prob(probe).mean()) == pytest.approx(-log(2 * extent), abs=0.3)
    assert model.orbit_variance(probe).share < 0.02


@pytest.mark.slow
def test_samples_and_resamples_are_turned_as_far_as_the_data(rotated_images):
    model = SymmetryModel("rotation", SHAPE, backbone="analytic")
    x = rotated_images(400, 0.5)
    model.fit(x, preset=SMALL, quiet=True)
    generator = torch.Generator().manual_seed(0)
    middle = model.transformation(x).mean()
    again = model.resample(x[:1], 64, generator=generator)[:, 0]
    for new in (model.sample(64, generator=generator), again):
        away = model.transformation(new)[:, 0] - middle
        away = away - 2 * pi * (away / (2 * pi)).round()
        assert 0.15 < float(away.abs().mean()) < 0.35  # 0.25 for the uniform distribution
        assert float((away.abs() < 0.7).float().mean()) > 0.9
    # each prototype of the bank is drawn: one of two is empty
    shape = model.prototype_bank[:1]
    model.store_prototypes(torch.cat([shape, torch.full_like(shape, -1.0)]))
    empty = (model.sample(64, generator=generator) < -0.99).flatten(1).all(1)
    assert 0.25 < float(empty.float().mean()) < 0.75


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "rate"), [("cnn", 5e-3), ("mlp", 1e-3)])
def test_published_backbones_learn(backbone, rate, rotated_images):
    model = SymmetryModel("translation", SHAPE, backbone=backbone)
    x = rotated_images(32, 0.1)
    before = model.orbit_variance(x).share
    plan = StagePlan(40, batch=32, learning_rate=rate, check_every=40)
    model.fit(x, preset=Preset(inference=plan, density=StagePlan(1), prototypes=1), quiet=True)
    assert before == pytest.approx(1, abs=0.01)
    assert model.orbit_variance(x).share < 0.5


@pytest.mark.slow
def test_the_seed_decides(tiny, rotated_images):
    x, built = rotated_images(40, 1.0), []
    for seed in (0, 0, 1):
        built.append(SymmetryModel("similarity", SHAPE))
        built[-1].fit(x, preset=tiny, seed=seed, quiet=True)
    first, again, other = map(weights, built)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "step"), [(InferenceObjective, 6), (DensityObjective, 9)])
def test_killed_and_resumed_is_as_if_nothing_was(
    objective, step, tiny, rotated_images, tmp_path, monkeypatch
):
    x = rotated_images(40, 1.0)
    whole = SymmetryModel("similarity", SHAPE)
    curves = whole.fit(x, preset=tiny, quiet=True, folder=tmp_path / "whole")
    loss = objective.loss

    def dies(self, one):
        if one.number == step:
            raise Killed
        return loss(self, one)

    with monkeypatch.context() as patch:
        patch.setattr(objective, "loss", dies)
        dying = SymmetryModel("similarity", SHAPE)
        with pytest.raises(Killed):
            dying.fit(x, preset=tiny, quiet=True, folder=tmp_path / "two")
    resumed = SymmetryModel("similarity", SHAPE)
    assert resumed.fit(x, preset=tiny, quiet=True, folder=tmp_path / "two") == curves
    assert torch.equal(weights(whole), weights(resumed))
    tables = [(tmp_path / name / "density.csv").read_text() for name in ("whole", "two")]
    assert tables[0] == tables[1]
    assert tables[0].startswith("step,difference,loss,nll\n")


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_the_checkpoint_of_before(
    tiny, rotated_images, tmp_path, monkeypatch
):
    x = rotated_images(40, 1.0)
    whole = SymmetryModel("rotation", SHAPE)
    curves = whole.fit(x, preset=tiny, quiet=True, folder=tmp_path / "whole")
    room = iter(range(5))  # checkpoints and tables that still fit

    def fills_up(number, real=os.fsync):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fills_up)
        with pytest.raises(OSError, match="No space left on device"):
            SymmetryModel("rotation", SHAPE).fit(x, preset=tiny, quiet=True, folder=tmp_path / "b")
    assert not list((tmp_path / "b").glob("*.partial"))
    assert (tmp_path / "b" / "inference.ckpt").exists()
    resumed = SymmetryModel("rotation", SHAPE)
    assert resumed.fit(x, preset=tiny, quiet=True, folder=tmp_path / "b") == curves
    assert torch.equal(weights(whole), weights(resumed))


@pytest.mark.slow
def test_a_folder_of_another_fit_is_refused(tiny, rotated_images, tmp_path):
    x = rotated_images(40, 1.0)
    SymmetryModel("rotation", SHAPE).fit(x, preset=tiny, quiet=True, folder=tmp_path)
    with pytest.raises(OptionError, match="is of another fit"):
        SymmetryModel("rotation", SHAPE).fit(x, preset=tiny, seed=5, quiet=True, folder=tmp_path)
    with pytest.raises(OptionError, match="is of another fit"):
        SymmetryModel("rotation", SHAPE).fit(
            x, preset=tiny, weights=LossWeights(lost=2.0), quiet=True, folder=tmp_path
        )
    with pytest.raises(OptionError, match="is of another fit"):
        SymmetryModel("rotation", SHAPE, passes=2).fit(x, preset=tiny, quiet=True, folder=tmp_path)
    SymmetryModel("rotation", SHAPE).fit(
        x, preset=tiny, seed=5, quiet=True, folder=tmp_path, resume=False
    )


@pytest.mark.slow
def test_a_damaged_checkpoint_is_named(tiny, rotated_images, tmp_path):
    x = rotated_images(40, 1.0)
    SymmetryModel("rotation", SHAPE).fit(x, preset=tiny, quiet=True, folder=tmp_path)
    path = tmp_path / "inference.ckpt"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(OptionError, match=r"inference\.ckpt is of another fit .unreadable"):
        SymmetryModel("rotation", SHAPE).fit(x, preset=tiny, quiet=True, folder=tmp_path)


def test_stops_early_and_keeps_the_best(rotated_images):
    plan = StagePlan(200, batch=8, learning_rate=0.0, check_every=2, patience=3)
    model = SymmetryModel("rotation", SHAPE, backbone="analytic")
    preset = Preset(density=plan, prototypes=1)
    fit = model.fit(rotated_images(40, 1.0), preset=preset, quiet=True)
    assert [row["step"] for row in fit.density] == [2, 4, 6, 8]


@pytest.mark.parametrize(("steps", "checks"), [(7, [3, 6, 7]), (6, [3, 6]), (2, [2])])
def test_the_last_step_is_evaluated(rotated_images, tmp_path, steps, checks):
    plan = StagePlan(steps, batch=8, check_every=3)
    model = SymmetryModel("rotation", SHAPE, backbone="analytic")
    x, preset = rotated_images(40, 1.0), Preset(density=plan, prototypes=1)
    fit = model.fit(x, preset=preset, folder=tmp_path, quiet=True)
    assert [row["step"] for row in fit.density] == checks
    again = SymmetryModel("rotation", SHAPE, backbone="analytic")
    assert again.fit(x, preset=preset, folder=tmp_path, quiet=True) == fit  # nothing is left to do
    assert torch.equal(weights(again), weights(model))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"acelerator": "cpu"}, "Did you mean 'accelerator'"),
        ({"max_steps": 5}, "what a preset or plan decides is set there"),
        ({"epochs": 3}, "does not have and does not pass on to lightning.Fabric"),
    ],
)
def test_arguments_that_there_are_not_are_named(rotated_images, wrong, said):
    model = SymmetryModel("rotation", SHAPE, backbone="analytic")
    with pytest.raises(OptionError, match=said):
        model.fit(rotated_images(40, 1.0), preset="quick", quiet=True, **wrong)


def test_fewer_images_than_a_batch(rotated_images):
    preset = Preset(inference=StagePlan(2, batch=64), density=StagePlan(2, batch=64), prototypes=1)
    model = SymmetryModel("rotation", SHAPE)
    model.fit(rotated_images(8, 1.0), preset=preset, quiet=True)
    assert torch.isfinite(weights(model)).all()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["hsv", "affine-no-shear+hsv", "d4"])
def test_other_families_fit(family, tiny):
    generator = torch.Generator().manual_seed(0)
    inner = torch.rand(16, 3, 6, 6, generator=generator) * 1.5 - 1
    x = torch.nn.functional.pad(inner, (3, 3, 3, 3), value=-1.0)
    model = SymmetryModel(family, (3, 12, 12))
    model.fit(x, preset=tiny, quiet=True)
    assert torch.isfinite(model.log_prob(x)).all()
    assert model.resample(x[:2], 3).shape == (3, 2, 3, 12, 12)
    assert torch.isfinite(model.sample(4)).all()


def test_progress_is_shown_and_loggers_are_served(tiny, rotated_images, tmp_path, capsys):
    from lightning.pytorch.loggers import CSVLogger

    logger = CSVLogger(tmp_path)
    model = SymmetryModel("rotation", SHAPE, backbone="analytic")
    model.fit(rotated_images(16, 1.0), preset=tiny, loggers=[logger])
    logger.save()
    assert "check_nll" in (tmp_path / "lightning_logs/version_0/metrics.csv").read_text()
    shown = capsys.readouterr().out
    assert "density" in shown
    assert f"{tiny.density.steps}/{tiny.density.steps} steps" in shown
    assert "held out" in shown
    model.fit(rotated_images(16, 1.0), preset=tiny, quiet=True)
    assert capsys.readouterr().out == ""


def test_a_fit_recommends_nothing(tiny, rotated_images, caplog):
    caplog.set_level(logging.INFO, "lightning.pytorch")
    SymmetryModel("rotation", SHAPE).fit(rotated_images(40, 0.5), preset=tiny, accelerator="cpu")
    assert not [one for one in caplog.records if one.name.startswith("lightning")]
    logging.getLogger("lightning.pytorch").info("heard")  # the control
    assert "heard" in caplog.text


def test_content_that_is_cut_off_is_reported(tiny):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(16, 1, 12, 12, generator=generator) * 1.5 - 1  # no margin at all
    model = SymmetryModel("rotation", (1, 12, 12))
    with pytest.warns(UserWarning, match="no room for .* of the content"):
        model.fit(x, preset=tiny, quiet=True)


@pytest.mark.slow
def test_a_second_fit_starts_from_the_beginning(tiny, rotated_images):
    x = rotated_images(24, 1.0)
    model = SymmetryModel("similarity", SHAPE)
    model.fit(x, preset=tiny, quiet=True)
    once = weights(model)
    model.fit(x, preset=tiny, quiet=True)
    assert torch.equal(weights(model), once)
