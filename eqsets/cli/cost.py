"""``eqsets cost``: parameters, multiply-adds and memory of a saved network, by set size."""

from __future__ import annotations

import json
from pathlib import Path

import click

from eqsets.audit.cost import cost
from eqsets.cli._output import JsonCommand, echo_json, numbers
from eqsets.description import load

__all__ = ["command"]


@click.command("cost", cls=JsonCommand)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--sizes", default="1,2,4,8,16,32", show_default=True, metavar="N,N,...", help="Set sizes."
)
@click.option(
    "--element", metavar="N,N,...", help="Sizes of the open axes of an element, such as 64,64."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(file: Path, sizes: str, element: str | None, as_json: bool) -> None:
    """Count what a network costs that eqsets.save has written to FILE."""
    report = cost(
        load(file),
        sizes=numbers("--sizes", sizes),
        element_sizes=None if element is None else numbers("--element", element),
    )
    if as_json:
        echo_json(json.dumps(report.to_dict(), indent=2))
    else:
        click.echo(str(report))
