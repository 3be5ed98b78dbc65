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

__all__ = ["preload", "stages"]

_HEAVY = (
    "torch",
    "torch._dynamo",
    "torch._inductor.compile_fx",
    "pytest",
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


def contract(root: Path, names: list[str], only: str | None = None) -> dict[str, Any]:
    """Check the subjects with the profile ``quick`` up to the first law that fails."""
    enter(root)
    from eqsets.errors import EqsetsError
    from eqsets.testing import iter_checks

    for name in names:
        for law_id, law in iter_checks(name, profile="quick", only=only):
            try:
                law()
            except Exception as error:  # noqa: BLE001 - a skipped law is an exception, too
                if type(error).__name__ != "SkipTest":
                    kind = "" if isinstance(error, EqsetsError) else f" ({type(error).__name__})"
                    return {"status": "killed", "by": f"{name} {law_id}{kind}"}
    return {"status": "survived", "by": ""}


def unit_tests(root: Path, paths: list[str]) -> dict[str, Any]:
    """Run the tests of a file, without those of laws and of what was imported in this process."""
    enter(root)
    import pytest

    failed: list[str] = []

    class Failures:
        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed:
                failed.append(report.nodeid)

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                failed.append(report.nodeid)

    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
    code = pytest.main([*options, "-k", "not laws and not is_imported", *paths], [Failures()])
    if code == 0 or (code == 5 and not failed):
        return {"status": "survived", "by": ""}
    return {"status": "killed", "by": failed[0] if failed else f"pytest ended with {code}"}


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
    root: Path, names: list[str], paths: list[str], seconds: float, *, tests_first: bool = False
) -> dict[str, Any]:
    """Return what killed a fault: ``contract``, ``tests``, or nothing.

    The contract is first, so that its share is known; the tests of the file are faster.
    """
    started = time.monotonic()
    checks: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        ("contract", lambda: contract(root, names)),
        ("tests", lambda: unit_tests(root, paths)),
    ]
    for stage, work in reversed(checks) if tests_first else checks:
        if stage == "contract" and not names:
            continue
        outcome = forked(work, seconds)
        if outcome["status"] != "survived":
            return {"stage": stage, **outcome, "seconds": time.monotonic() - started}
    return {"stage": "none", **outcome, "seconds": time.monotonic() - started}
