"""A campaign: learning rates are chosen on validation sets, and a killed one loses nothing."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from eqsets import element_group
from experiments import (
    Data,
    Experiment,
    Plan,
    Recipe,
    Size,
    accuracy,
    models_of,
    read_results,
    run_campaign,
    shuffled,
)
from experiments.tables.markdown import table
from experiments.tables.plots import draw

pytestmark = pytest.mark.slow  # trains models

PLAN = Plan(
    symmetry=element_group("cyclic", size=4),
    in_features=1,
    element=(4, 1),
    layers=({}, {}),
    outputs=1,
    select=True,
    budget=1500,
    head=8,
)
MODELS = {name: build for name, build in models_of(PLAN).items() if name in ("dss-sum", "early")}


def loudest(setting: str, seed: int) -> Data:
    """Which element has the largest spread?"""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(int(setting), 5, 4, 1, generator=generator)
    x = x * torch.rand(int(setting), 5, 1, 1, generator=generator)
    y = x.std(2).argmax(1)[:, 0]
    return Data(shuffled(x, y), (x[:16], y[:16]), (x[16:], y[16:]))


EXPERIMENT = Experiment(
    name="loudest",
    title="Loudest element",
    figure="accuracy in %",
    axis="training sets",
    models=MODELS,
    data=loudest,
    chance=20.0,
    sizes={"smoke": Size(Recipe(steps=4, batch=8), ("32", "64"), (0, 1), (1e-2, 1e-9), "64")},
)


def run(folder: Path, experiment: Experiment = EXPERIMENT) -> list[dict[str, object]]:
    console = Console(file=io.StringIO())
    run_campaign(experiment, "smoke", folder, workers=2, console=console)
    rows = json.loads((folder / "loudest-smoke.json").read_text())["rows"]
    return [{key: row[key] for key in row if key != "cpu_seconds"} for row in rows]


def test_every_model_setting_and_seed_has_a_row(tmp_path):
    rows = run(tmp_path)
    result = {(row["setting"], row["seed"], row["model"]) for row in rows}
    assert result == {(n, seed, name) for n in ("32", "64") for seed in (0, 1) for name in MODELS}
    assert len(rows) == len(result)
    assert all(row["equivariance_error"] < 1e-5 and 0 <= row["figure"] <= 100 for row in rows)
    assert not list(tmp_path.rglob("*.pt")), "checkpoints go when the row is written"


def test_further_figures_and_references_are_measured(tmp_path):
    """They are of the same test sets, and the page shows them."""

    def spread(sets: torch.Tensor) -> torch.Tensor:
        return sets.std(2)

    def chosen(output: torch.Tensor, answer: torch.Tensor) -> float:
        return float(output.flatten(1).argmax(1).double().mean())

    rows = run(
        tmp_path,
        replace(EXPERIMENT, references={"by hand": spread}, also={"rank": chosen}, decimals=2),
    )
    assert all(0 <= row["also"]["rank"] <= 4 for row in rows)  # type: ignore[index]
    about, read = read_results(tmp_path / "loudest-smoke.json")
    result = about["references"]["by hand"]
    assert [result[setting]["figure"] for setting in ("32", "64")] == [100.0, 100.0]
    line = next(line for line in table(about, read).splitlines() if "by hand" in line)
    cells = [f"100.00 | {result[setting]['rank']:.2f}" for setting in ("32", "64")]
    assert line.startswith(f"| by hand | {' | '.join(cells)} | ")
    draw(tmp_path / "plot.png", about, read)


def test_the_learning_rate_is_that_of_the_best_validation(tmp_path):
    chosen = {row["model"]: row["learning_rate"] for row in run(tmp_path)}
    for model, rate in chosen.items():
        merits = {
            path.stem.split("--")[2]: json.loads(path.read_text())["merit"]
            for path in tmp_path.glob(f".partial/*/64--{model}--*--0.json")
        }
        assert len(merits) == 2
        assert max(merits, key=lambda key: merits[key]) == f"{rate:g}"


def test_rates_may_be_chosen_for_each_seed_and_where_lower_is_better(tmp_path):
    size = replace(EXPERIMENT.sizes["smoke"], nested=True)
    experiment = replace(EXPERIMENT, sizes={"smoke": size}, lower=True, also={"twice": twice})
    for row in run(tmp_path, experiment):
        assert row["also"] == {"twice": pytest.approx(2 * row["figure"], abs=1e-3)}
        merits = {
            path.stem.split("--")[2]: json.loads(path.read_text())["merit"]
            for path in tmp_path.glob(f".partial/*/64--{row['model']}--*--{row['seed']}.json")
        }
        assert len(merits) == 2
        assert all(merit[0] <= 0 for merit in merits.values()), "lower is better"
        assert max(merits, key=lambda key: merits[key]) == f"{row['learning_rate']:g}"


def twice(output: torch.Tensor, answer: torch.Tensor) -> float:
    return 2 * accuracy(output, answer)


def test_a_killed_campaign_loses_nothing(tmp_path):
    """Stop it in the middle of some training; what is on disk leads to the same rows."""
    whole = run(tmp_path / "whole")
    trained, killed = [], []

    def counting(setting: str, seed: int) -> Data:
        data = loudest(setting, seed)

        def draw(sets: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
            trained.append(setting)
            if len(trained) == 11 and not killed:
                killed.append(setting)
                raise KeyboardInterrupt
            return data.draw(sets, generator)

        return replace(data, draw=draw)

    stopping = replace(EXPERIMENT, data=counting)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", stopping)
    assert list((tmp_path / "parts").rglob("*.json")), "some trainings were finished"
    before, steps = len(trained), 4 * len(MODELS) * (2 + 4 - 1)  # one training serves twice
    assert run(tmp_path / "parts", stopping) == whole
    assert len(trained) <= steps + 4 + 1, "no more is repeated than the training that was killed"
    assert before < len(trained)
    trained.clear()
    assert run(tmp_path / "parts", replace(stopping, title="again")) == whole
    assert not trained, "all is done"
    other = run(tmp_path / "parts", replace(stopping, plan="another network"))
    assert len(trained) == steps, "what another network did does not count"
    assert other == whole
    trained.clear()
    record = next((tmp_path / "parts").rglob("*--*.json"))
    record.write_text(record.read_text().replace('"also"', '"extra"'))
    assert run(tmp_path / "parts", replace(stopping, plan="another network")) == whole
    assert trained, "a record of another format does not count"
