"""Finished trainings on disk, one file for each, and the selection of learning rates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from experiments.experiment import Experiment, Job, Size
from experiments.tables.rows import Row, write_json

__all__ = ["FinishedTrainings"]


class FinishedTrainings:
    """The finished trainings of a campaign.

    Arguments:
        experiment: files of a different plan are ignored.
        size: of the campaign; files of a different recipe are ignored.
        folder: of the files.
    """

    def __init__(self, experiment: Experiment, size: Size, folder: Path) -> None:
        self.experiment, self.size, self.folder = experiment, size, folder

    def identity(self) -> dict[str, Any]:
        """Return the values that identify a finished training of this campaign."""
        return {"recipe": asdict(self.size.recipe), "plan": repr(self.experiment.plan)}

    def checkpoint(self, job: Job) -> Path:
        """Return the checkpoint of an unfinished training."""
        return self.folder / f"{job.key}.pt"

    def write(self, job: Job, merit: Sequence[float], row: Row) -> None:
        """Write the result of a training, and its validation measures."""
        content = {**self.identity(), "merit": list(merit), "row": asdict(row)}
        write_json(self.folder / f"{job.key}.json", content)

    def read(self, job: Job) -> dict[str, Any] | None:
        """Return the file of a finished training with the same recipe, or ``None``."""
        return self._read(self.folder / f"{job.key}.json")

    def count(self) -> int:
        """Return the number of finished trainings."""
        return sum(self._read(path) is not None for path in self.folder.glob("*.json"))

    def row(self, job: Job) -> Row:
        """Return the result of a finished training."""
        content = self.read(job)
        assert content is not None, "rows are read after all trainings have finished"
        return Row(**content["row"])

    def tuning_seeds(self) -> tuple[int, ...]:
        """Return the seeds for the selection of learning rates."""
        return self.size.seeds if self.size.nested else self.size.seeds[:1]

    def best_rate(self, model: str, seed: int) -> float:
        """Return the best learning rate on the validation sets."""
        rates = self.size.learning_rates
        if len(rates) == 1:
            return rates[0]
        merits = {}
        for rate in rates:
            tuned_with = seed if self.size.nested else self.size.seeds[0]
            content = self.read(Job(self.size.tune_at, model, tuned_with, rate))
            assert content is not None, "the learning rate is selected after the trainings for it"
            merits[rate] = content["merit"]
        return max(merits, key=lambda rate: merits[rate])

    def _read(self, path: Path) -> dict[str, Any] | None:
        if not path.exists():
            return None
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        expected = self.identity()
        same = {key: content.get(key) for key in expected} == expected
        known = set(content.get("row", ())) <= {field.name for field in fields(Row)}
        return content if same and known else None  # else of other code: repeat it
