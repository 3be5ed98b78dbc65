"""Train every model of an experiment alike: choose its learning rate, then repeat with seeds.

Everything that is done is on disk at once: a finished training as a file, one under way as a
checkpoint. Killed and started again, a campaign goes on where it was, and ends with the same
numbers.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from eqsets import FeatureType, FeatureTypeError, equivariance_error
from eqsets.demo.interrupt import polite_interrupt
from experiments.designs import standard_titles
from experiments.plan import count_parameters
from experiments.progress import Board, show_progress
from experiments.rows import Row, write_json, write_results
from experiments.training import Data, Recipe, Training, accuracy, set_cross_entropy

__all__ = ["Experiment", "Job", "Size", "run_campaign"]


@dataclass(frozen=True)
class Size:
    """How large a campaign is.

    Arguments:
        recipe: of every training.
        settings: of the experiment, such as numbers of training sets.
        seeds: for each model and setting.
        learning_rates: of which each model gets the one that is best on the validation sets ...
        tune_at: ... of this setting, with the first seed.
        tests: how many of the validation and of the test sets to use, or ``None`` for all.
    """

    recipe: Recipe
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    learning_rates: tuple[float, ...]
    tune_at: str
    tests: int | None = None


@dataclass(frozen=True)
class Experiment:
    """Models, data, and how they meet.

    Arguments:
        name: of the result file.
        title: for people.
        figure: what the figure is, with its unit.
        axis: what the settings are.
        models: for each name how to build the model; it declares ``in_type`` and ``out_type``.
        data: ``data(setting, seed)``; test sets must not depend on the seed.
        sizes: ``"full"``, ``"quick"`` and ``"smoke"``.
        titles: of the models, for people.
        chance: the figure of guessing.
        set_size: elements of a set on which equivariance is measured.
        loss: of output and answer.
        score: the figure; higher is better.
    """

    name: str
    title: str
    figure: str
    axis: str
    models: Mapping[str, Callable[[], nn.Module]]
    data: Callable[[str, int], Data]
    sizes: Mapping[str, Size]
    titles: Mapping[str, str] = field(default_factory=standard_titles)
    chance: float | None = None
    set_size: int = 4
    loss: Callable[[Tensor, Tensor], Tensor] = set_cross_entropy
    score: Callable[[Tensor, Tensor], float] = accuracy


@dataclass(frozen=True)
class Job:
    """One training of a campaign."""

    setting: str
    model: str
    seed: int
    learning_rate: float

    def __str__(self) -> str:
        return f"{self.model}, {self.setting}, lr {self.learning_rate:g}, seed {self.seed}"

    @property
    def key(self) -> str:
        """The name of its files."""
        return f"{self.setting}--{self.model}--{self.learning_rate:g}--{self.seed}"


def run_campaign(
    experiment: Experiment, size: str, output: Path, *, workers: int, console: Console
) -> list[Row]:
    """Run what is not done yet, and write ``output/NAME.json`` (or ``NAME-quick.json``).

    Raises:
        KeyboardInterrupt: on Ctrl-C, after the checkpoints have been written.
    """
    campaign = _Campaign(experiment, size, output)
    plan = campaign.size
    tuning = [
        Job(plan.tune_at, model, plan.seeds[0], rate)
        for model, rate in itertools.product(experiment.models, plan.learning_rates)
    ]
    tuning = tuning if len(plan.learning_rates) > 1 else []
    count = len(plan.settings) * len(plan.seeds) * len(experiment.models)
    known = plan.seeds[0] in plan.seeds and plan.tune_at in plan.settings and bool(tuning)
    total = len(tuning) + count - (len(experiment.models) if known else 0)
    done = len(list(campaign.folder.glob("*.json")))
    with show_progress(console, total, min(done, total)) as board:
        campaign.run(tuning, board, workers)
        chosen = {model: campaign.best_rate(model) for model in experiment.models}
        grid = itertools.product(plan.settings, plan.seeds, experiment.models)
        jobs = [Job(setting, model, seed, chosen[model]) for setting, seed, model in grid]
        campaign.run(jobs, board, workers)
    rows = [campaign.row(job) for job in jobs]
    write_results(campaign.file, campaign.about(), rows)
    return rows


class _Campaign:
    def __init__(self, experiment: Experiment, size: str, output: Path) -> None:
        self.experiment, self.size_name, self.size = experiment, size, experiment.sizes[size]
        full = experiment.name if size == "full" else f"{experiment.name}-{size}"
        self.file = output / f"{full}.json"
        self.folder = output / ".partial" / full
        self.stop = threading.Event()
        self.data_lock = threading.Lock()
        self.data: dict[tuple[str, int], Data] = {}

    def about(self) -> dict[str, Any]:
        """Return what the rows are about."""
        experiment = self.experiment
        return {
            "experiment": experiment.name,
            "title": experiment.title,
            "figure": experiment.figure,
            "axis": experiment.axis,
            "chance": experiment.chance,
            "titles": {name: experiment.titles.get(name, name) for name in experiment.models},
            "size": self.size_name,
            "recipe": asdict(self.size.recipe),
            "learning_rates": list(self.size.learning_rates),
            "tuned_at": self.size.tune_at,
        }

    def run(self, jobs: Sequence[Job], board: Board, workers: int) -> None:
        """Train what is not done yet, each on a thread of its own."""
        waiting = [job for job in jobs if self.record(job) is None]

        def work(job: Job) -> None:
            if self.stop.is_set():
                return
            torch.set_num_threads(1)  # of this thread: a small network gains nothing from more
            try:
                self.train(job, board)
            except BaseException:
                self.stop.set()  # nobody goes on for nothing
                raise

        with polite_interrupt(self.stop), ThreadPoolExecutor(max(1, workers)) as pool:
            for future in [pool.submit(work, job) for job in waiting]:
                future.result()
        if self.stop.is_set():
            raise KeyboardInterrupt

    def train(self, job: Job, board: Board) -> None:
        """Train one model, test it, and write its record."""
        experiment = self.experiment
        data = self.data_of(job.setting, job.seed)
        checkpoint = self.folder / f"{job.key}.pt"
        build, recipe = experiment.models[job.model], self.size.recipe
        training = Training(
            build, recipe, job.learning_rate, job.seed, data, experiment.loss, checkpoint
        )
        training.run(board.start(str(job), recipe.steps), self.stop)
        if not training.finished:
            return
        limit, model = self.size.tests, training.model
        validation, test = (
            (training.answer(sets[:limit]), answer[:limit])
            for sets, answer in (data.validation, data.test)
        )
        error = _equivariance_error(model, experiment.set_size)
        row = Row(
            setting=job.setting,
            model=job.model,
            seed=job.seed,
            figure=round(experiment.score(*test), 4),
            parameters=count_parameters(model),
            cpu_seconds=round(training.seconds, 1),
            learning_rate=job.learning_rate,
            steps=training.step,
            equivariance_error=float(f"{error:.2g}"),
        )
        merit = [experiment.score(*validation), -float(experiment.loss(*validation))]
        record = {"recipe": asdict(recipe), "merit": merit, "row": asdict(row)}
        write_json(self.folder / f"{job.key}.json", record)
        checkpoint.unlink(missing_ok=True)
        board.finish(str(job), f"{row.figure:6.2f} {experiment.figure}, {row.cpu_seconds:.0f} s")

    def data_of(self, setting: str, seed: int) -> Data:
        """Return the data of a setting, made once."""
        with self.data_lock:
            if (setting, seed) not in self.data:
                self.data[setting, seed] = self.experiment.data(setting, seed)
            return self.data[setting, seed]

    def record(self, job: Job) -> dict[str, Any] | None:
        """Return what is known of a finished training by the same recipe."""
        path = self.folder / f"{job.key}.json"
        if not path.exists():
            return None
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found if found["recipe"] == asdict(self.size.recipe) else None

    def row(self, job: Job) -> Row:
        """Return the result of a finished training."""
        found = self.record(job)
        assert found is not None, "rows are read after all trainings have finished"
        return Row(**found["row"])

    def best_rate(self, model: str) -> float:
        """Return the learning rate that did best on the validation sets."""
        rates = self.size.learning_rates
        if len(rates) == 1:
            return rates[0]
        merits = {}
        for rate in rates:
            found = self.record(Job(self.size.tune_at, model, self.size.seeds[0], rate))
            assert found is not None, "the learning rate is chosen after the trainings for it"
            merits[rate] = found["merit"]
        return max(merits, key=lambda rate: merits[rate])


def _equivariance_error(model: nn.Module, set_size: int) -> float:
    in_type, out_type = model.in_type, model.out_type
    if not (isinstance(in_type, FeatureType) and isinstance(out_type, FeatureType)):
        raise FeatureTypeError(
            f"{type(model).__name__} has in_type={in_type!r}, out_type={out_type!r}, expected two "
            "feature types. Declare on the model what it maps between."
        )
    return equivariance_error(model, in_type, out_type, samples=2, size=set_size).max
