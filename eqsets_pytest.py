"""The pytest plugin of eqsets: options for the laws, checks of installed names, a JSON report.

Requirements that shaped this module:

- pytest loads it in every session of every user, so it imports neither torch nor hypothesis nor
  eqsets until something is asked of it;
- it adds options and changes nothing else: no fixtures, no default number type, no seeds.

Laws come in by :func:`eqsets.testing.parametrize_with_checks`, or by ``--eqsets-symmetry NAME``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from eqsets.testing.checks import Check

__all__: list[str] = []

_PROPERTY = "eqsets"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("eqsets", "laws of eqsets")
    group.addoption(
        "--eqsets-profile",
        choices=("quick", "default", "nightly"),
        help="how many examples each law is tried on, where the test does not say it",
    )
    group.addoption(
        "--eqsets-symmetry",
        action="append",
        default=[],
        metavar="NAME",
        help="add a test for each law of this element group; repeatable",
    )
    group.addoption(
        "--eqsets-report",
        metavar="FILE.json",
        help="write what each law came to",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect results where a report is asked for: in the main process, not in xdist's workers."""
    path = config.getoption("eqsets_report")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Report(Path(path)), "eqsets-report")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the checks of the names asked for, and set the profile of those that leave it open."""
    for name in config.getoption("eqsets_symmetry"):
        items.extend(_items(session, name))
    for item in items:
        check = _check_of(item)
        if check is not None and check.profile is None:
            check.profile = config.getoption("eqsets_profile")


def _items(session: pytest.Session, name: str) -> list[LawItem]:
    """Return a test for each law of an element group."""
    from eqsets import EqsetsError
    from eqsets.testing.checks import checks_of

    try:
        checks = checks_of(name)[1]
    except EqsetsError as error:
        raise pytest.UsageError(f"--eqsets-symmetry {name}: {error}") from error
    return [
        LawItem.from_parent(
            session, name=check.id, nodeid=f"eqsets::{name}::{check.id}", check=check
        )
        for check in checks
    ]


class LawItem(pytest.Item):
    """One law, tried on one element group."""

    def __init__(self, *, check: Check, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check
        if check.expected is not None:
            check.marked = True
            self.add_marker(pytest.mark.xfail(strict=True, reason=check.expected))

    def runtest(self) -> None:
        """Try the law."""
        self.check()

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """Show what the law found, without the way through the kit."""
        from eqsets import LawViolation

        if isinstance(excinfo.value, LawViolation):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, None, str]:
        """Return where the test comes from, for listings."""
        return "eqsets", None, f"{self.check.subject}-{self.check.id}"


def _check_of(item: pytest.Item) -> Check | None:
    """Return the check that a test makes, if it makes one."""
    checks = sys.modules.get("eqsets.testing.checks")
    if checks is None:
        return None
    if isinstance(item, LawItem):
        return item.check
    found = getattr(getattr(item, "callspec", None), "params", {}).get("check")
    return found if isinstance(found, checks.Check) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put what a law came to into the properties of its test, where ``--junitxml`` finds it too."""
    check = _check_of(item) if call.when == "call" else None
    if check is not None and check.result is not None:
        found = {"subject": check.subject, **check.result.to_dict()}
        item.user_properties.append((_PROPERTY, found))
    return (yield)


class _Report:
    """Gathers the results of a session and writes them to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checks: list[object] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.checks += [found for name, found in report.user_properties if name == _PROPERTY]

    def pytest_sessionfinish(self) -> None:
        bad = ("failed", "unexpected pass")
        content = {
            "schema_version": 1,
            "eqsets_version": version("eqsets"),
            "torch_version": version("torch"),
            "ok": not any(isinstance(one, dict) and one["status"] in bad for one in self.checks),
            "checks": self.checks,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(content, indent=2), encoding="utf-8")
