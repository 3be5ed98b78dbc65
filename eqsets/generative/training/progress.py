"""A line in the terminal that says how far a stage of a fit is."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["StageProgress"]


class StageProgress(pl.Callback):
    """Show steps, the time that is left at most, and the best number of held-out images.

    Arguments:
        name: of the stage.
        steps: of it, at most: it may stop early.
        monitor: name of the number that is watched.
    """

    def __init__(self, name: str, steps: int, monitor: str) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeElapsedColumn(),
            TextColumn("·"),
            TimeRemainingColumn(),
            TextColumn("left at most{task.fields[found]}"),
        )
        self.monitor, self.best = monitor, float("inf")
        self.task = self.bar.add_task(name, total=steps, found="")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self.bar.start()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.bar.update(self.task, completed=trainer.global_step)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        found = trainer.callback_metrics.get(self.monitor)
        if found is not None:
            self.best = min(self.best, float(found))
            self.bar.update(self.task, found=f" · held out {self.best:.4g}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.bar.stop()

    def on_exception(self, *_: Any) -> None:
        self.bar.stop()
