"""Show how training goes: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["training_progress"]

_LINES = 4  # for each model, where there is no terminal


@contextmanager
def training_progress(
    console: Console, title: str, steps: int, done: int
) -> Iterator[Callable[[int, float], None]]:
    """Yield ``report(steps done, gain in dB)``, which shows the progress of one model."""
    if not console.is_terminal:
        yield _Lines(console, title, steps, done)
        return
    columns = (
        TextColumn("  {task.description:<18}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.fields[gain]:+.1f} dB over the mean frame"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=steps, completed=done, gain=0.0)

        def report(step: int, gain: float) -> None:
            progress.update(task, completed=step, gain=gain)

        yield report


class _Lines:
    def __init__(self, console: Console, title: str, steps: int, done: int) -> None:
        self._console, self._title, self._steps = console, title, steps
        self._began, self._shown = time.perf_counter(), _LINES * done // steps

    def __call__(self, step: int, gain: float) -> None:
        part = _LINES * step // self._steps
        if part <= self._shown:
            return
        self._shown = part
        seconds = time.perf_counter() - self._began
        self._console.print(
            f"  {self._title:<18} {step:>5}/{self._steps} steps, {gain:+.1f} dB over the mean "
            f"frame, {seconds:.0f} s",
            highlight=False,
            soft_wrap=True,
        )
