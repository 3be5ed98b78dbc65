"""Train all models of an experiment: select the learning rate, then train with several seeds.

All progress is on disk: a finished training as a file (`experiments.finished`), a running one as a
checkpoint. An interrupted campaign resumes, with the same results.
"""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import Tensor

from eqsets.training import run_in_parallel
from experiments.experiment import Experiment, Job
from experiments.finished import FinishedTrainings
from experiments.models.plan import count_parameters
from experiments.progress import Board, show_progress
from experiments.recipe import Data
from experiments.tables.rows import Row, write_results
from experiments.training import Training

__all__ = ["run_campaign"]


def run_campaign(
    experiment: Experiment,
    size: str,
    output: Path,
    *,
    workers: int,
    console: Console,
    fresh: bool = False,
) -> list[Row]:
    """Run the remaining trainings, and write ``output/NAME.json`` (or ``NAME-quick.json``).

    Arguments:
        experiment: what to run.
        size: ``"full"``, ``"quick"`` or ``"smoke"``.
        output: folder; unfinished trainings are in its folder ``.partial``.
        workers: number of parallel trainings, one thread each.
        console: for the progress.
        fresh: discard the results of earlier runs, for example for other data.

    Raises:
        KeyboardInterrupt: on Ctrl-C, after the checkpoints have been written.
    """
    campaign = _Campaign(experiment, size, output)
    if fresh and campaign.folder.exists():
        shutil.rmtree(campaign.folder)
    plan = campaign.size
    tuning = [
        Job(plan.tune_at, model, seed, rate)
        for model, seed, rate in itertools.product(
            experiment.models, campaign.finished.tuning_seeds(), plan.learning_rates
        )
    ]
    tuning = tuning if len(plan.learning_rates) > 1 else []
    count = len(plan.settings) * len(plan.seeds) * len(experiment.models)
    tuned = len(campaign.finished.tuning_seeds()) * len(experiment.models)
    shared = tuned if tuning and plan.tune_at in plan.settings else 0
    total = len(tuning) + count - shared  # the best trainings for the rate are used again
    with show_progress(console, total, min(campaign.finished.count(), total)) as board:
        campaign.run(tuning, board, workers)
        grid = itertools.product(plan.settings, plan.seeds, experiment.models)
        jobs = [
            Job(setting, model, seed, campaign.finished.best_rate(model, seed))
            for setting, seed, model in grid
        ]
        campaign.run(jobs, board, workers)
    rows = [campaign.finished.row(job) for job in jobs]
    write_results(campaign.file, {**campaign.about(), **campaign.references()}, rows)
    return rows


class _Campaign:
    def __init__(self, experiment: Experiment, size: str, output: Path) -> None:
        self.experiment, self.size_name, self.size = experiment, size, experiment.sizes[size]
        full = experiment.name if size == "full" else f"{experiment.name}-{size}"
        self.file = output / f"{full}.json"
        self.folder = output / ".partial" / full
        self.finished = FinishedTrainings(experiment, self.size, self.folder)
        self.stop = threading.Event()
        self.data_lock = threading.Lock()
        self.data: dict[tuple[str, int], Data] = {}

    def about(self) -> dict[str, Any]:
        """Return the metadata of the rows."""
        experiment = self.experiment
        return {
            "experiment": experiment.name,
            "title": experiment.title,
            "figure": experiment.figure,
            "axis": experiment.axis,
            "chance": experiment.chance,
            "titles": {name: experiment.titles.get(name, name) for name in experiment.models},
            "size": self.size_name,
            "lower": experiment.lower,
            "decimals": experiment.decimals,
            "runs": experiment.runs,
            "recipe": asdict(self.size.recipe),
            "learning_rates": list(self.size.learning_rates),
            "tuned_at": self.size.tune_at,
            "nested": self.size.nested,
        }

    def references(self) -> dict[str, Any]:
        """Return the measures of the methods without training, for each setting."""
        measures: dict[str, dict[str, dict[str, float]]] = {}
        for title, reference in self.experiment.references.items():
            measures[title] = {}
            for setting in self.size.settings:
                sets, answer = self.data_of(setting, self.size.seeds[0]).test
                limit = self.size.tests
                measures[title][setting] = self.figures(reference(sets[:limit]), answer[:limit])
        return {"references": measures} if measures else {}

    def figures(self, output: Tensor, answer: Tensor) -> dict[str, float]:
        """Return all measures by name."""
        experiment = self.experiment
        scores = {"figure": experiment.score, **experiment.also}
        return {name: round(score(output, answer), 4) for name, score in scores.items()}

    def run(self, jobs: Sequence[Job], board: Board, workers: int) -> None:
        """Run the remaining trainings, each in its own thread."""
        remaining = [job for job in jobs if self.finished.read(job) is None]

        trainings = [partial(self.train, job, board) for job in remaining]
        run_in_parallel(trainings, self.stop, workers=workers)
        if self.stop.is_set():
            raise KeyboardInterrupt

    def train(self, job: Job, board: Board) -> None:
        """Train one model, test it, and write its row."""
        experiment = self.experiment
        data = self.data_of(job.setting, job.seed)
        checkpoint = self.finished.checkpoint(job)
        build, recipe = experiment.models[job.model], self.size.recipe
        training = Training(
            build, recipe, job.learning_rate, job.seed, data, experiment.loss, checkpoint
        )
        training.report_to(board.start(str(job), recipe.length))
        training.run(self.stop)
        if not training.finished:
            return
        limit, model = self.size.tests, training.model
        validation, test = (
            (training.answer(sets[:limit]), answer[:limit])
            for sets, answer in (data.validation, data.test)
        )
        error, figures = experiment.equivariance_error(model), self.figures(*test)
        row = Row(
            setting=job.setting,
            model=job.model,
            seed=job.seed,
            figure=figures.pop("figure"),
            parameters=count_parameters(model),
            cpu_seconds=round(training.seconds, 1),
            learning_rate=job.learning_rate,
            steps=training.step,
            equivariance_error=float(f"{error:.2g}"),
            also=figures,
        )
        sign = -1 if experiment.lower else 1
        merit = [sign * experiment.score(*validation), -float(experiment.loss(*validation))]
        self.finished.write(job, merit, row)
        checkpoint.unlink(missing_ok=True)
        board.finish(str(job), f"{row.figure:6.2f} {experiment.figure}, {row.cpu_seconds:.0f} s")

    def data_of(self, setting: str, seed: int) -> Data:
        """Return the data of a setting, constructed once."""
        with self.data_lock:
            if (setting, seed) not in self.data:
                self.data[setting, seed] = self.experiment.data(setting, seed)
            return self.data[setting, seed]
