"""``eqsets demo``: the main job of eqsets on real photos."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

__all__ = ["command"]


@click.command("demo")
@click.option("--quick", is_flag=True, help="A short run that only shows that everything works.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/demo"),
    show_default=True,
    help="The folder for the picture and the figures.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(quick: bool, output: Path, as_json: bool) -> None:
    """Restore bursts of real photos with a DSS network, and compare it with its rivals.

    Lists the plugins, holds them to their contract (quick profile), trains on some photos and tests
    on others, prints a table and writes a picture. With --json, progress goes to stderr.
    """
    from eqsets.demo import run_demo  # needs the extra eqsets[demo]

    report = run_demo(output, quick=quick, console=Console(stderr=as_json))
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
