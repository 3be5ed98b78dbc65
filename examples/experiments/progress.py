"""Progress of a campaign: progress bars in a terminal, a line per finished training elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Board", "show_progress"]

Report: TypeAlias = Callable[[int, float], None]


class Board(Protocol):
    """Displays the progress of trainings."""

    def start(self, title: str, length: int) -> Report:
        """Add a training of a number of steps or seconds; return its callback ``(done, loss)``."""

    def finish(self, title: str, result: str) -> None:
        """Report a finished training."""


class _Lines:
    def __init__(self, console: Console, jobs: int, done: int) -> None:
        self.console, self.jobs, self.done = console, jobs, done
        self.lock = threading.Lock()

    def start(self, title: str, length: int) -> Report:
        return lambda done, loss: None

    def finish(self, title: str, result: str) -> None:
        with self.lock:
            self.done += 1
            line = f"  {self.done:>3}/{self.jobs} {title:<52} {result}"
            self.console.print(line, highlight=False, soft_wrap=True)


class _Bars:
    def __init__(self, progress: Progress, jobs: int, done: int) -> None:
        self.progress = progress
        self.all = progress.add_task("trainings", total=jobs, completed=done, loss="")
        self.tasks: dict[str, int] = {}

    def start(self, title: str, length: int) -> Report:
        task = self.progress.add_task(title, total=length, loss="")
        self.tasks[title] = task

        def report(done: int, loss: float) -> None:
            self.progress.update(task, completed=done, loss=f"loss {loss:.3f}")

        return report

    def finish(self, title: str, result: str) -> None:
        self.progress.remove_task(self.tasks.pop(title))  # type: ignore[arg-type]
        self.progress.advance(self.all)
        self.progress.console.print(f"  {title:<52} {result}", highlight=False)


@contextmanager
def show_progress(console: Console, jobs: int, done: int) -> Iterator[Board]:
    """Yield the display of a campaign of ``jobs`` trainings, of which ``done`` are finished."""
    if not console.is_terminal:
        yield _Lines(console, jobs, done)
        return
    columns = (
        TextColumn("  {task.description:<48}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.fields[loss]}"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bars(progress, jobs, done)
