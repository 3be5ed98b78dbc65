"""Which quick tests execute which line: measured once by coverage, then asked for each fault.

The map is stored in build/mutants (``lines.coverage`` and ``tests.json``); remove the folder to
measure it again. A test that fails while it is measured is not used.
"""

from __future__ import annotations

import ast
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["LineMap", "measure"]

# hypothesis is imported before pytest is configured, which pytest warns of
_ASSERTS = "ignore::pytest.PytestAssertRewriteWarning"
OPTIONS = ("-p", "no:cacheprovider", "-p", "no:xdist", "-W", _ASSERTS)
QUICK = "not laws and not is_imported"
_MEASURED = ("tests", "plugins", "eqsets")
_LEFT_OUT = (
    *("tests/cli", "tests/demo", "tests/examples", "tests/registry", "tests/testing"),
    *(f"tests/test_{name}.py" for name in ("benchmarks", "examples", "mutants", "pages")),
    *(f"tests/test_{name}.py" for name in ("project", "scaffold", "site", "words")),
    *("eqsets/cli", "eqsets/testing", "eqsets/registry"),
)


def measure(root: Path, folder: Path) -> dict[str, Any]:
    """Run the quick tests of the copy at ``root`` under coverage; write the map into ``folder``."""
    import coverage
    import pytest

    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "lines.coverage"
    data.unlink(missing_ok=True)
    cover = coverage.Coverage(
        data_file=str(data), source=[str(root / "eqsets"), str(root / "plugins")], config_file=False
    )
    seconds: dict[str, float] = {}
    failed: set[str] = set()

    class Contexts:
        def pytest_runtest_setup(self, item: Any) -> None:
            cover.switch_context(item.nodeid)
            seconds[item.nodeid] = -time.process_time()

        def pytest_runtest_teardown(self, item: Any) -> None:
            seconds[item.nodeid] += time.process_time()
            cover.switch_context("")

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                failed.add(report.nodeid)

        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed:
                failed.add(report.nodeid)

    options = ["-q", "--no-header", *OPTIONS, "-m", "not slow"]
    options.append("--continue-on-collection-errors")
    left = [f"--ignore={name}" for name in _LEFT_OUT]
    cover.start()
    pytest.main([*options, *left, "-k", QUICK, *_MEASURED], [Contexts()])
    cover.stop()
    cover.save()
    passed = {name: round(value, 3) for name, value in seconds.items() if name not in failed}
    (folder / "tests.json").write_text(json.dumps({"passed": passed, "failed": sorted(failed)}))
    return {"status": "measured", "by": f"{len(passed)} tests pass, {len(failed)} fail"}


@dataclass
class LineMap:
    """The map that :func:`measure` wrote for the copy at ``root``.

    Attributes:
        root: the path that the copy had when it was measured.
        data: the data of coverage.
        seconds: CPU time of each test.
    """

    root: str
    data: Any
    seconds: dict[str, float]

    @classmethod
    def read(cls, folder: Path) -> LineMap:
        """Return the map in ``folder``."""
        from coverage import CoverageData

        data = CoverageData(str(folder / "lines.coverage"))
        data.read()
        one = next(name for name in data.measured_files() if name.endswith("/eqsets/dss.py"))
        known = json.loads((folder / "tests.json").read_text())
        return cls(one.removesuffix("/eqsets/dss.py"), data, known["passed"])

    def tests(self, path: str, source: str, line: int, own: list[str]) -> list[str]:
        """Return the tests that execute the statement at a line, the likeliest and fastest first.

        Args:
            path: of the file, in the repository.
            source: the file without the fault.
            line: where the fault is.
            own: the test files of the file; their tests are first. Where no test executes the
                statement (it is executed at import), these are all that are returned.
        """
        lines, header = statement(source, line)
        by_line = self.data.contexts_by_lineno(f"{self.root}/{path}")
        chosen = {name for number in lines for name in by_line.get(number, [])}
        if header or not chosen & self.seconds.keys():  # executed at import
            chosen = {name for names in by_line.values() for name in names}
        chosen &= self.seconds.keys()

        def order(name: str) -> tuple[int, float]:
            nearest = next((i for i, one in enumerate(own) if name.startswith(one)), len(own))
            return (nearest if self.seconds[name] < 2 else len(own) + 1), self.seconds[name]

        return sorted(chosen, key=order)


def statement(source: str, line: int) -> tuple[range, bool]:
    """Return the lines of the statement at a line, and whether it is a header of a definition."""
    best: tuple[range, bool] = (range(line, line + 1), False)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.stmt) or node.end_lineno is None:
            continue
        body = getattr(node, "body", None)
        end = body[0].lineno - 1 if isinstance(body, list) else node.end_lineno
        end = max(end, node.lineno)
        if node.lineno <= line <= end and len(range(node.lineno, end + 1)) >= len(best[0]):
            named = ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
            best = range(node.lineno, end + 1), isinstance(node, named)
    return best
