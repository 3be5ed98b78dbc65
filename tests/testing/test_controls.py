"""The kit tests itself: for each law something broken that fails this law, and no other.

What a broken law drags along (a set layer is no better than its linear layer) is reported as
following from it, never as a failure of its own.
"""

from __future__ import annotations

import pytest

from eqsets.testing import LAWS, check
from tests.testing.controls import (
    actions,
    attention,
    deployment,
    families,
    gradients,
    groups,
    layouts,
    options,
    parts,
    rows,
    sets,
    structures,
)

FAMILIES = (
    groups,
    actions,
    rows,
    sets,
    gradients,
    layouts,
    attention,
    options,
    deployment,
    families,
    structures,
    parts,
)
CONTROLS = {law_id: subject for family in FAMILIES for law_id, subject in family.CONTROLS.items()}
SLOW = sorted(law.id for law in LAWS if law.slow)


def test_every_law_has_a_control() -> None:
    assert sorted(CONTROLS) == sorted(law.id for law in LAWS)


EXPECTED = {
    "EQD09-compiles-to-code": {
        "EQD16-functional-transforms": "torch.func has no rules for register_autograd",
        "EQD18-onnx": "ONNX has no such operator",
    }
}
"""Further laws that a control breaks, because torch offers no other way to write it."""


@pytest.mark.slow
@pytest.mark.parametrize("law_id", sorted(set(CONTROLS) - set(SLOW)))
def test_the_control_fails_its_law_and_no_other(law_id: str) -> None:
    report = check(CONTROLS[law_id], profile="quick")
    assert [result.id for result in report.failures] == [law_id], str(report)
    assert not report.ok


@pytest.mark.slow
@pytest.mark.parametrize("law_id", SLOW)
def test_the_control_fails_its_law_of_compilation_and_no_other(law_id: str) -> None:
    subject = CONTROLS[law_id]
    assert check(subject, profile="quick", expected_failures=EXPECTED.get(law_id)).ok
    # What the exporter refuses need not go through the C++ compiler as well.
    tried = [name for name in SLOW if law_id != "EQD10-exports" or "code" not in name]
    tried = [name for name in tried if name not in EXPECTED.get(law_id, {})]
    report = check(subject, only=tried)
    assert [result.id for result in report.failures] == [law_id], str(report)
