"""The pytest plugin of eqsets: options for the laws, checks of installed names, a JSON report.

Requirements that shaped this module:

- pytest loads it in every session, so it imports torch, hypothesis and eqsets only when used;
- it adds options and changes nothing else: no fixtures, no default dtype, no seeds.

Laws are added by :func:`eqsets.testing.parametrize_with_checks`, or by ``--eqsets-symmetry NAME``.
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
        help="number of examples per law, unless the test defines it",
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
        help="write the result of each law as JSON",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect results if a report is requested: in the main process, not in workers of xdist."""
    path = config.getoption("eqsets_report")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Report(Path(path)), "eqsets-report")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the checks of the requested names, and set the profile of checks without one."""
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
    """The test of one law for one element group."""

    def __init__(self, *, check: Check, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check
        if check.expected is not None:
            check.marked = True
            self.add_marker(pytest.mark.xfail(strict=True, reason=check.expected))

    def runtest(self) -> None:
        """Run the law."""
        self.check()

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """Show the violation, without the traceback of the test kit."""
        from eqsets import LawViolation

        if isinstance(excinfo.value, LawViolation):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, None, str]:
        """Return the location of the test, for listings."""
        return "eqsets", None, f"{self.check.subject}-{self.check.id}"


def _check_of(item: pytest.Item) -> Check | None:
    """Return the check of a test, if any."""
    checks = sys.modules.get("eqsets.testing.checks")
    if checks is None:
        return None
    if isinstance(item, LawItem):
        return item.check
    parameter = getattr(getattr(item, "callspec", None), "params", {}).get("check")
    return parameter if isinstance(parameter, checks.Check) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the result of a law to the properties of its test, also for ``--junitxml``."""
    check = _check_of(item) if call.when == "call" else None
    if check is not None and check.result is not None:
        content = {"subject": check.subject, **check.result.to_dict()}
        item.user_properties.append((_PROPERTY, content))
    return (yield)


class _Report:
    """Collects the results of a session and writes them to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checks: list[object] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.checks += [
                content for name, content in report.user_properties if name == _PROPERTY
            ]

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
