"""``eqsets plugins``: which names there are, where they come from, and what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eqsets.cli._output import JsonCommand, echo_json
from eqsets.errors import PluginError
from eqsets.registry import PluginRecord, Registry, default_registry
from eqsets.registry._references import describe

__all__ = ["command"]

_STYLES = {"ok": "green", "disabled": "dim"}
_WIDTH = 160  # where the output is no terminal: wide enough not to break a name


@click.command("plugins", cls=JsonCommand)
@click.option("--json", "as_json", is_flag=True, help="Print the records as a JSON list.")
@click.option("--load", is_flag=True, help="Import what stands behind every name as well (slow).")
@click.pass_obj
def command(registry: Registry | None, as_json: bool, load: bool) -> None:
    """List what the installed plugins provide, and what is wrong with them.

    Listing imports nothing heavy: a name that is "ok" was found, and what stands behind it is
    imported when it is first used, or now with --load.
    """
    registry = registry or default_registry()
    records = registry.plugins()
    if load:
        records = [_loaded(record, registry) for record in records]
    if as_json:
        echo_json(json.dumps([record.to_dict() for record in records], indent=2))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(_table(records))
    for record in records:
        if record.status != "ok":
            click.echo(f"\n{record.kind} {record.name!r} of {record.owner} is {record.status}")
            click.echo(f"  cause: {record.error}")
            click.echo(f"  fix:   {record.hint}")


def _loaded(record: PluginRecord, registry: Registry) -> PluginRecord:
    """Return the record of a name as it is once what stands behind it was imported."""
    if record.status != "ok":
        return record
    try:
        registry.load(record.kind, record.name)
    except PluginError as error:
        cause = error.__cause__ or error
        return replace(record, status="broken", error=describe(cause), cause=cause)
    return record


def _table(records: list[PluginRecord]) -> Table:
    """Return one row for each record."""
    table = Table(title="Plugins of eqsets", title_justify="left")
    for heading in ("name", "kind", "distribution", "version", "state"):
        table.add_column(heading, overflow="fold")
    for record in records:
        cells = (record.name, record.kind, record.distribution, record.version)
        state = Text(record.status, style=_STYLES.get(record.status, "bold red"))
        table.add_row(*map(Text, cells), state)
    return table
