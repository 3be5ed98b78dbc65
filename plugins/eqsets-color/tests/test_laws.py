"""The laws of the contract, on colours and on their product with affine maps."""

from __future__ import annotations

import pytest

from eqsets.testing import check, parametrize_with_checks


@pytest.mark.slow
@parametrize_with_checks(
    ["hue", "hue-saturation", "hsv", "affine-no-shear+hsv", "d4+hue"], profile="quick"
)
def test_laws(check):
    check()


@pytest.mark.slow
def test_compiles() -> None:
    report = check("affine-no-shear+hsv", only="EQT14-compiles-whole")
    assert [result.status for result in report.results] == ["passed"], report
