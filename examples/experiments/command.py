"""The command line of an experiment: sizes, output folder, and the final table."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from eqsets import OptionError
from eqsets.errors import choices
from experiments.campaign import run_campaign
from experiments.experiment import Experiment
from experiments.tables.rows import Row

__all__ = ["command_line", "run_command", "run_parsed", "summary"]


def run_command(experiment: Experiment, arguments: Sequence[str] | None = None) -> int:
    """Run an experiment with command line arguments; return the exit code."""
    return run_parsed(experiment, command_line(experiment.title).parse_args(arguments))


def command_line(title: str) -> argparse.ArgumentParser:
    """Return the options that all experiments have."""
    parser = argparse.ArgumentParser(description=title)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--quick", action="store_true", help="few steps: some CPU minutes")
    chosen.add_argument("--smoke", action="store_true", help="a smoke test of a few steps")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder (results)")
    parser.add_argument("--workers", type=int, default=2, help="number of parallel trainings (2)")
    parser.add_argument("--models", nargs="+", default=[], help="only these (to NAME-some.json)")
    parser.add_argument("--fresh", action="store_true", help="discard the results of earlier runs")
    return parser


def run_parsed(experiment: Experiment, given: argparse.Namespace) -> int:
    """Run an experiment with the options of :func:`command_line`; return the exit code."""
    size = "quick" if given.quick else "smoke" if given.smoke else "full"
    console = Console()
    if given.models:
        experiment = _with_models(experiment, given.models)
    try:
        rows = run_campaign(
            experiment,
            size,
            given.output,
            workers=given.workers,
            console=console,
            fresh=given.fresh,
        )
    except KeyboardInterrupt:
        console.print("Interrupted. The same command resumes from the checkpoints.")
        return 130
    console.print(summary(experiment, rows))
    candidates = [row for row in rows if row.model.startswith("dss")] or rows
    best = (min if experiment.lower else max)(candidates, key=lambda row: row.figure)
    print(f"equivariance error of the best {best.model} {best.equivariance_error:.1e}")
    return 0


def _with_models(experiment: Experiment, names: Sequence[str]) -> Experiment:
    for name in names:
        if name not in experiment.models:
            known = choices(name, experiment.models)
            raise OptionError(f"{experiment.name} has no model {name!r}: {known}")
    some = {name: experiment.models[name] for name in names}
    return replace(experiment, name=f"{experiment.name}-some", models=some)


def summary(experiment: Experiment, rows: Sequence[Row]) -> Table:
    """Return the table for a terminal: models as rows, settings as columns, means over seeds."""
    settings, digits = list(dict.fromkeys(row.setting for row in rows)), experiment.decimals
    table = Table(title=f"{experiment.title}: {experiment.figure}")
    table.add_column("model")
    for setting in settings:
        table.add_column(setting, justify="right")
    table.add_column("parameters", justify="right")
    for model in dict.fromkeys(row.model for row in rows):
        own = [row for row in rows if row.model == model]
        cells = [
            f"{statistics.fmean(row.figure for row in own if row.setting == setting):.{digits}f}"
            for setting in settings
        ]
        table.add_row(experiment.titles.get(model, model), *cells, f"{own[0].parameters:,}")
    return table


if __name__ == "__main__":
    sys.exit("This is a shared module: run one of the experiments, such as examples/signals.py")
