"""What is compared with what, and by which kernel: the parts of the evidence of a report."""

from __future__ import annotations

from math import cos, exp, inf, log, pi

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import eqsets
from eqsets.generative import SymmetryModel
from eqsets.generative.analysis.comparison.kernel import Distances, Kernel, best_kernel, scores_of
from eqsets.generative.analysis.comparison.similarity import ColourMoments, WholeImages
from eqsets.generative.analysis.examine import examine
from eqsets.generative.data.blur import blur

SIZE = 16
ROUNDING = {"rtol": 1e-3, "atol": 1e-4}


def strokes(count, seed=0, bars=3, width=2):
    """Return images of bars of any length, position and direction: all are different."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.full((count, 1, SIZE, SIZE), -1.0)
    for one in x[:, 0]:
        for _ in range(bars):
            top, left = torch.randint(2, SIZE - 8, (2,), generator=generator).tolist()
            long = int(torch.randint(3, 7, (1,), generator=generator))
            down, right = (
                (long, width) if torch.rand(1, generator=generator) < 0.5 else (width, long)
            )
            one[top : top + down, left : left + right] = 1.0
    return x


def painted(x, hues, saturation=0.0):
    """Return grey images in red, moved in hue by so many turns."""
    red = torch.cat([x, torch.full_like(x, -1), torch.full_like(x, -1)], 1)
    family = eqsets.transformation("hue-saturation")
    eta = torch.stack([hues, torch.full_like(hues, saturation)], -1)
    return family.act(family.element(eta), red)


def hues_within(extent, count, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(count, generator=generator) - 1) * extent


def slow_probabilities(distances, pose, shape):
    rows = []
    for i, moved in enumerate(distances.pose.tolist()):
        row = [
            sum(
                exp(-s / shape) * exp(-d / pose)
                for s, d in zip(distances.shape[i].tolist(), step, strict=True)
            )
            for step in moved
        ]
        rows.append([one / sum(row) for one in row])
    return torch.tensor(rows)


# --------------------------------------------------------------------------- the kernel


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 999),
    pose=st.floats(0.1, 10),
    shape=st.sampled_from([0.5, 2.0, inf]),
)
def test_probabilities_follow_the_formula(seed, pose, shape):
    generator = torch.Generator().manual_seed(seed)
    near = Distances(
        torch.rand(3, 5, 4, generator=generator), torch.rand(3, 4, generator=generator)
    )
    expected = slow_probabilities(near, pose, shape)
    torch.testing.assert_close(
        Kernel(pose, shape).probabilities(near), expected, rtol=1e-4, atol=1e-6
    )
    widened = slow_probabilities(near, 2 * pose, shape)
    assert not torch.allclose(
        Kernel(pose, shape).probabilities(near), widened, rtol=1e-4, atol=1e-6
    )


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999))
def test_scores_are_those_of_each_kernel_without_the_image_itself(seed):
    generator = torch.Generator().manual_seed(seed)
    near = Distances(
        torch.rand(4, 5, 6, generator=generator), torch.rand(4, 6, generator=generator)
    )
    some = torch.arange(4)
    near.pose[some, 2, some] = 0.0  # each finds itself at step 2
    near.shape[some, some] = inf
    poses, shapes = (0.05, 1.0), (0.3, inf)
    scores = scores_of(near, 2, poses, shapes)[0]
    for row, pose in zip(scores, poses, strict=True):
        for score, shape in zip(row, shapes, strict=True):
            probabilities = Kernel(pose, shape).probabilities(near)[:, 2]
            torch.testing.assert_close(score, -probabilities.log().mean(), rtol=1e-3, atol=1e-4)
    near.shape[some, some] = 0.0
    assert float(scores_of(near, 2, poses, shapes)[0, 0, 1]) < float(scores[0, 1])


def test_a_kernel_far_narrower_than_all_distances_is_finite():
    near = Distances(torch.rand(2, 3, 4) + 1, torch.rand(2, 4))
    assert scores_of(near, 0, (1e-9,), (1e-9, inf)).isfinite().all()
    assert Kernel(1e-9, 1e-9).probabilities(near).isfinite().all()


def test_the_narrowest_kernel_is_taken_where_none_finds_anything():
    widths, flat = [1.0, 2.0, 4.0], torch.tensor([[3.02], [3.01], [3.0]])

    def best(scores, least, uniform):
        return best_kernel(widths, [1.0], scores, least=least, uniform=uniform).pose

    assert best(flat, 2.0, 3.0) == 2.0  # not below the neighbours
    assert best(flat, 3.0, 3.0) == 4.0  # not below the artifacts
    assert best(flat, 2.0, None) == 4.0  # lines have no uniform to be near
    assert best(torch.tensor([[2.0], [1.0], [1.04]]), 1.0, 3.0) == 2.0  # something is found


# ---------------------------------------------------------------------------- the similarity


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), down=st.integers(-1, 1), right=st.integers(-1, 1))
def test_colours_do_not_say_where_they_are(seed, down, right):
    x = painted(strokes(4, seed), hues_within(0.5, 4, seed))
    colours = ColourMoments(x, x)
    shifted = x.roll((2 * down, 2 * right), (-2, -1))
    torch.testing.assert_close(colours.describe(shifted), colours.describe(x), **ROUNDING)
    torch.testing.assert_close(colours.describe(x.mT), colours.describe(x), **ROUNDING)
    whole = WholeImages(x)
    if down or right:
        assert float((whole.describe(shifted) - whole.describe(x)).norm()) > 1


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), turns=st.floats(0.1, 0.9))
def test_shapes_do_not_say_in_which_hue_they_are(seed, turns):
    x = painted(strokes(4, seed), hues_within(0.5, 4, seed))
    family = eqsets.transformation("hue")
    moved = family.act(family.element(torch.full((4, 1), turns)), x)
    colours = ColourMoments(x, x)
    torch.testing.assert_close(colours.shapes(moved), colours.shapes(x), rtol=1e-3, atol=1e-3)
    assert float((colours.describe(moved) - colours.describe(x)).abs().max()) > 1e-3


def test_colours_are_the_moments_of_the_formula():
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(2, 3, 4, 3, generator=generator) - 1
    result = ColourMoments(x, x).describe(x).unflatten(-1, (4, 4, 4))
    for image, moments in zip(x, result, strict=True):
        u = ((image + 1) / 2).flatten(1).T.tolist()
        light = [max(pixel) ** 2 for pixel in u]
        for k, m, n in ((0, 0, 0), (1, 0, 0), (0, 2, 0), (3, 1, 2), (2, 3, 3)):
            total = sum(
                weight * cos(pi * k * red) * cos(pi * m * green) * cos(pi * n * blue)
                for weight, (red, green, blue) in zip(light, u, strict=True)
            )
            expected = total / sum(light) / (1 + k * k + m * m + n * n) ** 0.5
            assert float(moments[k, m, n]) == pytest.approx(expected, abs=1e-5)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), factor=st.floats(0.3, 0.9))
def test_shapes_do_not_say_how_bright_they_are(seed, factor):
    x = painted(strokes(4, seed), hues_within(0.5, 4, seed))
    dark = (x + 1) * factor - 1
    colours = ColourMoments(x, x)
    torch.testing.assert_close(colours.shapes(dark), colours.shapes(x), rtol=1e-3, atol=1e-2)
    assert float((colours.describe(dark) - colours.describe(x)).abs().max()) > 1e-3


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99))
def test_colours_do_not_say_how_much_of_them_there_is(seed):
    """Four bars are as red as one: what the mean over all pixels could not say."""
    one = torch.full((1, 1, SIZE, SIZE), -1.0)
    one[..., 2:6, 2:6] = 1.0
    four = torch.maximum(torch.maximum(one, one.flip(-1)), torch.maximum(one, one.flip(-1)).mT)
    hue = hues_within(0.5, 1, seed)
    few, many = painted(one, hue), painted(four, hue)
    colours = ColourMoments(few, few)
    torch.testing.assert_close(colours.describe(many), colours.describe(few), **ROUNDING)
    other = painted(one, hue + 0.1)
    assert float((colours.describe(other) - colours.describe(few)).abs().max()) > 1e-2


# ------------------------------------------------------------------------- on images


@pytest.mark.slow
@pytest.mark.parametrize(("extent", "verdict"), [(0.0, "absent"), (0.15, "partial"), (0.5, "full")])
def test_hues_of_images_that_differ_in_shape(extent, verdict):
    """The digits' hues were once called uniform: whole images were compared (regression)."""
    x = painted(strokes(400), hues_within(extent, 400))
    model = SymmetryModel("hue-saturation", (3, SIZE, SIZE), backbone="analytic")
    model.inference.frame.calibrate(x)
    claim = next(one for one in examine(model.inference, x[100:], x[:100]).claims)
    assert (claim.name, claim.verdict) == ("hue", verdict)
    if verdict == "partial":
        assert claim.interval[0] < extent < claim.interval[1]


@pytest.mark.slow
@pytest.mark.parametrize(("extent", "verdict"), [(0.0, "absent"), (0.25, "partial")])
def test_values_of_images_that_differ_in_shape(extent, verdict):
    """Values of equally bright digits were once called as wide as searched (regression)."""
    x = painted(strokes(400), hues_within(0.5, 400), saturation=-0.5)
    family = eqsets.transformation("hsv")
    eta = torch.zeros(400, 3)
    eta[:, 2] = hues_within(extent, 400, seed=2) - extent  # as bright as can be, at most
    x = family.act(family.element(eta), x)
    model = SymmetryModel("hsv", (3, SIZE, SIZE), backbone="analytic")
    model.inference.frame.calibrate(x)
    claim = examine(model.inference, x[100:], x[:100]).claims[2]
    assert (claim.name, claim.verdict) == ("value", verdict)
    if verdict == "partial":
        assert claim.interval[0] < extent < claim.interval[1]


def test_whole_images_tell_less_about_hues():
    """The negative control: so much is gained by comparing colours."""
    x = painted(strokes(300, bars=1, width=1), hues_within(0.1, 300))  # few overlap
    family = eqsets.transformation("hue")
    steps = (torch.arange(48) - 24) / 48
    moved = family.act(family.element(steps[:, None]), x[:60, None])
    some, gains = torch.arange(60), {}
    for similarity in (WholeImages(x), ColourMoments(x, x)):
        near = similarity.distances(similarity.describe(moved), x[:60])
        near.shape[some, some] = inf
        nearest = float(near.pose[:, 24].median())
        poses = [nearest * one for one in similarity.pose_widths]
        gains[type(similarity)] = log(48) - float(scores_of(near, 24, poses, (inf,)).min())
    assert gains[ColourMoments] > 1.2  # of log(48 / 9.6) = 1.6, at most
    assert gains[WholeImages] < gains[ColourMoments] - 0.15


def test_blur_is_the_convolution_with_a_bell():
    x = torch.rand(2, 3, 7, 4, dtype=torch.float64)
    bell = torch.softmax(-torch.arange(-2.0, 3.0).double().square() / (2 * 0.7**2), 0)
    kernel = (bell[:, None] * bell).expand(3, 1, 5, 5)
    expected = torch.nn.functional.conv2d(x + 1, kernel, padding=2, groups=3) - 1
    torch.testing.assert_close(blur(x, 0.7), expected)
