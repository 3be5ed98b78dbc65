"""Check the contract of every installed element group with the quick profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

import eqsets
from eqsets.errors import EqsetsError
from eqsets_demo.needs import require

__all__ = ["check_contract", "show_plugins"]


def show_plugins(console: Console) -> None:
    """Print a table of the installed plugins, and the errors of those that failed to import."""
    table = Table(
        "distribution", "version", "kind", "names", box=None, padding=(0, 2), pad_edge=True
    )
    lines: dict[tuple[str, ...], list[str]] = {}
    broken = []
    for record in eqsets.plugins():
        if record.status == "ok":
            key: tuple[str, ...] = (record.distribution, record.version, record.kind)
            lines.setdefault(key, []).append(record.name)
        else:
            broken.append(record)
    for key, names in lines.items():
        if key[2] != "contract spec":
            table.add_row(*map(Text, key), Text(", ".join(names)))
    console.print(table)
    for record in broken:
        where = f"{record.kind} {record.name!r} of {record.owner}"
        console.print(f"  {where} is {record.status}: {record.error} {record.hint}", markup=False)


def check_contract(console: Console) -> Iterator[dict[str, Any]]:
    """Check each element group, print one line for it, and yield the result."""
    check = require("eqsets.testing").check
    for record in eqsets.plugins():
        if record.kind != "element group" or record.status != "ok":
            continue
        with console.status(f"  {record.name} ..."):
            try:
                report = check(record.name, profile="quick")
            except EqsetsError as error:
                result = {"name": record.name, "ok": False, "summary": str(error)}
            else:
                result = {"name": record.name, "ok": report.ok, "summary": report.summary()}
        sign = "[green]✓[/]" if result["ok"] else "[bold red]✗[/]"
        console.print(Text.from_markup(f"  {sign} ").append(str(result["summary"])), soft_wrap=True)
        yield result
