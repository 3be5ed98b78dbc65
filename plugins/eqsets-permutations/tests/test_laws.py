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
def test_slow_laws() -> None:
    report = hold("permutations", only=[law.id for law in LAWS if law.slow])
    assert report.ok, report.failures
