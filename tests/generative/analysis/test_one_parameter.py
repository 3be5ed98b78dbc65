"""A shear is one parameter: not a rotation, a scale and a shear that occur together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from eqsets.generative import SymmetryModel
from eqsets.generative.analysis.claims import Claim
from eqsets.generative.analysis.joint.one_parameter import Shear, shear_of, with_shear
from eqsets.generative.analysis.poses import poses_of
from experiments.data.sprites import draw

MATRICES = {
    "rotation": ((0.0, -1.0), (1.0, 0.0)),
    "scale": ((1.0, 0.0), (0.0, 1.0)),
    "along x": ((0.0, 1.0), (0.0, 0.0)),
    "along the diagonals": ((0.0, 1.0), (1.0, 0.0)),
}


LETTERS = ("L", "P", "arrow")


def shear_in(names, generator, family="affine"):
    size = 0.3 * (2 * torch.rand(160, len(names), generator=generator) - 1)
    algebra = torch.tensor([MATRICES[name] for name in names])
    matrices = torch.eye(3).repeat(160, 1, 1)
    matrices[:, :2, :2] = torch.matrix_exp(torch.einsum("nk,kij->nij", size, algebra))
    drawn = [draw(LETTERS[i % 3], one[None], 20) for i, one in enumerate(matrices)]
    images = 2 * torch.cat(drawn)[:, None] - 1
    images = (images + 0.05 * torch.rand(images.shape, generator=generator)).clamp(-1, 1)
    model = SymmetryModel(family, (1, 20, 20), backbone="analytic")
    model.inference.frame.calibrate(images)
    known, asked = images[40:], images[:40]
    poses = [poses_of(model.inference, x, generator=generator) for x in (known, asked, asked)]
    return shear_of(model.inference, *poses, 0)


@pytest.mark.parametrize("axis", ["along x", "along the diagonals"])
def test_a_shear_is_one_parameter(axis, generator):
    shear = shear_in([axis], generator)
    assert shear is not None
    assert shear.axis == axis
    assert shear.explained > 0.85
    assert shear.p_absent < 0.01
    assert (shear.rotation > 0) == (axis == "along x")


@pytest.mark.parametrize("names", [["rotation"], ["scale"], ["rotation", "along the diagonals"]])
def test_what_is_no_shear_or_more_than_one_is_not_called_one(names, generator):
    """The control: the same images under other transformations."""
    assert shear_in(names, generator) is None


def test_families_without_shear_have_none(generator):
    assert shear_in(["along x"], generator, "similarity") is None


def test_a_shear_replaces_what_it_explains():
    def claim(name, role, verdict):
        return Claim(
            name, "radians", verdict, f"{name}: {verdict}", 0.1, (0.1, 0.1), 1.0, 0.0, 0.0, 0.0,
            (0.0, 0.0), 0.0, 0.5, 1.0, role,
        )  # fmt: skip

    claims = (
        claim("rotation", "rotation", "partial"),
        claim("shear", "shear", "absent"),
        claim("shift_x", "shift", "partial"),
    )
    shear = Shear("along x", 0.99, 0.3, (0.25, 0.35), 1e-5, 0.15)
    changed = with_shear(claims, shear)
    assert [one.verdict for one in changed] == ["absent", "partial", "partial"]
    assert "only as a part of the shear" in changed[0].sentence
    assert "the same as rotation by" in changed[1].sentence
    assert with_shear(claims, None) == claims
    fixed = tuple(replace(one, verdict="absent") for one in claims)
    assert with_shear(fixed, shear) == fixed
