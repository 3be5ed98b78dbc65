"""``eqsets check``: hold a symmetry to the laws of its contract, from a shell or in CI."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from eqsets.cli._group import EXIT_LAW, EXIT_NOTHING
from eqsets.cli._output import JsonCommand, echo_json
from eqsets.cli._subject import spec_of
from eqsets.errors import EqsetsError

__all__ = ["command"]


def _expected(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """Turn ``ID=reason`` into a dictionary."""
    pairs = [value.partition("=") for value in values]
    for value, (check_id, _, reason) in zip(values, pairs, strict=True):
        if not check_id.strip() or not reason.strip():
            raise click.BadParameter(f"{value!r} is not of the form ID=reason.")
    return {check_id.strip(): reason.strip() for check_id, _, reason in pairs}


@click.command("check", cls=JsonCommand)
@click.argument("subject", metavar="NAME|module:attr")
@click.option(
    "--profile",
    type=click.Choice(["quick", "default", "nightly"]),
    default="default",
    show_default=True,
    help="How many examples each law is tried on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--only", multiple=True, metavar="ID", help="Check this law only; repeatable.")
@click.option(
    "--xfail",
    "expected_failures",
    multiple=True,
    metavar="ID=REASON",
    callback=_expected,
    help="A law that is known to fail, and why; repeatable.",
)
@click.option("--seed", type=int, help="Draw the examples from this seed.")
@click.pass_context
def command(
    ctx: click.Context,
    subject: str,
    profile: str,
    as_json: bool,
    only: tuple[str, ...],
    expected_failures: dict[str, str],
    seed: int | None,
) -> None:
    """Hold a symmetry, by name or as an object of yours, to the laws of its contract.

    Exit codes: 0 all as expected, 1 a law failed, 2 usage, 3 the plugin or object was not found or
    cannot be loaded, 5 nothing was checked.
    """
    from eqsets.testing import check  # needs the extra eqsets[testing]

    options: dict[str, Any] = {"only": only} if only else {}
    options |= {} if seed is None else {"seed": seed}
    try:
        spec = spec_of(subject)
        with Console(stderr=True).status(f"holding {escape(subject)} to its contract"):
            report = check(spec, profile=profile, expected_failures=expected_failures, **options)
    except EqsetsError as error:
        if as_json:
            echo_json(json.dumps({"subject": subject, "ok": False, "error": str(error)}, indent=2))
        raise
    if as_json:
        echo_json(json.dumps(report.to_dict(), indent=2))
    else:
        click.echo(str(report))
    if all(result.status == "skipped" for result in report.results):
        click.echo("nothing was checked: no law applies, or all that do were skipped", err=True)
        ctx.exit(EXIT_NOTHING)
    ctx.exit(0 if report.ok else EXIT_LAW)
