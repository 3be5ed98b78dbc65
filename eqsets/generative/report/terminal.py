"""The report for a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from eqsets.generative.analysis.units import brief, number
from eqsets.generative.report.data import ReportData
from eqsets.optional import require

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_summary", "summary_of"]

_STYLES = {
    "full": "bold green",
    "discrete": "bold green",
    "partial": "yellow",
    "absent": "dim",
    "unresolved": "magenta",
}


def summary_of(report: ReportData, width: int = 100) -> str:
    """Return the summary as plain text, without colours.

    Raises:
        OptionError: rich is not installed.
    """
    require("rich")
    from rich.console import Console

    file = io.StringIO()
    plain = Console(file=file, width=width, highlight=False, color_system=None)
    print_summary(report, plain)
    return file.getvalue()


def print_summary(report: ReportData, console: Console) -> None:
    """Print claims, cautions and the recommendation."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    if report.answer:
        console.print(Text(f"{report.answer[:1].upper()}{report.answer[1:]}\n", style="bold"))
    facts = report.facts
    noun = report.images.domain.noun
    title = f"Symmetries of {facts['data']}: {facts['images']:,} {noun}, {facts['family']}"
    # names of files may hold brackets, which are markup in a string
    table = Table(title=Text(title, style="table.title"), title_justify="left")
    for head in ("", "verdict", "95 % of the extent", "nats below uniform"):
        table.add_column(head)
    for claim in report.claims:
        discrete = claim.discrete if claim.verdict == "discrete" else None
        ends = claim.interval if discrete is None else discrete.within_interval
        low, high = (brief(end, claim.unit) for end in ends)
        table.add_row(
            Text(claim.name.replace("_", " ")),
            Text(claim.sentence.partition(": ")[2], style=_STYLES[claim.verdict]),
            Text(f"±{low} to ±{high}" if claim.verdict in ("partial", "discrete") else ""),
            Text(number(claim.below_uniform)),
        )
    console.print(table)
    for text in report.cautions:
        console.print(Text("! ", style="yellow").append(text, style="default"))
    console.print("\nUse this element group:")
    console.print(Padding(Text(report.recommendation.code), (0, 0, 1, 2)))
    for reason in report.recommendation.reasons:
        console.print(Text(f"- {reason}"))
