"""A line in the terminal that says how far a stage of a fit is."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch import Tensor

from eqsets.training.callbacks import Callback

__all__ = ["StageProgress"]


class StageProgress(Callback):
    """Show steps, the time that is left at most, and the best number of held-out data.

    Arguments:
        stage: name of the stage.
        steps: of it, at most: it may stop early.
        monitor: name of the number that is shown.
    """

    name = "progress"

    def __init__(self, stage: str, steps: int, monitor: str) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeElapsedColumn(),
            TextColumn("·"),
            TimeRemainingColumn(),
            TextColumn("left at most{task.fields[best]}"),
        )
        self.monitor, self.best = monitor, inf
        self.task = self.bar.add_task(stage, total=steps, best="")

    def on_step(self, step: int, terms: Mapping[str, Tensor]) -> None:
        self.bar.start()  # does nothing once it is shown
        self.bar.update(self.task, completed=step)

    def on_check(self, step: int, numbers: Mapping[str, float]) -> None:
        self.best = min(self.best, numbers[self.monitor])
        self.bar.update(self.task, best=f" · held out {self.best:.4g}")

    def on_end(self) -> None:
        self.bar.stop()
