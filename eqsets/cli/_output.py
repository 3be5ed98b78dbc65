"""Standard output for JSON alone: whatever else is printed while a command runs goes to stderr.

Plugins print when they are imported, and libraries below them print from C. A program that reads
the JSON must not see that, so the file descriptor of stdout is pointed at stderr and the JSON is
written to a copy of the original.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

import click

__all__ = ["JsonCommand", "echo_json", "numbers"]

_STDOUT = "eqsets.cli.stdout"


class JsonCommand(click.Command):
    """A command with the option ``as_json``, which reserves standard output for the JSON."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; with ``--json``, only :func:`echo_json` writes to stdout."""
        if not ctx.params["as_json"]:
            return super().invoke(ctx)
        with _reserved_stdout() as stdout:
            ctx.meta[_STDOUT] = stdout
            return super().invoke(ctx)


def echo_json(text: str) -> None:
    """Write ``text`` to the standard output of the current command."""
    click.echo(text, file=click.get_current_context().meta.get(_STDOUT))


@contextmanager
def _reserved_stdout() -> Iterator[TextIO]:
    """Send what is written to stdout to stderr, and yield the original stdout."""
    original = sys.stdout
    original.flush()
    if not _is_descriptor(original, 1) or not _is_descriptor(sys.stderr, 2):  # replaced by a caller
        with redirect_stdout(sys.stderr):
            yield original
        return
    with os.fdopen(os.dup(1), "w", encoding=original.encoding) as copy:
        os.dup2(2, 1)  # for the rest of the process: C code and exit handlers may write later
        with redirect_stdout(sys.stderr):
            yield copy


def _is_descriptor(stream: TextIO, number: int) -> bool:
    try:
        return stream.fileno() == number
    except (AttributeError, OSError, ValueError):
        return False


def numbers(option: str, text: str) -> tuple[int, ...]:
    """Read whole numbers with commas.

    Raises:
        click.UsageError: they are not.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise click.UsageError(
            f"{option} got {text!r}, expected whole numbers with commas, such as 1,8,32."
        ) from error
