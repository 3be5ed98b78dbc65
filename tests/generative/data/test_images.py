"""Bad input is refused where it comes in, with what to do about it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from eqsets import OptionError, ShapeError
from eqsets.generative import SymmetryModel, as_images
from eqsets.generative.data.images import split
from eqsets.generative.vae import VAE


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(8, 8), "expected .n, C, H, W"),
        (torch.zeros(0, 1, 8, 8), "no axis of it empty"),
        (torch.zeros(4, 8, 8, 3), "channels last"),
        (torch.full((4, 1, 8, 8), 255.0), "x / 127.5 - 1"),
        (torch.full((4, 1, 8, 8), float("nan")), "256 not finite"),
        (torch.zeros(4, 1, 8, 8, dtype=torch.int64), "expected uint8"),
        (["a", "b"], "does not make a tensor"),
    ],
)
def test_bad_images(images, message):
    with pytest.raises(ShapeError, match=message):
        as_images(images)


def test_values_from_0_to_1_are_suspicious():
    with pytest.warns(UserWarning, match="2 . x - 1"):
        as_images(torch.rand(4, 1, 8, 8))


def test_arrays_and_bytes_are_taken():
    assert as_images(np.zeros((4, 8, 8))).shape == (4, 1, 8, 8)
    assert as_images(np.full((4, 3, 8, 8), 255, np.uint8)).unique().tolist() == [1.0]


def test_wrong_size_for_the_model():
    with pytest.raises(ShapeError, match="the model was made for"):
        SymmetryModel("rotation", (1, 8, 8)).prototype(torch.zeros(2, 1, 9, 9))


def test_grey_images_have_no_hue(tiny):
    model = SymmetryModel("hue", (3, 8, 8))
    with pytest.raises(OptionError, match="all 20 images are grey"):
        model.fit(torch.zeros(20, 3, 8, 8), preset=tiny, quiet=True)


def test_too_few_images(tiny):
    model = SymmetryModel("rotation", (1, 8, 8))
    with pytest.raises(ShapeError, match="got 3 images, expected 8 at least"):
        model.fit(torch.zeros(3, 1, 8, 8), preset=tiny, quiet=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "mpl"}, "Did you mean 'mlp'"),
        ({"background": 2.0}, "background=2.0"),
        ({"passes": 0}, "passes=0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(OptionError, match=message):
        SymmetryModel("rotation", (1, 8, 8), **options)


def test_unknown_preset():
    with pytest.raises(OptionError, match="'default', 'paper', 'quick'"):
        SymmetryModel("rotation", (1, 8, 8)).fit(torch.zeros(9, 1, 8, 8), preset="fast")


def test_what_needs_a_fit_says_so():
    model = SymmetryModel("rotation", (1, 8, 8), backbone="analytic")
    with pytest.raises(OptionError, match="has no density yet"):
        model.sample(1)
    with pytest.raises(OptionError, match="both or none"):
        model.transform_distribution()


@pytest.mark.parametrize("shape", [(28, 28), 28, (1, 0, 28), (1.0, 28, 28)])
@pytest.mark.parametrize("make", [partial(SymmetryModel, "rotation"), VAE])
def test_the_shape_of_an_image_has_three_numbers(make, shape):
    with pytest.raises(
        ShapeError, match=r"as the shape of one of the images, expected \(C, H, W\)"
    ):
        make(shape)
    built = make(torch.zeros(2, 1, 8, 8).shape[1:])
    assert getattr(built, "shape", None) or built.image_shape == (1, 8, 8)


def test_what_is_held_out_is_not_learned_from():
    x = torch.arange(40.0)[:, None]
    learned, held = split(x, 3)
    assert len(held) == 4
    assert sorted(torch.cat([learned, held]).flatten().tolist()) == list(range(40))
