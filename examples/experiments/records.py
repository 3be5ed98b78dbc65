"""Finished trainings on disk, a file for each, and the learning rates that they choose."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from experiments.experiment import Experiment, Job, Size
from experiments.rows import Row, write_json

__all__ = ["Records"]


class Records:
    """What is known of the trainings of a campaign.

    Arguments:
        experiment: what is trained; a record of another plan does not count.
        size: of the campaign; nor does a record of another recipe.
        folder: of the records.
    """

    def __init__(self, experiment: Experiment, size: Size, folder: Path) -> None:
        self.experiment, self.size, self.folder = experiment, size, folder

    def identity(self) -> dict[str, Any]:
        """Return what a finished training must agree with to count."""
        return {"recipe": asdict(self.size.recipe), "plan": repr(self.experiment.plan)}

    def checkpoint(self, job: Job) -> Path:
        """Return the file of a training that is under way."""
        return self.folder / f"{job.key}.pt"

    def write(self, job: Job, merit: Sequence[float], row: Row) -> None:
        """Keep the result of a training, and how well it did on the validation sets."""
        record = {**self.identity(), "merit": list(merit), "row": asdict(row)}
        write_json(self.folder / f"{job.key}.json", record)

    def read(self, job: Job) -> dict[str, Any] | None:
        """Return what is known of a finished training by the same recipe."""
        return self._read(self.folder / f"{job.key}.json")

    def finished(self) -> int:
        """Return how many trainings are."""
        return sum(self._read(path) is not None for path in self.folder.glob("*.json"))

    def row(self, job: Job) -> Row:
        """Return the result of a finished training."""
        found = self.read(job)
        assert found is not None, "rows are read after all trainings have finished"
        return Row(**found["row"])

    def tuning_seeds(self) -> tuple[int, ...]:
        """Return the seeds with which learning rates are chosen."""
        return self.size.seeds if self.size.nested else self.size.seeds[:1]

    def best_rate(self, model: str, seed: int) -> float:
        """Return the learning rate that did best on the validation sets."""
        rates = self.size.learning_rates
        if len(rates) == 1:
            return rates[0]
        merits = {}
        for rate in rates:
            tuned_with = seed if self.size.nested else self.size.seeds[0]
            found = self.read(Job(self.size.tune_at, model, tuned_with, rate))
            assert found is not None, "the learning rate is chosen after the trainings for it"
            merits[rate] = found["merit"]
        return max(merits, key=lambda rate: merits[rate])

    def _read(self, path: Path) -> dict[str, Any] | None:
        if not path.exists():
            return None
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        mine = self.identity()
        same = {key: found.get(key) for key in mine} == mine
        known = set(found.get("row", ())) <= {field.name for field in fields(Row)}
        return found if same and known else None  # else of other code: done again
