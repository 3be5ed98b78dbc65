"""The pytest side of the kit: ids, strict expected failures, profile, names, report."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import hypothesis
import pytest

import eqsets.testing

pytest_plugins = ["pytester"]

LAWS = """
    import pytest
    from eqsets.groups import CyclicGroup
    from eqsets.testing import parametrize_with_checks

    class NoInverse(CyclicGroup):
        def inverse(self, g):
            return g

    @parametrize_with_checks([{subjects}]{options})
    def test_laws(check):
        check()
"""


IMPORTED = (eqsets.testing, hypothesis)  # imported here, they are not imported again by each run


def run(pytester: pytest.Pytester, *arguments: str, subjects: str = "", options: str = "") -> Any:
    if subjects:
        pytester.makepyfile(LAWS.format(subjects=subjects, options=options))
    # installed or not, the plugin of this source tree is the one that is tried
    plugins = ("-p", "no:eqsets", "-p", "eqsets_pytest", "-p", "no:xdist")
    plugins = (*plugins, "-p", "no:cacheprovider", "--eqsets-profile", "quick")
    return pytester.runpytest_inprocess(*plugins, *arguments)


@pytest.mark.slow
def test_start_up_imports_nothing_heavy() -> None:
    script = """if True:
        import sys
        import eqsets_pytest
        assert not {"torch", "hypothesis", "eqsets"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", script], check=True)


def test_one_test_a_law_with_subject_and_law_in_its_id(pytester: pytest.Pytester) -> None:
    result = run(pytester, "-v", subjects="CyclicGroup(4)")
    result.assert_outcomes(passed=9, skipped=2)
    result.stdout.fnmatch_lines(["*test_laws?CyclicGroup(size=4)-EQG02-inverse? PASSED*"])


def test_a_failure_shows_the_law_the_example_and_the_line_to_repeat_it(
    pytester: pytest.Pytester,
) -> None:
    result = run(pytester, subjects="NoInverse(4)")
    result.assert_outcomes(passed=8, skipped=2, failed=1)
    result.stdout.fnmatch_lines(
        ["*NoInverse(size=4) breaks a law*", "*The inverse undoes*", "*example:*g=1*"]
    )


def test_expected_failures_are_strict(pytester: pytest.Pytester) -> None:
    options = ", expected_failures={'EQG02-inverse': 'a known bug'}"
    run(pytester, subjects="NoInverse(4)", options=options).assert_outcomes(
        passed=8, skipped=2, xfailed=1
    )
    result = run(pytester, subjects="CyclicGroup(4)", options=options)
    result.assert_outcomes(passed=8, skipped=2, failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*a known bug*"])


def test_an_expected_failure_that_matches_nothing_is_an_error(pytester: pytest.Pytester) -> None:
    options = ", expected_failures={'EQL03-invariant': 'none here'}"
    result = run(pytester, subjects="CyclicGroup(4)", options=options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*EQL03-invariant*concern none of the subjects*"])


def test_the_profile_is_an_option_and_results_are_reported(pytester: pytest.Pytester) -> None:
    options = ", expected_failures={'EQG02-inverse': 'a known bug'}"
    arguments = ("--eqsets-report", "out/laws.json", "--junitxml=junit.xml")
    run(pytester, *arguments, subjects="NoInverse(4)", options=options)
    report = json.loads((pytester.path / "out" / "laws.json").read_text())
    actual = {check["id"]: check for check in report["checks"]}
    assert report["ok"]
    assert actual["EQG01-identity"]["n_examples"] == 10
    assert actual["EQG02-inverse"]["status"] == "expected failure"
    assert actual["EQG02-inverse"]["subject"] == "NoInverse(size=4)"
    properties = ET.parse(pytester.path / "junit.xml").iter("property")
    assert any("EQG03" in str(entry.get("value")) for entry in properties)


def test_checks_are_made_for_names(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--eqsets-symmetry", "trivial", "-k", "EQG or EQA", "-v")
    outcomes = result.parseoutcomes()
    assert outcomes.pop("deselected") > 0
    assert outcomes == {"passed": 19, "skipped": 4}
    result.stdout.fnmatch_lines(["eqsets::trivial::EQG01-identity PASSED*"])


def test_an_unknown_name_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--eqsets-symmetry", "cylic")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*Did you mean 'cyclic'?*"])
