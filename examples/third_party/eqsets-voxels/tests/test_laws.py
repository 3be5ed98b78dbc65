"""The contract, law by law; and negative controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from eqsets.testing import check as hold
from eqsets.testing import parametrize_with_checks
from eqsets_voxels.contract import is_isometry, subject


@parametrize_with_checks(["voxels", replace(subject(2, reflections=True), name="mirrored")])
def test_law(check: Callable[[], None]) -> None:
    check()


def test_a_reflection_is_no_rotation() -> None:
    with_mirror = subject(3, reflections=True).symmetry
    report = hold(replace(subject(3), symmetry=with_mirror, types=()), profile="quick")
    assert [law.id for law in report.failures] == ["EQG04-sampler-stays-inside"]


def test_a_rotation_of_one_layer_is_no_isometry() -> None:
    cube = torch.arange(27).reshape(3, 3, 3)
    cube[0] = cube[0].rot90()  # as on a puzzle cube
    assert not is_isometry(cube.flatten(), reflections=True)
