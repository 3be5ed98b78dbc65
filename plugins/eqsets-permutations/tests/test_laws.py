"""The whole contract, law by law."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eqsets.testing import LAWS, parametrize_with_checks
from eqsets.testing import check as hold


@pytest.mark.slow
@parametrize_with_checks(["permutations"], profile="quick")
def test_laws(check: Callable[[], None]) -> None:
    check()


@pytest.mark.slow
@pytest.mark.parametrize("law", [law.id for law in LAWS if law.slow and law.id.startswith("EQD")])
def test_slow_law(law: str) -> None:
    report = hold("permutations", only=[law])
    assert report.ok, report.failures
