"""Training progress: a progress bar for each model in a terminal, single lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

__all__ = ["training_progress"]

_LINES = 4  # printed for each model outside of a terminal

_Report: TypeAlias = Callable[[int, float], None]


@contextmanager
def training_progress(
    console: Console, titles: Sequence[str], steps: int, done: Sequence[int]
) -> Iterator[list[_Report]]:
    """Yield for each model a ``report(steps done, gain in dB)`` that shows its progress."""
    if not console.is_terminal:
        yield [_lines(console, *model, steps) for model in zip(titles, done, strict=True)]
        return
    columns = (
        TextColumn("  {task.description:<17}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.fields[gain]:+.1f} dB over the mean"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as progress:
        tasks = [
            progress.add_task(title, total=steps, completed=completed, gain=0.0)
            for title, completed in zip(titles, done, strict=True)
        ]
        yield [_bar(progress, task) for task in tasks]


def _bar(progress: Progress, task: TaskID) -> _Report:
    def report(step: int, gain: float) -> None:
        progress.update(task, completed=step, gain=gain)

    return report


def _lines(console: Console, title: str, done: int, steps: int) -> _Report:
    began, shown = time.perf_counter(), _LINES * done // steps

    def report(step: int, gain: float) -> None:
        nonlocal shown
        if _LINES * step // steps <= shown:
            return
        shown = _LINES * step // steps
        seconds = time.perf_counter() - began
        console.print(
            f"  {title:<17} {step:>5}/{steps} steps, {gain:+.1f} dB over the mean, {seconds:.0f} s",
            highlight=False,
            soft_wrap=True,
        )

    return report
