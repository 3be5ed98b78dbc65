"""Against colorsys, and what users of the published code met (spec, section 10)."""

from __future__ import annotations

import colorsys
from math import exp

import pytest
import torch
from torch.autograd import gradcheck

from eqsets import GroupError, OptionError, ShapeError, transformation
from eqsets_color import ColorFamily, ColorGroup

HSV = transformation("hsv")


def colors(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(count, 3, 1, 1, generator=generator, dtype=torch.float64) - 1


def expected(color: list[float], eta: list[float]) -> list[float]:
    hue, saturation, value = colorsys.rgb_to_hsv(*((one + 1) / 2 for one in color))
    saturation, value = min(saturation * exp(eta[1]), 1), min(value * exp(eta[2]), 1)
    return [2 * one - 1 for one in colorsys.hsv_to_rgb((hue + eta[0]) % 1, saturation, value)]


def test_colours_are_those_of_colorsys() -> None:
    x, eta = colors(300), HSV.sample(300, generator=torch.Generator().manual_seed(1)).double()
    actual = HSV.act(HSV.element(eta), x).flatten(1).tolist()
    rows = zip(x.flatten(1).tolist(), eta.tolist(), actual, strict=True)
    for color, one, moved in rows:
        assert moved == pytest.approx(expected(color, one), abs=1e-12)


def test_primary_colours_and_their_mixtures() -> None:
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3).double()[..., None, None]
    eta = torch.tensor([0.25, 0.0, 0.0], dtype=torch.float64)
    actual = HSV.act(HSV.element(eta), corners).flatten(1).tolist()
    for color, moved in zip(corners.flatten(1).tolist(), actual, strict=True):
        assert moved == pytest.approx(expected(color, eta.tolist()), abs=1e-12)


def test_grey_and_black_stay_and_have_derivatives() -> None:
    """D8: the derivative by the image was NaN as soon as one pixel was grey or black."""
    greys = torch.tensor([-1.0, -0.2, 0.6, 1.0], dtype=torch.float64)
    x = greys.expand(3, 1, 4).clone().requires_grad_()
    eta = torch.tensor([0.4, 2.0, 0.0], dtype=torch.float64, requires_grad=True)
    moved = HSV.act(HSV.element(eta), x)
    assert torch.allclose(moved, x)
    for gradient in torch.autograd.grad(moved.square().sum(), (x, eta)):
        assert gradient.isfinite().all()


def test_overshoot_is_clipped_first_and_clipped_colours_learn() -> None:
    x = torch.tensor([1.4, -1.2, 0.0], dtype=torch.float64).reshape(3, 1, 1).requires_grad_()
    eta = torch.tensor([0.0, 3.0, 1.0], dtype=torch.float64, requires_grad=True)
    moved = HSV.act(HSV.element(eta), x)
    assert moved.min() >= -1
    assert moved.max() <= 1
    to_image, to_eta = torch.autograd.grad(moved.sum(), (x, eta))
    assert (to_image != 0).any()
    assert to_eta[2] > 0  # the value is clipped, and learns


def test_derivatives_are_those_of_finite_differences() -> None:
    x = (0.8 * colors(4, seed=2)).requires_grad_()
    eta = torch.tensor([0.3, -0.5, -0.2], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda eta, x: HSV.act(HSV.element(eta), x), (eta, x))


def test_a_third_of_the_circle_exchanges_channels() -> None:
    x = colors(20)
    third = torch.tensor([1 / 3], dtype=torch.float64)
    hue = transformation("hue")
    assert torch.allclose(hue.act(hue.element(third), x), x.roll(1, -3))


def test_hue_is_in_turns_and_the_identity_is_one() -> None:
    """D9: hue was in turns for pixels and in radians in a loss, whose identity was none."""
    assert HSV.units == ("turns", "log factor", "log factor")
    assert HSV.group.identity().tolist() == [0, 0, 0]
    near = torch.tensor([0.999, 0, 0], dtype=torch.float64)
    assert HSV.group.distance(near, HSV.group.identity()).item() == pytest.approx(0.001)


def test_saturation_is_a_group_action_until_it_is_clipped() -> None:
    up = torch.tensor([0.0, 3.0, 0.0], dtype=torch.float64)
    pale = torch.tensor([0.0, -0.01, -0.02], dtype=torch.float64).reshape(3, 1, 1)
    vivid = torch.tensor([1.0, -0.9, -0.9], dtype=torch.float64).reshape(3, 1, 1)
    for color, returns in ((pale, True), (vivid, False)):
        back = HSV.act(HSV.element(-up), HSV.act(HSV.element(up), color))
        assert torch.allclose(back, color) == returns


def test_the_published_family_of_eight_parameters() -> None:
    family = transformation("affine-no-shear+hsv")
    assert family.names[:5] == ("shift_x", "shift_y", "rotation", "scale_x", "scale_y")
    assert family.names[5:] == ("hue", "saturation", "value")
    eta = family.sample(3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    x = colors(3).expand(3, 3, 8, 8)
    g = family.element(eta)
    affine = transformation("affine-no-shear")
    first = HSV.act(HSV.element(eta[:, 5:]), x)
    assert torch.allclose(
        family.act(g, x, order=3), affine.act(affine.element(eta[:, :5]), first, order=3)
    )
    assert torch.allclose(family.validity(g, x), affine.validity(affine.element(eta[:, :5]), x))


def test_bad_input_is_refused() -> None:
    grey = torch.zeros(2, 1, 4, 4)
    with pytest.raises(ShapeError, match=r"1 channels.*Grey images have no colour: leave"):
        HSV.act(HSV.group.identity(), grey)
    family = transformation("affine+hsv")
    with pytest.raises(ShapeError, match="Grey images have no colour"):
        family.act(family.group.identity(), grey)
    with pytest.raises(OptionError, match="kind='hsl', expected one of hue, hue-saturation, hsv"):
        ColorFamily("hsl")
    with pytest.raises(GroupError, match="size=4, expected 1"):
        ColorGroup(4)


def test_canonical_images_have_the_median_saturation_and_value() -> None:
    frame = HSV.frame().double()
    x = torch.rand(9, 3, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = 1.4 * x - 1
    before = HSV.parameters(frame(x).g)
    frame.calibrate(x)
    after = HSV.parameters(frame(x).g)
    torch.testing.assert_close(after[:, 0], before[:, 0])
    median = before[:, 1:].median(0).values
    assert float((median[0] - median[1]).abs()) > 0.1  # else the two could be exchanged
    torch.testing.assert_close(after[:, 1:], before[:, 1:] - median)
