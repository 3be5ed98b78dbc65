"""``eqsets export``: write a saved network for another runtime."""

from __future__ import annotations

import json
from pathlib import Path

import click
import torch

from eqsets.cli._output import JsonCommand, echo_json, numbers
from eqsets.description import load
from eqsets.export import LAYOUTS, TARGETS, export

__all__ = ["command"]


@click.command("export", cls=JsonCommand)
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", type=click.Choice(list(TARGETS)), default="onnx", show_default=True)
@click.option("--layout", type=click.Choice(LAYOUTS), default="dense", show_default=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; MODEL with the suffix of the target unless given.",
)
@click.option(
    "--element", metavar="N,N,...", help="Sizes of the open axes of an element, such as 64,64."
)
@click.option(
    "--structure",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of torch.save with an example of the side information, such as edges (2, M).",
)
@click.option("--no-verify", is_flag=True, help="Do not run the file and compare.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    model: Path,
    target: str,
    layout: str,
    out: Path | None,
    element: str | None,
    structure: Path | None,
    no_verify: bool,
    as_json: bool,
) -> None:
    """Write the network that eqsets.save has written to MODEL for another runtime."""
    report = export(
        load(model),
        out or model.with_name(f"{model.stem}-{target}{TARGETS[target].suffix}"),
        target=target,
        layout=layout,
        element_sizes=None if element is None else numbers("--element", element),
        structure=None if structure is None else torch.load(structure, weights_only=True),
        verify=not no_verify,
    )
    if as_json:
        echo_json(json.dumps(report.to_dict(), indent=2))
    else:
        click.echo(str(report))
