"""``eqsets discover``: which transformations are symmetries of your data."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from eqsets.cli._output import JsonCommand, echo_json
from eqsets.errors import OptionError, ShapeError

__all__ = ["command"]

EXIT_INTERRUPTED = 130


@click.command("discover", cls=JsonCommand)
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(["images", "signals", "clouds", "volumes", "vectors", "graphs"]),
    help="What the elements are; needed unless they can only be images.",
)
@click.option(
    "--family", default="auto", show_default=True, help="Which transformations to search."
)
@click.option(
    "--preset",
    type=click.Choice(["quick", "default", "paper"]),
    default="quick",
    show_default=True,
    help="How long to fit; paper takes days without a GPU.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/discover"),
    show_default=True,
    help="The folder for the page, the figures, the model and the checkpoints.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all random numbers.")
@click.option(
    "--limit", type=click.IntRange(1), help="Take so many images at most, drawn at random."
)
@click.option(
    "--axes",
    type=click.Choice(["NHW", "NCHW", "NHWC"]),
    help="Which axis of the array is which, where its shape is ambiguous.",
)
@click.option(
    "--reflections/--no-reflections",
    default=None,
    help="Search mirror images as well; default: for images if --family is auto.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Train the recommended and a plain group briefly, and say whether it pays.",
)
@click.option(
    "--sets",
    is_flag=True,
    help="The data are sets (S, N, ...), padded with NaN: does a set share its transformation?",
)
@click.option("--skip-unreadable", is_flag=True, help="Leave files out that cannot be read.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option(
    "--resume/--fresh", default=True, show_default=True, help="Resume an interrupted run."
)
@click.pass_context
def command(
    ctx: click.Context,
    data: Path,
    kind: str | None,
    family: str,
    preset: str,
    output: Path,
    seed: int,
    limit: int | None,
    axes: str | None,
    reflections: bool | None,
    verify: bool,
    sets: bool,
    skip_unreadable: bool,
    as_json: bool,
    quiet: bool,
    resume: bool,
) -> None:
    """Say which symmetries data have, and how far: a data file, or a folder of images.

    Files may be .npy, .npz (dSprites), HDF5 (GalaxyMNIST, PatchCamelyon) or idx (MNIST), gzipped or
    not.

    Fits a model, tests a claim about each transformation on held-out images, recommends the element
    group for a DSS network, and writes a page (report.html), figures (report.json) and the model.
    With --json, progress goes to stderr.

    Exit codes: 0 done, 2 usage or images that will not do, 3 a plugin is missing, 130 interrupted.
    """
    from eqsets.generative import discover  # needs the extra eqsets[generative]
    from eqsets.generative.report.terminal import print_summary
    from eqsets.optional import require

    require("PIL")  # before minutes of work, not after
    if verify and kind in ("clouds", "vectors"):
        raise OptionError(
            f"got --verify for {kind}, expected images, signals or volumes. Leave it out, and "
            "compare networks on your own task."
        )
    if sets and (verify or kind is None or skip_unreadable):
        raise OptionError(
            "got --sets with --verify or --skip-unreadable, or without --kind, expected --kind and "
            "neither of the others. Write --sets --kind images (or signals, clouds, volumes, "
            "vectors)."
        )
    console, progress = Console(highlight=False), Console(stderr=True, highlight=False)
    tell = _nothing if quiet else lambda text: progress.print(text, style="dim")
    try:
        options: dict[str, Any] = {
            "kind": kind,
            "family": family,
            "preset": preset,
            "seed": seed,
            "folder": output / "fit",
            "resume": resume,
            "quiet": quiet or as_json,
            "limit": limit,
            "axes": axes,
            "reflections": reflections,
            "tell": tell,
        }
        if sets:
            from eqsets.set_inference import discover_sets

            report = discover_sets(data, **options)
        else:
            report = discover(data, skip_unreadable=skip_unreadable, **options)
        if verify:
            from eqsets.set_inference import verified
            from eqsets.set_inference import verify as compare

            result = compare(
                report,
                data,
                kind=kind,
                limit=limit,
                axes=axes,
                skip_unreadable=skip_unreadable,
                tell=tell,
            )
            report = verified(report, result)
        page, numbers, model = report.save(output)
    except ShapeError as error:
        raise OptionError(str(error)) from error
    except OSError as error:
        raise OptionError(
            f"{output} cannot be written ({error}), expected a folder with room for a model of "
            "some megabytes. Files written before are complete: free some space, and the same "
            "command resumes."
        ) from error
    except (KeyboardInterrupt, SystemExit) as stop:
        if not _interrupted(stop):
            raise
        progress.print(f"interrupted; resume with: [bold]{_again()}[/]", soft_wrap=True)
        ctx.exit(EXIT_INTERRUPTED)
    if as_json:
        echo_json(report.to_json())
        return
    print_summary(report, console)
    written = f"\n{page}  (open it in a browser)\n{numbers}\n{model}"
    console.print(written, soft_wrap=True, markup=False)  # names of folders may hold brackets


def _nothing(text: str) -> None:
    """Tell nothing."""


def _interrupted(stop: BaseException) -> bool:
    """Whether Ctrl-C is behind it: Lightning closes its loops and then exits."""
    return isinstance(stop, KeyboardInterrupt) or isinstance(stop.__context__, KeyboardInterrupt)


def _again() -> str:
    """Return the command that resumes: the same, without ``--fresh``."""
    return "eqsets " + shlex.join(word for word in sys.argv[1:] if word != "--fresh")
