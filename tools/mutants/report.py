"""The report of a run: how many faults were caught, by what, and each that survived."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

__all__ = ["summary"]

_EQUIVALENT = Path(__file__).parent / "equivalent.toml"


def equivalents() -> list[dict[str, str]]:
    """Return the faults that change nothing a user sees, with reasons."""
    known = tomllib.loads(_EQUIVALENT.read_text()).get("equivalent", [])
    return [{key: str(value) for key, value in entry.items()} for entry in known]


def reason(row: dict[str, Any]) -> str:
    """Return why a survivor is equivalent, or nothing."""
    for entry in equivalents():
        if all(entry[key] == row[key] for key in ("path", "before", "after")):
            return entry["reason"]
    return ""


def summary(rows: list[dict[str, Any]]) -> str:
    """Return the report as markdown."""
    scope = [row for row in rows if row["subjects"]]
    real = [row for row in rows if row["stage"] != "none" or not reason(row)]
    real_scope = [row for row in real if row["subjects"]]
    by_contract = sum(row["stage"] == "contract" for row in real_scope)
    caught = sum(row["stage"] != "none" for row in real)
    lines = [
        "# Mutants",
        "",
        f"{len(rows)} faults, {len(scope)} of them in the scope of `eqsets check`; "
        f"{len(rows) - len(real)} equivalent.",
        "",
        "| faults | number | caught | share |",
        "|---|---|---|---|",
        _line("in scope, by `eqsets check --profile quick` alone", len(real_scope), by_contract),
        _line("all, by the contract and the unit tests of the file", len(real), caught),
        "",
        "## Survivors",
        "",
    ]
    for row in rows:
        if row["stage"] == "none":
            why = reason(row)
            lines += [
                f"- `{row['path']}:{row['line']}` {row['name']}"
                + (f" (equivalent: {why})" * bool(why)),
                f"  - `{_short(row['before'])}`",
                f"  - `{_short(row['after'])}`",
            ]
    tests = [row for row in scope if row["stage"] == "tests"]
    lines += ["", "## In scope, caught by tests only", ""]
    lines += [f"- `{row['path']}:{row['line']}` {row['name']}: {row['by']}" for row in tests]
    return "\n".join(lines) + "\n"


def _line(what: str, number: int, caught: int) -> str:
    return f"| {what} | {number} | {caught} | {caught / number if number else 1:.0%} |"


def _short(text: str) -> str:
    return " ".join(text.split())[:160]
