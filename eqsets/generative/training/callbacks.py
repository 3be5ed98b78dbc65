"""What is done at every look at the validation images: curve, best weights, stop, checkpoint."""

from __future__ import annotations

import csv
import io
import pickle
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from eqsets.errors import OptionError
from eqsets.generative.training.files import write_text
from eqsets.generative.training.objective import Objective

__all__ = ["CHECK", "Watch"]

CHECK = "check_"
"""What begins the names of numbers of held-out images in logs, not in curves."""


class Watch(pl.Callback):
    """Keep the curve and the best weights; stop early; write checkpoint and table.

    Its state is part of the checkpoint: an interrupted fit knows what was best before.

    Arguments:
        objective: its ``monitor`` decides.
        mark: fingerprint of the fit.
        patience: looks without a better result before stopping; 0: never.
        checkpoint: where the state of the fit goes, if anywhere.
        table: where the curve goes, as CSV, if anywhere.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        mark: str,
        patience: int,
        checkpoint: Path | None,
        table: Path | None,
    ) -> None:
        self.objective, self.mark, self.patience = objective, mark, patience
        self.checkpoint, self.table = checkpoint, table
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_value, self.waited = float("inf"), 0

    @property
    def state_key(self) -> str:
        return "eqsets.Watch"

    def resumable(self) -> Path | None:
        """Return the checkpoint to go on from, if there is one.

        Raises:
            OptionError: it is of another fit, or damaged.
        """
        if self.checkpoint is None or not self.checkpoint.exists():
            return None
        try:
            content = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            mark = content["callbacks"][self.state_key]["mark"]
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
            mark = f"unreadable: {error}"
        if mark != self.mark:
            raise OptionError(
                f"{self.checkpoint} is of another fit ({mark[:60]}), expected one of the same "
                "images, family, preset and seed. Choose another folder, or pass resume=False "
                "to write over it."
            )
        return self.checkpoint

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.patience and self.waited >= self.patience:  # resumed after an early stop
            trainer.should_stop = True

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step >= trainer.max_steps:  # also where the last look was a while ago
            trainer.should_stop = True

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        numbers = {
            name.removeprefix(CHECK): float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith(CHECK)
        }
        self.curve.append({"step": float(trainer.global_step), **numbers})
        value = numbers[self.objective.monitor]
        self.waited += 1
        if value < self.best_value:
            self.best_value, self.waited = value, 0
            state = self.objective.network.state_dict()
            self.best = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
        if self.patience and self.waited >= self.patience:
            trainer.should_stop = True
        if self.table is not None and trainer.is_global_zero:
            write_text(self.table, _table(self.curve))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.checkpoint is not None:
            trainer.save_checkpoint(self.checkpoint)

    def restore_best(self) -> None:
        """Put the best weights back into the network.

        Raises:
            OptionError: none were: no number of held-out images was finite.
        """
        if self.curve and not self.best:
            raise OptionError(
                f"the fit came to {self.curve[-1]}, at no look to a finite "
                f"{self.objective.monitor!r}. Lower the learning_rate of the plan, or look for "
                "images that differ from all others."
            )
        if self.best:
            self.objective.network.load_state_dict(self.best)

    def state_dict(self) -> dict[str, Any]:
        return {
            "mark": self.mark,
            "curve": self.curve,
            "best": self.best,
            "best_value": self.best_value,
            "waited": self.waited,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.curve, self.best = list(state_dict["curve"]), state_dict["best"]
        self.best_value, self.waited = state_dict["best_value"], state_dict["waited"]


def _table(curve: list[dict[str, float]]) -> str:
    names = sorted({name for row in curve for name in row} - {"step"})
    text = io.StringIO()
    writer = csv.DictWriter(text, ["step", *names], lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    return text.getvalue()
