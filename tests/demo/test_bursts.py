"""The data of the demo: disjoint photos, centred bursts, all of it a function of the seed."""

from __future__ import annotations

import pytest
import torch

from eqsets.errors import OptionError
from eqsets_demo.bursts import BurstSource, Camera, psnr
from eqsets_demo.evaluation import SCENES, shown_bursts, unseen_bursts
from eqsets_demo.photos import TEST_PHOTOS, TRAINING_PHOTOS, load_photo
from eqsets_demo.recipe import Recipe

CAMERA = Camera(frames=4)


def source(seed: int = 0, **options: object) -> BurstSource:
    return BurstSource({"coffee": 1, "rocket": 2}, CAMERA, size=20, seed=seed, **options)


def test_training_and_test_photos_are_disjoint():
    assert not set(TRAINING_PHOTOS) & set(TEST_PHOTOS)
    assert {name for name, *_ in SCENES} <= set(TEST_PHOTOS)
    pixels = [load_photo(name).numpy().tobytes() for name in (*TRAINING_PHOTOS, *TEST_PHOTOS)]
    assert len(set(pixels)) == len(TRAINING_PHOTOS) + len(TEST_PHOTOS)


@pytest.mark.parametrize("name", [*TRAINING_PHOTOS, *TEST_PHOTOS])
def test_photos_are_colour_photos_in_the_unit_range(name):
    photo = load_photo(name)
    assert photo.dtype == torch.float32
    assert photo.shape[0] == 3
    assert min(photo.shape[1:]) >= 300
    assert 0 <= photo.min() < 0.1
    assert 0.7 < photo.max() <= 1


def test_an_unknown_photo_is_an_error_with_the_choices():
    with pytest.raises(OptionError, match=r"no photo 'cofee'.*Did you mean 'coffee'"):
        load_photo("cofee")


@pytest.mark.parametrize("augment", [False, True])
def test_a_batch_has_the_promised_shapes_and_range(augment):
    frames, truth = source(augment=augment).batch(0, 3)
    assert frames.shape == (3, 4, 3, 20, 20)
    assert truth.shape == (3, 3, 20, 20)
    for images in (frames, truth):
        assert images.min() >= 0
        assert images.max() <= 1


def test_batches_are_functions_of_seed_and_number():
    frames, truth = source(augment=True).batch(7, 2)
    again, truth_again = source(augment=True).batch(7, 2)
    assert torch.equal(frames, again)
    assert torch.equal(truth, truth_again)
    for other in (source(augment=True).batch(8, 2), source(seed=1, augment=True).batch(7, 2)):
        assert not torch.equal(truth, other[1])


def test_batches_do_not_change_the_global_generator():
    before = torch.get_rng_state()
    source().batch(0, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_kernels_blur_without_changing_brightness():
    kernels = CAMERA.kernels(50, torch.Generator().manual_seed(0))
    assert kernels.shape == (50, 4, 2 * CAMERA.margin + 1, 2 * CAMERA.margin + 1)
    assert kernels.min() >= 0
    torch.testing.assert_close(kernels.sum((-2, -1)), torch.ones(50, 4))


def test_kernels_fit_and_bursts_are_centred():
    kernels = CAMERA.kernels(200, torch.Generator().manual_seed(0))
    edge = kernels.clone()
    edge[..., 1:-1, 1:-1] = 0
    assert edge.abs().max() == 0
    pixels = torch.arange(-CAMERA.margin, CAMERA.margin + 1.0)
    centre = torch.stack([(kernels.sum(-1) @ pixels), (kernels.sum(-2) @ pixels)], -1)
    torch.testing.assert_close(centre.mean(1), torch.zeros(200, 2), atol=1e-4, rtol=0)
    assert 1.0 < centre.std() < 2.0  # uniform in +-3, less the mean of four


def test_a_static_camera_without_noise_returns_the_truth():
    static = Camera(frames=2, trail=(1e-3, 1e-3), shift=0.0, noise=(1e-9, 1e-9))
    frames, truth = BurstSource({"coffee": 1}, static, size=16, seed=0).batch(0, 2)
    torch.testing.assert_close(frames, truth.unsqueeze(1).expand_as(frames), atol=1e-3, rtol=0)


def test_noise_differs_from_frame_to_frame():
    noisy = Camera(frames=6, trail=(1e-3, 1e-3), shift=0.0, noise=(0.01, 0.1))
    frames, truth = BurstSource({"coffee": 1}, noisy, size=64, seed=3).batch(0, 4)
    level = (frames - truth.unsqueeze(1)).flatten(2).std(2)
    assert level.min() > 0.005
    assert level.max() < 0.11
    assert level.max() / level.min() > 3


def test_a_burst_can_be_taken_of_a_given_crop():
    frames, truth = source().at("rocket", 100, 200)
    assert frames.shape == (1, 4, 3, 20, 20)
    assert torch.equal(truth[0], load_photo("rocket")[:, 100:120, 200:220])


def test_unseen_and_shown_bursts():
    recipe = Recipe(test_bursts=2, test_size=24)
    unseen, shown = unseen_bursts(recipe), shown_bursts(recipe)
    assert unseen.frames.shape == (2 * len(TEST_PHOTOS), recipe.camera.frames, 3, 24, 24)
    assert len(shown.frames) == len(shown.truth) == len(SCENES)
    for photo, (name, top, left) in zip(shown.truth, SCENES, strict=True):
        rows, columns = slice(top, top + photo.shape[1]), slice(left, left + photo.shape[2])
        assert torch.equal(photo, load_photo(name)[:, rows, columns])


def test_psnr():
    truth = torch.zeros(2, 3, 4, 4)
    image = torch.stack([torch.full((3, 4, 4), 0.1), torch.full((3, 4, 4), 0.01)])
    torch.testing.assert_close(psnr(image, truth), torch.tensor([20.0, 40.0]))
