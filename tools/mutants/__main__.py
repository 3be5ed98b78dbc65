"""``python -m tools.mutants``: plant faults one by one in a copy, and report what catches them.

    make mutants ARGS="--planted"                 all faults of planted.toml
    make mutants ARGS="eqsets --count 60 --seed 1"  a sample by cosmic-ray's operators
    make mutants ARGS="eqsets --lines"              the same, first the tests that run the line
    make mutants ARGS="--report"                  only write the report again

Results are stored in tools/mutants/results.jsonl, so that an interrupted run resumes; remove the
file to try everything again. The report is build/mutants/report.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.mutants.faults import Fault, generic, planted
from tools.mutants.line_map import LineMap, measure
from tools.mutants.report import summary
from tools.mutants.scope import files, subjects, tests
from tools.mutants.trial import clean, enter, forked, preload, stages

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "tools" / "mutants" / "results.jsonl"
MAP = ROOT / "build" / "mutants"
REPORT = ROOT / "build" / "mutants" / "report.md"
LABELS = ("id", "name", "path", "line", "before", "after")


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="*", help="folders or files to plant faults in")
    parser.add_argument("--planted", action="store_true", help="the faults of planted.toml")
    parser.add_argument("--count", type=int, default=60, help="how many faults by operators")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--seconds", type=float, default=240, help="limit of one stage")
    parser.add_argument("--without", nargs="*", default=[], help="paths that are left out")
    parser.add_argument(
        "--lines", action="store_true", help="first the tests that execute the line (coverage)"
    )
    parser.add_argument("--report", action="store_true", help="only write the report")
    parser.add_argument("--again", action="store_true", help="try the survivors once more")
    return parser.parse_args()


def known() -> dict[str, dict[str, Any]]:
    """Return the results so far, the last one of each fault."""
    if not RESULTS.exists():
        return {}
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    return {row["id"]: row for row in rows}


def copy_repository(target: Path) -> None:
    """Copy the tracked files, and compile them so that only the mutated one is compiled again."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for name in listed:
        if name.startswith(("eqsets", "plugins", "tests", "examples", "conftest.py", "pyproject")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, target / name)
    compiled = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash"]
    subprocess.run([*compiled, str(target)], check=True)


def attempt(
    fault: Fault, copy: Path, given: argparse.Namespace, lines: LineMap | None
) -> dict[str, Any]:
    """Plant a fault in the copy, try it, and take it out again."""
    path, names = copy / fault.path, subjects(fault.path)
    original = path.read_text()
    path.write_text(fault.source)
    checked = tests(ROOT, fault.path)
    ordered = lines.tests(fault.path, original, fault.line, checked) if lines else None
    try:
        outcome = stages(copy, names, checked, given.seconds, ordered, fault.law)
    finally:
        path.write_text(original)
    facts = {key: getattr(fault, key) for key in LABELS}
    return {**facts, "subjects": names, **outcome, "seconds": round(outcome["seconds"], 1)}


def line_map(copy: Path) -> LineMap:
    """Return the map of lines and tests, measured in the copy where it is not stored."""
    if not (MAP / "tests.json").exists():
        print("which test executes which line is measured, once:", flush=True)
        print(forked(lambda: enter_and_measure(copy), 7200), flush=True)
    return LineMap.read(MAP)


def enter_and_measure(copy: Path) -> dict[str, Any]:
    """Measure the map in the copy."""
    enter(copy)
    return measure(copy, MAP)


def requested(given: argparse.Namespace) -> list[Fault]:
    """Return the faults of the command line."""
    faults = list(planted(ROOT)) if given.planted else []
    if given.paths:
        chosen = files(ROOT, given.paths)
        chosen = [path for path in chosen if not path.startswith(tuple(given.without))]
        faults += generic(ROOT, chosen, given.count, given.seed)
    return faults


def main() -> None:
    """Run, resume, or report a run."""
    given, done, passing = arguments(), known(), set[str]()
    faults = requested(given)
    survivors = {key for key, row in done.items() if row["stage"] == "none"}
    waiting = [one for one in faults if one.id not in done or (given.again and one.id in survivors)]
    if waiting and not given.report:
        with tempfile.TemporaryDirectory() as folder:
            copy_repository(Path(folder))
            preload()
            lines = line_map(Path(folder)) if given.lines else None
            for number, fault in enumerate(waiting, 1):
                row = attempt(fault, Path(folder), given, lines)
                what = f"{row['stage']} {row['by']} {tests(ROOT, fault.path)}"
                known_to_pass = what in passing or (lines and row["by"] in lines.seconds)
                if not known_to_pass and not clean(
                    Path(folder), row, tests(ROOT, fault.path), given.seconds
                ):
                    sys.exit(f"{row['by']} fails without any fault: correct it, then run again")
                passing.add(what)
                with RESULTS.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(
                    f"{number}/{len(waiting)} {row['stage']:<8} {row['seconds']:5.0f} s "
                    f"{fault.path}:{fault.line} {fault.name}  {row['by']}",
                    flush=True,
                )
    ids = {fault.id for fault in faults}
    rows = [row for key, row in known().items() if not ids or key in ids]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(summary(rows))
    print(summary(rows))


if __name__ == "__main__":
    main()
