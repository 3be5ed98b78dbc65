"""The contract, law by law; and a symmetry of something else, which it must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from eqsets.testing import check as hold
from eqsets.testing import parametrize_with_checks
from eqsets_voxels.contract import moves_space, subject


@parametrize_with_checks(["voxels", replace(subject(2, reflections=True), name="mirrored")])
def test_law(check: Callable[[], None]) -> None:
    check()


def test_a_mirror_is_no_rotation() -> None:
    with_mirror = subject(3, reflections=True).symmetry
    report = hold(replace(subject(3), symmetry=with_mirror, types=()), profile="quick")
    assert [law.id for law in report.failures] == ["EQG04-sampler-stays-inside"]


def test_turning_one_layer_moves_no_space() -> None:
    cube = torch.arange(27).reshape(3, 3, 3)
    cube[0] = cube[0].rot90()  # as on a puzzle cube
    assert not moves_space(cube.flatten(), reflections=True)
