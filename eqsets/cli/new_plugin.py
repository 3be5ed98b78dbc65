"""``eqsets new-plugin``: the first folder of a third-party plugin."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from eqsets.cli._output import JsonCommand, echo_json
from eqsets.cli._scaffold import Names, check_free, files, write
from eqsets.errors import OptionError
from eqsets.registry import Registry, default_registry

__all__ = ["command"]


@click.command("new-plugin", cls=JsonCommand)
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to make the folder eqsets-NAME; here unless given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was created as JSON.")
@click.pass_obj
def command(registry: Registry | None, name: str, directory: Path, as_json: bool) -> None:
    """Start a plugin: make a folder eqsets-NAME that installs, works and passes its own tests.

    NAME is what users will write in eqsets.element_group("NAME"). The symmetry in the folder is an
    example, to be replaced by yours. A folder that exists is never written to.
    """
    try:
        names = Names.of(name)
        check_free(names, (registry or default_registry()).plugins())
        folder, texts = directory / names.distribution, files(names)
        write(folder, texts)
    except OptionError as error:
        if as_json:
            echo_json(json.dumps({"name": name, "ok": False, "error": str(error)}, indent=2))
        raise
    following = [
        f"cd {shlex.quote(str(folder))}",
        'pip install -e ".[test]"',
        "pytest --eqsets-profile quick",
    ]
    if as_json:
        created = {
            "name": names.name,
            "ok": True,
            "distribution": names.distribution,
            "package": names.package,
            "directory": str(folder.resolve()),
            "files": sorted(texts),
            "next": following,
        }
        echo_json(json.dumps(created, indent=2))
        return
    click.echo(f"created {folder}:")
    for path in sorted(texts):
        click.echo(f"  {path}")
    click.echo("\nnext:")
    for line in following:
        click.echo(f"  {line}")
    click.echo(f"\nthen put the moves of your data into src/{names.package}/symmetry.py")
