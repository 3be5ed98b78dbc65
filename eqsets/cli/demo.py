"""``eqsets demo``: restore bursts of real photos."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from eqsets.cli._output import JsonCommand, echo_json

__all__ = ["command"]


@click.command("demo", cls=JsonCommand)
@click.option("--quick", is_flag=True, help="A smoke test of a few seconds.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/demo"),
    show_default=True,
    help="The folder for the figure and the results.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def command(quick: bool, output: Path, as_json: bool) -> None:
    """Restore bursts of real photos with a DSS network, and compare it with two baselines.

    Lists the plugins, checks their contract (quick profile), trains on some photos and tests on
    others, prints a table and writes a figure. With --json, progress is printed to stderr.
    """
    from eqsets_demo import run_demo  # needs the extra eqsets[demo]

    report = run_demo(output, quick=quick, console=Console(stderr=as_json))
    if as_json:
        echo_json(json.dumps(report.to_dict(), indent=2))
