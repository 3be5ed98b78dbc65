"""Models work under any default dtype, and with float64 images."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from eqsets.generative import Preset, StagePlan, SymmetryModel, discover
from eqsets.generative.vae import VAE, InvariantVAE, resampled
from eqsets.set_inference import SetInference

PLAN = StagePlan(2, batch=8)
SHORT = Preset(PLAN, PLAN, prototypes=1)


@pytest.fixture(params=[torch.float32, torch.float64], ids=str)
def dtype(request: pytest.FixtureRequest) -> Iterator[torch.dtype]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(before)


def images(channels: int = 1, count: int = 40) -> torch.Tensor:
    """Return images in float64, whatever the default is."""
    generator = torch.Generator().manual_seed(0)
    inner = torch.rand(count, channels, 6, 6, generator=generator, dtype=torch.float64)
    return torch.nn.functional.pad(1.8 * inner - 0.9, (3, 3, 3, 3), value=-1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "backbone", "channels"),
    [
        ("rotation", "canonical", 1),
        ("affine-no-shear+hsv", "canonical", 3),
        ("d4", "canonical", 1),
        ("translation", "cnn", 1),
        ("similarity", "mlp", 1),
        ("affine", "analytic", 1),
    ],
)
def test_a_model_is_fitted_and_used(dtype, family, backbone, channels, tmp_path):
    x = images(channels)
    model = SymmetryModel(family, (channels, 12, 12), backbone=backbone)
    model.fit(x, preset=SHORT, quiet=True)
    for used in (model, SymmetryModel.load(_saved(model, tmp_path / "model.pt"))):
        assert used.prototype(x[:2]).dtype == used.transformation(x[:2]).dtype == dtype
        for value in (used.log_prob(x[:2]), used.resample(x[:2]), used.sample(3)):
            assert value.dtype == dtype
            assert torch.isfinite(value).all()
        assert used.orbit_variance(x[:4]).share >= 0


def test_a_report_is_made(dtype):
    report = discover(images(), family="rotation", preset=SHORT, quiet=True)
    assert report["rotation"].verdict in ("absent", "partial", "discrete", "full", "unresolved")


def test_sets_are_fitted(dtype):
    sets = images(count=40).unflatten(0, (10, 4))
    inference = SetInference("rotation", (1, 12, 12))
    inference.fit(sets, plan=PLAN, quiet=True)
    assert torch.isfinite(inference.prototype(sets)).all()


def test_vaes_are_fitted(dtype):
    x = images()
    model = SymmetryModel("rotation", (1, 12, 12), backbone="analytic")
    model.fit(x, preset=SHORT, quiet=True)
    for vae, augment in ((VAE((1, 12, 12), 2), resampled(model)), (InvariantVAE(model, 2), None)):
        vae.fit(x, plan=PLAN, quiet=True, augment=augment)
        assert vae.bound(x[:2], 3).iwlb.dtype == dtype
        assert vae.sample(2).dtype == dtype


def _saved(model, path):
    model.save(path)
    return path
