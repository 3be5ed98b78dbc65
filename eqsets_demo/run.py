"""The demo: plugins, contract, training, test, table, figure."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from eqsets.registry import element_group
from eqsets_demo.contract import check_contract, show_plugins
from eqsets_demo.evaluation import Bursts, restore, shown_bursts, unseen_bursts
from eqsets_demo.figure import Column, draw_figure
from eqsets_demo.models import MODELS
from eqsets_demo.needs import require
from eqsets_demo.photos import TEST_PHOTOS, TRAINING_PHOTOS
from eqsets_demo.progress import training_progress
from eqsets_demo.recipe import Recipe
from eqsets_demo.results import Report, Score
from eqsets_demo.training import Training, train

__all__ = ["run_demo"]

_TITLES = {
    "mean": ("mean frame", "not trained"),
    "siamese": ("Siamese", "no sharing between frames"),
    "late": ("late aggregation", "frames are shared once"),
    "dss": ("DSS", "frames are shared in every layer"),
    "truth": ("ground truth", "not used in training"),
}


def run_demo(
    output: Path,
    *,
    quick: bool = False,
    console: Console | None = None,
    recipe: Recipe | None = None,
) -> Report:
    """Restore bursts of real photographs with three networks, and write a table and a figure.

    After Ctrl-C, call it again with the same arguments to resume from the checkpoints.

    Arguments:
        output: folder for ``bursts.png``, ``results.json`` and, while it runs, checkpoints.
        quick: run a smoke test of a few seconds.
        console: where to print.
        recipe: the training configuration.

    Raises:
        OptionError: an optional dependency is missing.
        PluginError: the plugin ``translations`` is missing.
        KeyboardInterrupt: on Ctrl-C, with checkpoints in ``output``.
    """
    start = time.perf_counter()
    console = Console() if console is None else console
    recipe = Recipe() if recipe is None else recipe
    recipe = recipe.quick() if quick else recipe
    for module in ("skimage.data", "matplotlib.figure", "hypothesis"):
        require(module)
    element_group("translations")

    console.print(Rule("Plugins", align="left"))
    show_plugins(console)
    console.print(Rule("Contract: every element group, quick profile", align="left"))
    contract = tuple(check_contract(console))
    console.print(Rule("Restoring bursts of real photographs", align="left"))
    console.print(_introduction(recipe), highlight=False, soft_wrap=True)
    unseen, shown = unseen_bursts(recipe), shown_bursts(recipe)
    scores = [Score("mean", _TITLES["mean"][0], unseen.psnr(unseen.frames.mean(1)))]
    columns = [_column("mean", shown.frames.mean(1), shown)]
    trainings = _train_all(recipe, output, console)
    for name, training in trainings.items():
        parameters = sum(parameter.numel() for parameter in training.model.parameters())
        quality = unseen.psnr(restore(training.model, unseen.frames))
        scores.append(Score(name, _TITLES[name][0], quality, parameters, training.seconds))
        columns.append(_column(name, restore(training.model, shown.frames), shown))
    columns.append(Column(_TITLES["truth"][0], shown.truth, note=_TITLES["truth"][1]))

    figure = output / "bursts.png"
    draw_figure(figure, shown.frames, columns, best=_TITLES["dss"][0], caption=_caption(scores))
    seconds = time.perf_counter() - start
    report = Report(recipe.to_dict(), contract, tuple(scores), str(figure), seconds)
    _write(output / "results.json", report.to_dict())
    for training in trainings.values():
        training.checkpoint.unlink(missing_ok=True)
    _print_summary(report, output, console)
    return report


def _introduction(recipe: Recipe) -> str:
    camera = recipe.camera
    (short, long), (least, most) = camera.trail, camera.noise
    return (
        f"  {camera.frames} frames per burst, each with its own motion blur ({short:g} to "
        f"{long:g} pixels),\n  shift (up to {camera.shift:g} pixels) and noise ({least:.0%} to "
        f"{most:.0%}).\n  Training on {', '.join(TRAINING_PHOTOS)};\n"
        f"  testing on {', '.join(TEST_PHOTOS)}."
    )


def _column(name: str, photos: Any, shown: Bursts) -> Column:
    title, note = _TITLES[name]
    return Column(title, photos, shown.psnr(photos), note)


def _train_all(recipe: Recipe, output: Path, console: Console) -> dict[str, Training]:
    trainings = {
        name: Training(build, recipe, output / f"checkpoint-{name}.pt")
        for name, build in MODELS.items()
    }
    titles, done = [_TITLES[name][0] for name in trainings], [t.step for t in trainings.values()]
    if any(done):
        console.print("  Resuming from the checkpoints of an interrupted run.")
    try:
        with training_progress(console, titles, recipe.steps, done) as reports:
            train(list(trainings.values()), reports)
    except KeyboardInterrupt:
        console.print(
            f"\n  Interrupted. The same command resumes from the checkpoints in {output};\n"
            "  delete them to start from the beginning.",
            highlight=False,
            soft_wrap=True,
        )
        raise
    return trainings


def _caption(scores: list[Score]) -> str:
    values = " · ".join(f"{score.title} {score.mean:.2f} ± {score.error:.2f}" for score in scores)
    return f"PSNR in dB on {len(scores[0].psnr)} unseen bursts, ± standard error: {values}"


def _write(path: Path, data: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)


def _print_summary(report: Report, output: Path, console: Console) -> None:
    table = Table(title=f"Restoration of {len(report.scores[0].psnr)} bursts of unseen photos")
    for heading in ("", "PSNR in dB", "gain of DSS", "parameters", "CPU time"):
        table.add_column(heading, justify="left" if not heading else "right")
    for score in report.scores:
        best = score.name == "dss"
        gain, error = report["dss"].gain(score)
        cells = (
            score.title,
            f"{score.mean:.2f} ± {score.error:.2f}",
            "" if best else f"{gain:.2f} ± {error:.2f}",
            f"{score.parameters:,}" if score.parameters else "-",
            f"{score.seconds:.0f} s" if score.parameters else "-",
        )
        table.add_row(*map(Text, cells), style="bold green" if best else None)
    console.print(table)
    console.print(
        f"  ± is one standard error over bursts (for the gain: of the paired differences).\n"
        f"  Figure: {report.figure}\n  Results: {output / 'results.json'}\n"
        f"  Total time: {report.seconds:.0f} s.",
        highlight=False,
    )
