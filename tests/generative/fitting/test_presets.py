"""Presets: few elements are not seen too often."""

from __future__ import annotations

import pytest

from eqsets.generative import PRESETS, Preset, StagePlan


@pytest.mark.parametrize("name", ["quick", "default"])
def test_few_elements_have_fewer_steps(name):
    preset = PRESETS[name]
    few, many = preset.sized(200), preset.sized(100_000)
    assert few.inference.steps < preset.inference.steps
    assert few.inference.steps * few.inference.batch >= 100 * 200
    assert many == preset


def test_steps_never_exceed_those_of_the_plan():
    short = Preset(StagePlan(20), StagePlan(30), epochs=150)
    assert short.sized(40) == short


def test_a_preset_without_limit_is_as_it_was():
    assert Preset().sized(32) == Preset()
    assert PRESETS["paper"].sized(32) == PRESETS["paper"]


def test_the_limit_is_no_part_of_the_fingerprint_of_a_fit():
    assert repr(PRESETS["quick"]) == repr(Preset())
