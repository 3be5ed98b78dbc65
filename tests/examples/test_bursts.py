"""Burst deblurring: one scene in all frames, kernels that preserve brightness, measures."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import deblur_bursts
import eqsets
from experiments import DESIGNS
from experiments.data.images import pixels, psnr, scaled, ssim


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_kernels_preserve_brightness_and_are_centred(generator):
    kernels = deblur_bursts.blur_kernels(20, generator)
    assert kernels.shape == (20, 6, 13, 13)
    assert (kernels >= 0).all()
    assert torch.allclose(kernels.sum((-2, -1)), torch.ones(20, 6))
    position = torch.arange(-6.0, 7.0)
    for axis in (-2, -1):
        centre = (kernels.sum(axis) * position).sum(-1)
        assert centre.abs().max() < 1e-4, "no frame is displaced: the truth is where they agree"
    widths = (kernels.sum(-1) * position.square()).sum(-1).sqrt()
    assert widths.max() > 5 * widths.min(), "frames are blurred differently"


def test_a_frame_is_the_scene_convolved_with_its_kernel(generator, monkeypatch):
    """Against torch's convolution: no wrapping, and a centred ground truth."""
    monkeypatch.setattr(deblur_bursts, "NOISE", (0.0, 0.0))
    scenes = torch.rand(2, 3, 30, 28, generator=generator)
    frames = deblur_bursts.take_bursts(scenes, torch.Generator().manual_seed(1))
    kernels = deblur_bursts.blur_kernels(2, torch.Generator().manual_seed(1))
    for scene, burst, own in zip(scenes, frames, kernels, strict=True):
        expected = F.conv2d(scene.unsqueeze(1), own.flip(-2, -1).unsqueeze(1)).movedim(1, 0)
        assert torch.allclose(burst, expected, atol=1e-5)


def test_all_frames_show_one_scene(generator):
    bursts, truth = deblur_bursts.make_sets("test", 30, generator)
    assert bursts.shape == (30, 6, 3, 32, 32)
    assert truth.shape == (30, 3, 32, 32)
    other = truth.roll(1, 0)
    for number in range(6):
        assert psnr(bursts[:, number], truth) > psnr(bursts[:, number], other) + 6
    single = [psnr(bursts[:, number], truth) for number in range(6)]
    assert psnr(bursts.mean(1), truth) > max(single)


def test_photos_are_trained_or_tested_on():
    names = [name for group in deblur_bursts.PHOTOS.values() for name in group]
    assert len(names) == len(set(names))


def slow_ssim(image, truth):
    """Wang et al. 2004, equation 13, at each position of the window of 11 pixels."""
    position = torch.arange(-5.0, 6.0, dtype=torch.float64)
    bell = (-0.5 * (position / 1.5).square()).exp()
    window = torch.outer(bell, bell) / bell.sum() ** 2
    values = []
    for x, y in zip(image.double(), truth.double(), strict=True):
        for top in range(x.shape[0] - 10):
            for left in range(x.shape[1] - 10):
                a, b = (part[top : top + 11, left : left + 11] for part in (x, y))
                u, v = (window * a).sum(), (window * b).sum()
                aa, bb, ab = ((window * p).sum() for p in (a * a, b * b, a * b))
                likeness = (2 * u * v + 1e-4) * (2 * (ab - u * v) + 9e-4)
                values.append(likeness / (u * u + v * v + 1e-4) / (aa - u * u + bb - v * v + 9e-4))
    return float(torch.stack(values).mean())


def test_ssim_is_that_of_the_paper(generator):
    truth = torch.rand(2, 3, 14, 13, generator=generator)
    image = (truth + 0.1 * torch.randn(truth.shape, generator=generator)).clamp(0, 1)
    expected = sum(slow_ssim(*pair) for pair in zip(image, truth, strict=True)) / 2
    assert ssim(scaled(image), scaled(truth)) == pytest.approx(expected, abs=1e-4)
    assert ssim(scaled(truth), scaled(truth)) == pytest.approx(1)
    noisier = (truth + 0.3 * torch.randn(truth.shape, generator=generator)).clamp(0, 1)
    assert ssim(scaled(noisier), scaled(truth)) < expected


def test_psnr_counts_clipped_pixels(generator):
    truth = torch.rand(2, 3, 8, 8, generator=generator).clamp(0.2, 0.8)
    assert psnr(scaled(truth + 0.1), scaled(truth)) == pytest.approx(20, abs=1e-4)
    white = torch.ones(1, 3, 4, 4)
    assert torch.equal(pixels(scaled(white + 1)), white)


@pytest.mark.parametrize("name", DESIGNS)
def test_one_photo_for_a_burst(name):
    """Whatever the order of the frames; and what is moved together stays together."""
    model = deblur_bursts.EXPERIMENT.models[name]().double()
    assert model(torch.rand(2, 4, 3, 32, 32, dtype=torch.float64)).shape == (2, 3, 32, 32)
    error = eqsets.equivariance_error(model, model.in_type, model.out_type, samples=1, size=4)
    assert error.permutation < 1e-12
    if DESIGNS[name].symmetric:
        assert error.element < 1e-12
    else:  # the control: this one must notice that the burst is moved
        assert error.element > 1e-3


def test_the_u_net_takes_bursts_of_any_size():
    model = deblur_bursts.EXPERIMENT.models["dss-max"]()
    assert model(torch.rand(1, 3, 3, 48, 64)).shape == (1, 3, 48, 64)
