"""What happens after a step and after an evaluation: best weights, early stop, table, logs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from eqsets.errors import OptionError
from eqsets.training.files import write_text

if TYPE_CHECKING:
    from lightning.fabric.loggers.logger import Logger

__all__ = ["CHECK", "Callback", "CurveTable", "Logs", "MovingAverage", "Selection"]

CHECK = "check_"
"""Prefix of numbers of held-out data in logs."""


class Callback:
    """Is called after steps and evaluations; its state is part of the checkpoint.

    Attributes:
        name: key of its state in the checkpoint.
        stop: whether training is to end.
    """

    name: str = ""
    stop: bool = False

    def on_step(self, step: int, terms: Mapping[str, Tensor]) -> None:
        """Called after each step.

        Args:
            step: how many are done.
            terms: of the loss, detached.
        """

    def on_check(self, step: int, numbers: Mapping[str, float]) -> None:
        """Called after each evaluation on held-out data."""

    def on_end(self) -> None:
        """Called when the loop ends, whether it is done, was stopped, or failed."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore it."""


class Selection(Callback):
    """Keep the curve and the best weights, and stop early.

    Arguments:
        network: whose weights are kept.
        monitor: the number that decides; smaller is better.
        patience: evaluations without a better result before stopping; 0: never.
    """

    name = "selection"

    def __init__(self, network: nn.Module, monitor: str, patience: int = 0) -> None:
        self.network, self.monitor, self.patience = network, monitor, patience
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_value, self.waited = math.inf, 0

    @property
    def stop(self) -> bool:  # type: ignore[override]
        """Whether the patience is used up."""
        return bool(self.patience) and self.waited >= self.patience

    def on_check(self, step: int, numbers: Mapping[str, float]) -> None:
        self.curve.append({"step": float(step), **numbers})
        value = numbers[self.monitor]
        self.waited += 1
        if value < self.best_value:
            self.best_value, self.waited = value, 0
            state = self.network.state_dict()
            self.best = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}

    def restore_best(self) -> None:
        """Load the best weights into the network.

        Raises:
            OptionError: there are none: no number of held-out data was finite.
        """
        if self.curve and not self.best:
            raise OptionError(
                f"the fit came to {self.curve[-1]}, at no evaluation to a finite "
                f"{self.monitor!r}. Lower the learning_rate of the plan, or look for images that "
                "differ from all others."
            )
        if self.best:
            self.network.load_state_dict(self.best)

    def state_dict(self) -> dict[str, Any]:
        return {
            "curve": self.curve,
            "best": self.best,
            "best_value": self.best_value,
            "waited": self.waited,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.curve, self.best = list(state["curve"]), state["best"]
        self.best_value, self.waited = state["best_value"], state["waited"]


class CurveTable(Callback):
    """Write the curve of a selection as CSV after each evaluation, whole or not at all."""

    name = "table"

    def __init__(self, selection: Selection, path: Path) -> None:
        self.selection, self.path = selection, path

    def on_check(self, step: int, numbers: Mapping[str, float]) -> None:
        curve = self.selection.curve
        names = sorted({name for row in curve for name in row} - {"step"})
        text = io.StringIO()
        writer = csv.DictWriter(text, ["step", *names], lineterminator="\n")
        writer.writeheader()
        writer.writerows(curve)
        write_text(self.path, text.getvalue())


class Logs(Callback):
    """Pass the terms of the loss, and the numbers of held-out data, to loggers of Lightning."""

    name = "logs"

    def __init__(self, loggers: Sequence[Logger]) -> None:
        self.loggers = loggers
        self.terms: Mapping[str, Tensor] = {}

    def on_step(self, step: int, terms: Mapping[str, Tensor]) -> None:
        self.terms = terms

    def on_check(self, step: int, numbers: Mapping[str, float]) -> None:
        metrics = {name: float(term) for name, term in self.terms.items()}
        metrics |= {f"{CHECK}{name}": value for name, value in numbers.items()}
        for logger in self.loggers:
            logger.log_metrics(metrics, step)

    def on_end(self) -> None:
        for logger in self.loggers:
            logger.save()


class MovingAverage(Callback):
    """An exponential moving average of a term of the loss.

    Arguments:
        term: its name.
        weight: of each new value.
        start: first value; default: that of the first step.
        report: is called with the number of steps and the average.
    """

    name = "average"

    def __init__(
        self,
        term: str,
        weight: float,
        *,
        start: float = math.nan,
        report: Callable[[int, float], object] = lambda step, value: None,
    ) -> None:
        self.term, self.weight, self.value, self.report = term, weight, start, report

    def on_step(self, step: int, terms: Mapping[str, Tensor]) -> None:
        new = float(terms[self.term])
        old = new if math.isnan(self.value) else self.value
        self.value = old + self.weight * (new - old)
        self.report(step, self.value)

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.value = state["value"]
