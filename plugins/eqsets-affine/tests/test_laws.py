"""The laws of the contract, on every family of the plugin."""

from __future__ import annotations

import pytest

from eqsets.testing import check, parametrize_with_checks
from eqsets_affine import AffineFamily

NAMES = [
    *("translation", "rotation", "similarity", "affine", "affine-no-shear"),
    *("reflections", "c4", "d4"),
]


@pytest.mark.slow
@parametrize_with_checks([*NAMES, AffineFamily("similarity", "pixels")], profile="quick")
def test_laws(check):
    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["affine-no-shear", "d4"])
def test_compiles(name: str) -> None:
    report = check(name, only="EQT14-compiles-whole")
    assert [result.status for result in report.results] == ["passed"], report
