"""The laws of the contract, on every kind of grid that the plugin offers."""

from __future__ import annotations

import pytest

from eqsets.testing import check, parametrize_with_checks
from eqsets_translations.contract import circular_subject, strided_subject, zeros_subject

SUBJECTS = [
    "translations",
    circular_subject(1),
    circular_subject(3),
    strided_subject(),
    strided_subject("zeros"),
    zeros_subject(2),
]


@pytest.mark.slow
@parametrize_with_checks(SUBJECTS, profile="quick")
def test_laws(check):
    check()


@pytest.mark.slow
def test_compiles_and_exports() -> None:
    report = check("translations", only=["EQD08-compiles-whole", "EQD10-exports"])
    assert [result.status for result in report.results] == ["passed"] * 2, report
