"""Mirror images occur, or do not, or cannot be resolved: of objects that have an axis."""

from __future__ import annotations

import pytest
import torch

from eqsets.errors import OptionError
from eqsets.generative import SymmetryModel, discover
from eqsets.generative.analysis.examine import examine
from eqsets.generative.analysis.joint.mirror import MIRROR

AXIS = ((0.0, 0.0, 1.0), (0.35, 0.0, 0.7))


def claim_of(images, family="similarity"):
    model = SymmetryModel(family, tuple(images.shape[1:]), backbone="analytic")
    model.inference.frame.calibrate(images)
    result = examine(model.inference, images[40:], images[:40], reflections=True)
    assert [one.parameter for one in result.evidence][-1] == MIRROR
    return result.claims[-1]


def turned(count, extent, generator):
    angle = (2 * torch.rand(count, generator=generator) - 1) * extent
    matrices = torch.eye(3).repeat(count, 1, 1)
    matrices[:, 0, 0] = matrices[:, 1, 1] = angle.cos()
    matrices[:, 0, 1], matrices[:, 1, 0] = angle.sin(), -angle.sin()
    return matrices


def flipped(images, share, generator):
    some = torch.rand(len(images), generator=generator) < share
    return torch.where(some[:, None, None, None], images.flip(-1), images)


@pytest.mark.parametrize("extent", [0.0, 3.14])
@pytest.mark.parametrize(("share", "verdict"), [(0.0, "absent"), (0.5, "full")])
def test_mirror_images_at_one_and_at_any_angle(extent, share, verdict, draw, generator):
    """Each is the control of the other: nothing but the flips differs."""
    images = flipped(draw(turned(140, extent, generator), 16), share, generator)
    noise = 0.02 * torch.rand(images.shape, generator=generator)
    assert claim_of((images + noise).clamp(-1, 1)).verdict == verdict


def test_objects_with_an_axis_are_their_own_mirror_images(draw, generator):
    images = draw(turned(140, 3.14, generator), 16, AXIS)
    claim = claim_of(images)
    assert claim.verdict == "unresolved"
    assert "similar to their mirror images" in claim.sentence


def test_reflections_are_for_images_and_once(generator):
    x = 2 * torch.rand(40, 1, 8, 8, generator=generator) - 1
    with pytest.raises(OptionError, match="a family without reflections"):
        discover(x, family="d4", reflections=True)


@pytest.mark.slow
def test_the_default_search_has_shear_and_reflections(draw, generator, tiny):
    """The control is a family by name, which is searched alone."""
    images = flipped(draw(turned(48, 3.14, generator), 12), 0.5, generator)
    report = discover(images, preset=tiny, quiet=True)
    assert report.facts["family"] == "affine with reflections"
    assert [claim.name for claim in report.claims][-2:] == ["shear", "mirror"]
    assert [curve.name for curve in report.curves][-1] == "mirror"
    assert "Mirror" in report.to_html()
    assert "mirror" in report.to_json()
    control = discover(images, family="rotation", preset=tiny, quiet=True)
    assert [claim.name for claim in control.claims] == ["rotation"]
