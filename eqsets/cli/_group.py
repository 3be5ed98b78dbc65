"""The click group: subcommands imported when they are asked for, errors turned into exit codes.

Exit codes: 0 all as expected, 1 a law failed, 2 usage (also: an optional dependency is missing),
3 a plugin or subject was not found or cannot be loaded, 5 nothing was checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any

import click

from eqsets.errors import EqsetsError, OptionError

__all__ = ["EXIT_LAW", "EXIT_NOTHING", "EXIT_PLUGIN", "main"]

EXIT_LAW = 1
EXIT_PLUGIN = 3
EXIT_NOTHING = 5

_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "check": "Hold a symmetry to the laws of its contract.",
        "cost": "Count parameters, multiply-adds and memory of a saved network, by set size.",
        "export": "Write a saved network as ONNX, or as a package of torch.export or AOTInductor.",
        "demo": "Restore bursts of real photos: the main job of eqsets, in minutes.",
        "new-plugin": "Start a plugin: a folder that installs, works and passes its own tests.",
        "discover": "Say which transformations are symmetries of images, and how far.",
        "plugins": "List what the installed plugins provide, and what is wrong with them.",
    }
)
_EXTRAS: Mapping[str, str] = MappingProxyType(
    {"hypothesis": "testing", "matplotlib": "demo", "skimage": "demo"}
)


class PluginFailure(click.ClickException):
    """A plugin, name or subject that was not found or cannot be loaded: exit code 3."""

    exit_code = EXIT_PLUGIN


class LazyGroup(click.Group):
    """A group that imports a subcommand only to run it; the help of the group needs none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one subcommand."""
        if cmd_name not in _COMMANDS:
            return None
        module = cmd_name.replace("-", "_")
        command: click.Command = import_module(f"eqsets.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand and turn what it raises for the user into messages and exit codes."""
        try:
            return super().invoke(ctx)
        except OptionError as error:
            raise click.UsageError(str(error)) from error
        except EqsetsError as error:
            raise PluginFailure(str(error)) from error
        except ModuleNotFoundError as error:
            extra = _EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            raise click.UsageError(
                f"this command needs {error.name!r}, which is not installed. "
                f'Run: pip install "eqsets[{extra}]"'
            ) from error


def _version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("eqsets")
    except PackageNotFoundError:
        return "(source tree)"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="eqsets")
def main() -> None:
    """Learn on sets whose elements have symmetries of their own."""
