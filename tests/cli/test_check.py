"""``eqsets check``: which subject, which options, which exit code."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from eqsets import ElementSymmetry
from eqsets.cli import main
from eqsets.testing import Result


@dataclass
class Report:
    """What the kit answers, as far as the command line cares."""

    ok: bool = True
    results: tuple[Result, ...] = (Result("EQG01-identity", "a law", "passed"),)

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "checks": [result.id for result in self.results]}

    def __str__(self) -> str:
        return "a report for people"


@dataclass
class Kit:
    """Stands in for :mod:`eqsets.testing`: remembers how it was called."""

    report: Report = field(default_factory=Report)
    subject: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    def check(self, subject: Any, **options: Any) -> Report:
        self.subject, self.options = subject, options
        return self.report


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> Kit:
    kit, module = Kit(), ModuleType("eqsets.testing")
    module.check = kit.check  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "eqsets.testing", module)
    return kit


def run(*arguments: str):
    return CliRunner().invoke(main, ["check", *arguments])


def test_a_name_is_handed_to_the_kit(kit):
    result = run("knots")
    assert (result.exit_code, result.stdout) == (0, "a report for people\n")
    assert kit.subject == "knots"
    assert kit.options == {"profile": "default", "expected_failures": {}}


def test_an_object_of_a_module_is_checked(kit, site):
    site.write(mine="from eqsets.generated import cyclic, trivial\nknot = cyclic(3)")
    assert run("mine:knot").exit_code == 0
    assert kit.subject.group.order == 3
    assert run("mine:trivial").exit_code == 0
    assert isinstance(kit.subject, ElementSymmetry)


def test_a_module_is_found_in_the_current_folder(kit, site, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "only_here.py").write_text("knot = 3")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert run("only_here:knot").exit_code == 0
    assert kit.subject == 3


def test_options_reach_the_kit(kit, site):
    site.write(mine="knot = 3")
    options = ["--profile", "quick", "--only", "a", "--only", "b", "--xfail", "c=too slow=yes"]
    assert run("mine:knot", *options, "--seed", "7").exit_code == 0
    assert kit.options == {
        "profile": "quick",
        "only": ("a", "b"),
        "expected_failures": {"c": "too slow=yes"},
        "seed": 7,
    }


def test_a_failed_law_exits_with_1(kit, site):
    site.write(mine="knot = 3")
    kit.report = Report(ok=False)
    assert run("mine:knot").exit_code == 1


@pytest.mark.parametrize("results", [(), (Result("EQG01-identity", "a law", "skipped"),)])
def test_nothing_checked_exits_with_5(kit, site, results):
    site.write(mine="knot = 3")
    kit.report = Report(results=results)
    result = run("mine:knot")
    assert result.exit_code == 5
    assert "nothing was checked" in result.stderr


@pytest.mark.parametrize("ok", [True, False])
def test_json_is_the_report(kit, site, ok):
    site.write(mine="knot = 3")
    kit.report = Report(ok=ok)
    result = run("mine:knot", "--json")
    assert json.loads(result.stdout) == {"ok": ok, "checks": ["EQG01-identity"]}
    assert result.exit_code == (0 if ok else 1)


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("no_such_module:knot", "cannot be loaded: ModuleNotFoundError"),
        ("mine:nothing", "has no attribute 'nothing'"),
        ("failing:knot", "cannot be loaded: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_found_or_loaded_exits_with_3(kit, site, subject, message):
    site.write(mine="", failing="1 / 0")
    result = run(subject)
    assert result.exit_code == 3
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_an_error_is_json_as_well_when_that_is_asked_for(kit):
    result = run("no_such_module:knot", "--json")
    answer = json.loads(result.stdout)
    assert (answer["subject"], answer["ok"]) == ("no_such_module:knot", False)
    assert "cannot be loaded" in answer["error"]
    assert result.exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        (["trivial", "--profile", "slow"], "'slow' is not one of"),
        (["trivial", "--xfail", "law"], "'law' is not of the form ID=reason"),
        (["trivial", "--seed", "x"], "'x' is not a valid integer"),
        (["mine:not-a-name"], "expected NAME or module:attribute"),
        (["mine:needs"], "cannot be built without options: missing a required argument: 'size'"),
    ],
)
def test_wrong_usage_exits_with_2(kit, site, arguments, message):
    site.write(mine="def needs(size): pass")
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_missing_dependency_is_named_with_the_command_that_installs_it(kit, monkeypatch):
    def check(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'hypothesis'", name="hypothesis")

    monkeypatch.setattr(sys.modules["eqsets.testing"], "check", check)
    result = run("trivial")
    assert result.exit_code == 2
    assert 'pip install "eqsets[testing]"' in result.stderr


def test_a_core_name_is_held_to_a_law():
    result = run("cyclic", "--profile", "quick", "--only", "EQG01-identity", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert (report["subject"], report["ok"], report["profile"]) == ("cyclic", True, "quick")
    assert [law["id"] for law in report["checks"]] == ["EQG01-identity"]


def test_a_broken_symmetry_of_the_user_fails_and_may_be_expected_to(site):
    site.write(
        mine="""
        from eqsets.groups import CyclicGroup

        class Broken(CyclicGroup):
            def inverse(self, g):
                return g

        def broken():
            return Broken(5)
        """
    )
    options = ("mine:broken", "--profile", "quick", "--only", "EQG02-inverse")
    result = run(*options)
    assert (result.exit_code, "EQG02-inverse: failed" in result.stdout) == (1, True)
    result = run(*options, "--xfail", "EQG02-inverse=written wrong for this test")
    assert (result.exit_code, "written wrong for this test" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["cylic"], 3, "Did you mean 'cyclic'?"),
        (["sum"], 3, "as in eqsets.registry.aggregation('sum')"),
        (["trivial", "--only", "EQG01-identiy"], 2, "Did you mean 'EQG01-identity'?"),
    ],
)
def test_unknown_names_and_laws_come_with_the_choices(arguments, code, message):
    result = run(*arguments)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
