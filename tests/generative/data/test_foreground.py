"""Backgrounds that stay where they are: subtracted, or a reason to claim nothing."""

from __future__ import annotations

import pytest
import torch

import eqsets
from eqsets.families import Images, Signals
from eqsets.generative import Preset, StagePlan, discover
from eqsets.generative.data.foreground import foreground

SHORT = Preset(
    StagePlan(2, batch=16, check_every=2), StagePlan(2, batch=16, check_every=2), prototypes=1
)


def strokes(n: int) -> torch.Tensor:
    x = torch.full((n, 1, 20, 20), -1.0)
    x[:, :, 6:9, 5:15] = 1.0
    x[:, :, 9:13, 5:8] = 1.0
    return x


def cluttered(n: int, strength: float) -> torch.Tensor:
    noise = torch.rand(n, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    return torch.maximum(strokes(n), 2 * strength * noise - 1)


def test_clutter_that_is_darker_than_objects_is_subtracted():
    seen = foreground(cluttered(60, 0.5), Images())
    assert seen.background == "subtracted"
    assert seen.share == 1.0
    assert (seen.images - strokes(60)).abs().mean() < 0.01


def test_clutter_as_bright_as_objects_is_not():
    x = cluttered(60, 1.0)
    seen = foreground(x, Images())
    assert seen.background == "mixed"
    assert torch.equal(seen.images, x)


@pytest.mark.parametrize("strength", [0.0, 0.1])
def test_a_dark_background_is_as_it_was(strength):
    x = cluttered(60, strength)
    seen = foreground(x, Images())
    assert seen.background == "none"
    assert torch.equal(seen.images, x)


def test_a_plain_grey_background_is_no_clutter():
    assert foreground(strokes(60).clamp_min(-0.2), Images()).background == "none"


def test_hues_of_objects_are_not_changed():
    x = (cluttered(60, 0.5) + 1) / 2 * torch.tensor([1.0, 0.5, 0.25])[:, None, None] * 2 - 1
    inside = foreground(x, Images()).images[:, :, 7, 10] + 1
    assert torch.allclose(inside, torch.tensor([2.0, 1.0, 0.5]).expand(60, 3), atol=1e-5)


def test_exact_families_and_other_elements_keep_their_background():
    x = cluttered(60, 1.0)
    assert foreground(x, Images(), eqsets.transformation("d4")).background == "none"
    assert foreground(torch.rand(60, 1, 64), Signals()).background == "none"


@pytest.mark.filterwarnings("ignore:prototypes have no room")
def test_nothing_is_claimed_of_what_moves_pixels_in_front_of_bright_clutter():
    report = discover(cluttered(64, 1.0), family="similarity", preset=SHORT, quiet=True)
    assert {one.verdict for one in report.claims} == {"unresolved"}
    assert all("the background does not move with the object" in c.sentence for c in report.claims)
    assert "Cut the objects out" in report.cautions[0]
    assert report.facts["background"] == "mixed"
