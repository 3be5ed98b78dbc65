"""The contract: steerable vectors and clouds, under O(3) and SO(3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eqsets.testing import LAWS, parametrize_with_checks
from eqsets.testing import check as hold
from eqsets_spatial.contract import cloud_subject, subject

SMALL = {"degree": 1, "basis": 3, "hidden": 4}
COMPILED = ["EQD08-compiles-whole", "EQD10-exports"]


@pytest.mark.slow
@parametrize_with_checks(["spatial"], profile="quick")
def test_subject(check: Callable[[], None]) -> None:
    check()


@pytest.mark.slow
@pytest.mark.parametrize("law", [law.id for law in LAWS if law.slow and law.id.startswith("EQD")])
def test_slow_law(law: str) -> None:
    report = hold("spatial", only=[law])
    assert report.ok, report.failures


@pytest.mark.slow
@parametrize_with_checks(
    [
        subject(reflections=False),
        cloud_subject(radius=2.0, **SMALL),
        cloud_subject(neighbors=2, reflections=False, **SMALL),
        cloud_subject(),
    ],
    profile="quick",
)
def test_cloud_subject(check: Callable[[], None]) -> None:
    check()


@pytest.mark.slow
@pytest.mark.parametrize("reach", [{"radius": 2.0}, {"neighbors": 2}])
def test_clouds_compile(reach: dict[str, float]) -> None:
    report = hold(cloud_subject(**reach, **SMALL), only=COMPILED)
    assert report.ok, report.failures
