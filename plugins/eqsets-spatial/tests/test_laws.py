"""The contract: steerable vectors and clouds, under O(3) and SO(3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eqsets.testing import check as hold
from eqsets.testing import parametrize_with_checks
from eqsets_spatial.specs import clouds, vectors

SMALL = {"degree": 1, "basis": 3, "hidden": 4}
COMPILED = ["EQD08-compiles-whole", "EQD10-exports"]


@parametrize_with_checks(["spatial"])
def test_vectors(check: Callable[[], None]) -> None:
    check()


@parametrize_with_checks(
    [
        vectors(reflections=False),
        clouds(radius=2.0, **SMALL),
        clouds(neighbors=2, reflections=False, **SMALL),
        clouds(),
    ],
    profile="quick",
)
def test_clouds(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize("reach", [{"radius": 2.0}, {"neighbors": 2}])
def test_clouds_compile(reach: dict[str, float]) -> None:
    report = hold(clouds(**reach, **SMALL), only=COMPILED)
    assert report.ok, report.failures
