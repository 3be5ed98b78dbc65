"""The whole contract, law by law."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eqsets.testing import parametrize_with_checks


@pytest.mark.slow
@parametrize_with_checks(["permutations"])
def test_laws(check: Callable[[], None]) -> None:
    check()
