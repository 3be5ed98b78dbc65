"""Try one fault: in a forked process that imports the mutated copy, first the contract, then tests.

The parent imports what is heavy once (torch, backends, pytest), and nothing of eqsets.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.mutants.line_map import OPTIONS, QUICK

__all__ = ["forked", "preload", "stages"]

_HEAVY = (
    "torch",
    "torch._dynamo",
    "torch._inductor.compile_fx",
    "pytest",
    "hypothesis.extra.numpy",
    "hypothesis.strategies",
    "click.testing",
    "rich.table",
    "torch_geometric.nn",
    "e3nn.o3",
    "scipy",
    "zuko",
    "lightning.pytorch",
)


def preload() -> None:
    """Import what every trial needs, once."""
    for name in _HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    sys.modules["torch"].set_num_threads(1)
    loaded = [name for name in sys.modules if name.partition(".")[0].startswith("eqsets")]
    if loaded:
        raise RuntimeError(f"{loaded[:3]} are imported already, expected the copy to be imported")


def forked(work: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Run ``work`` in a child process and return what it returns, or ``{"status": "timeout"}``.

    The limit is on CPU time, so that other load on the machine decides nothing. A child that waits
    without computing is ended after ten times as long.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        os.close(reader)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        try:
            outcome = work()
        except BaseException as error:  # noqa: BLE001 - whatever a fault raises is an outcome
            outcome = {"status": "killed", "by": f"raised {type(error).__name__}: {error}"[:200]}
        os.write(writer, json.dumps(outcome).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    started = time.monotonic()
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() - started > 10 * seconds:
            os.killpg(child, signal.SIGKILL)
            ended = os.waitpid(child, 0)
            break
        time.sleep(0.05)
    if os.WIFSIGNALED(ended[1]) and os.WTERMSIG(ended[1]) in (signal.SIGXCPU, signal.SIGKILL):
        os.close(reader)
        return {"status": "timeout", "by": f"more than {seconds:.0f} s"}
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    return json.loads(text) if text else {"status": "killed", "by": "the process died"}


def enter(root: Path) -> None:
    """Make the copy at ``root`` the one that is imported."""
    os.chdir(root)
    folders = [root, root / "examples", *root.glob("plugins/*/src")]
    sys.path[:0] = [*map(str, folders), *map(str, root.glob("examples/third_party/*/src"))]
    sys.dont_write_bytecode = True


def contract(
    root: Path, names: list[str], only: str | None = None, seconds: float = 1e9
) -> dict[str, Any]:
    """Check the subjects with the profile ``quick`` up to the first law that fails.

    No law is begun after so many seconds of CPU time.
    """
    enter(root)
    until = time.process_time() + seconds
    from eqsets.errors import EqsetsError
    from eqsets.testing import iter_checks

    for name in names:
        for law_id, law in iter_checks(name, profile="quick", only=only):
            if time.process_time() > until:
                return {"status": "survived", "by": f"not all laws: {name} up to {law_id}"}
            try:
                law()
            except Exception as error:  # noqa: BLE001 - a skipped law is an exception, too
                if type(error).__name__ != "SkipTest":
                    kind = "" if isinstance(error, EqsetsError) else f" ({type(error).__name__})"
                    return {"status": "killed", "by": f"{name} {law_id}{kind}"}
    return {"status": "survived", "by": ""}


def unit_tests(
    root: Path, paths: list[str], ordered: list[str] | None = None, seconds: float = 1e9
) -> dict[str, Any]:
    """Run the tests of a file, without those of laws and of what was imported in this process.

    Args:
        root: of the copy.
        paths: files and folders of tests.
        ordered: names of tests, run in this order; all tests of ``paths`` if None.
        seconds: CPU time after which no further test is begun.
    """
    enter(root)
    import pytest

    run = _Run(ordered, time.process_time() + seconds)
    options = ["-x", "-q", "--no-header", *OPTIONS]
    if ordered is not None:
        paths = sorted({name.partition("::")[0] for name in ordered})
    code = pytest.main([*options, "-k", QUICK, *paths], [run])
    if not run.failed and (code in (0, 5) or run.ended):
        return {"status": "survived", "by": ""}
    return {"status": "killed", "by": run.failed[0] if run.failed else f"pytest ended with {code}"}


class _Run:
    """A plugin of pytest: which tests are run in which order, up to when, and which failed."""

    def __init__(self, ordered: list[str] | None, until: float) -> None:
        self.ordered, self.until = ordered, until
        self.failed: list[str] = []
        self.ended = False

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.ordered is not None:
            position = {name: number for number, name in enumerate(self.ordered)}
            chosen = [item for item in items if item.nodeid in position]
            items[:] = sorted(chosen, key=lambda item: position[item.nodeid])

    def pytest_runtest_logfinish(self) -> None:
        self.ended = time.process_time() > self.until

    def pytest_runtest_protocol(self, item: Any) -> None:
        if self.ended:
            item.session.shouldstop = "the time is over"

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


def clean(root: Path, row: dict[str, Any], paths: list[str], seconds: float) -> bool:
    """Return whether what killed a fault passes without it."""
    by = str(row["by"]).split(" (")[0]
    if row["status"] != "killed":
        return True
    if by.startswith(("raised", "the process", "pytest ended")):  # no single check is named
        law_id, names = "EQG01-identity", row["subjects"]
    elif row["stage"] == "tests":
        paths = [by]
    else:
        names, law_id = [by.split()[0]], by.split()[1]
    if row["stage"] == "tests":
        outcome = forked(lambda: unit_tests(root, paths), seconds)
    else:
        outcome = forked(lambda: contract(root, names, law_id), seconds)
    return bool(outcome["status"] == "survived")


def stages(
    root: Path,
    names: list[str],
    paths: list[str],
    seconds: float,
    ordered: list[str] | None = None,
    law: str = "",
) -> dict[str, Any]:
    """Return what killed a fault: ``contract``, ``tests``, or nothing.

    Without a map of lines the contract is first, so that its share is known. With one, the tests
    that execute the line are first, since they are faster; then the contract; then the slow tests.

    Args:
        root: of the copy.
        names: of ``eqsets check``.
        paths: test files and folders of the fault's file.
        seconds: limit of one stage, CPU time.
        ordered: the tests of :meth:`~tools.mutants.line_map.LineMap.tests`.
        law: the law that is tried before all others, if any.
    """
    started = time.monotonic()
    checks: list[tuple[str, Callable[[], dict[str, Any]]]] = []
    if names and law:
        checks.append(("contract", lambda: contract(root, names, law)))
    if ordered:
        checks.append(("tests", lambda: unit_tests(root, [], ordered, seconds / 2)))
    if names:
        checks.append(("contract", lambda: contract(root, names, seconds=seconds)))
    checks.append(("tests", lambda: unit_tests(root, paths, None, seconds)))
    outcome = {"status": "survived", "by": ""}
    for stage, work in checks:
        outcome = forked(work, 2 * seconds)
        if outcome["status"] != "survived":
            return {"stage": stage, **outcome, "seconds": time.monotonic() - started}
    return {"stage": "none", **outcome, "seconds": time.monotonic() - started}
