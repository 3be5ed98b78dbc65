"""The demo, at a small size: what it prints, writes and returns, and its errors."""

from __future__ import annotations

import json
import sys
import threading
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

import eqsets.testing
import eqsets_demo.run as run_module
from eqsets.errors import OptionError, PluginError
from eqsets_demo import Recipe, Score, run_demo
from eqsets_demo.contract import check_contract
from eqsets_demo.progress import training_progress

TINY = Recipe(steps=3, bursts=1, size=16, test_bursts=2, test_size=24)


@pytest.fixture
def passing_contract(monkeypatch):
    """Replace the check of the contract, which has its own tests."""
    outcome = {"name": "trivial", "ok": True, "summary": "trivial passes its contract"}
    monkeypatch.setattr(run_module, "check_contract", lambda console: iter([outcome]))


def printer(**options: object) -> Console:
    return Console(file=StringIO(), width=100, **options)


@pytest.mark.slow
def test_a_run_prints_a_table_and_writes_a_figure_and_the_results(tmp_path, passing_contract):
    console = printer()
    report = run_demo(tmp_path / "new", recipe=TINY, console=console)
    printed = console.file.getvalue()
    for text in ("translations", "mean frame", "Siamese", "late aggregation", "DSS", "bursts.png"):
        assert text in printed
    assert [score.name for score in report.scores] == ["mean", "siamese", "late", "dss"]
    assert all(len(score.psnr) == 4 for score in report.scores)
    assert report.ok
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "bursts.png",
        "results.json",
    ]
    figure = (tmp_path / "new" / "bursts.png").read_bytes()
    assert figure.startswith(b"\x89PNG")
    assert len(figure) < 1_500_000
    written = json.loads((tmp_path / "new" / "results.json").read_text())
    assert written == json.loads(json.dumps(report.to_dict()))
    assert set(written["gain_of_dss_over"]) == {"mean", "siamese", "late"}
    assert {score["name"] for score in written["scores"]} == {"mean", "siamese", "late", "dss"}


@pytest.mark.slow
def test_two_runs_of_one_seed_agree(tmp_path, passing_contract):
    one, two = (run_demo(tmp_path / name, recipe=TINY, console=printer()) for name in "ab")
    assert [score.psnr for score in one.scores] == [score.psnr for score in two.scores]


@pytest.mark.slow
def test_an_interrupted_run_resumes_and_says_how(tmp_path, passing_contract, monkeypatch):
    whole = run_demo(tmp_path / "whole", recipe=TINY, console=printer())

    def stop_early(trainings, reports):
        for training in trainings:
            stop = threading.Event()
            training.average.report = lambda step, gain, stop=stop: stop.set()
            training.run(stop)
        raise KeyboardInterrupt

    console = printer()
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "train", stop_early)
        with pytest.raises(KeyboardInterrupt):
            run_demo(tmp_path / "parts", recipe=TINY, console=console)
    assert "The same command resumes from the checkpoints" in console.file.getvalue()
    console = printer()
    rest = run_demo(tmp_path / "parts", recipe=TINY, console=console)
    assert "Resuming from the checkpoints" in console.file.getvalue()
    assert [score.psnr for score in rest.scores] == [score.psnr for score in whole.scores]


@pytest.mark.parametrize("name", ["skimage.data", "matplotlib.figure", "hypothesis"])
def test_a_missing_dependency_is_one_error_with_the_command(tmp_path, monkeypatch, name):
    package = name.partition(".")[0]
    for module in [module for module in sys.modules if module.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(OptionError, match=rf"needs .{package}.*pip install .eqsets\[demo"):
        run_demo(tmp_path, recipe=TINY, console=printer())
    assert not list(tmp_path.iterdir())


def test_a_missing_plugin_is_one_error(tmp_path, monkeypatch):
    def missing(name: str) -> None:
        raise PluginError(f"there is no element group {name!r}")

    monkeypatch.setattr(run_module, "element_group", missing)
    with pytest.raises(PluginError, match="translations"):
        run_demo(tmp_path, recipe=TINY, console=printer())


def test_the_contract_of_every_element_group_is_checked(monkeypatch):
    def check(name: str, *, profile: str) -> SimpleNamespace:
        assert profile == "quick"
        if name == "cyclic":
            raise PluginError("cyclic is broken")
        return SimpleNamespace(ok=name != "trivial", summary=lambda: f"{name} was checked")

    monkeypatch.setattr(eqsets.testing, "check", check)
    console = printer()
    outcomes = {outcome["name"]: outcome for outcome in check_contract(console)}
    groups = {r.name for r in eqsets.plugins() if r.kind == "element group" and r.status == "ok"}
    assert set(outcomes) == groups
    assert {name for name, outcome in outcomes.items() if not outcome["ok"]} == {
        "cyclic",
        "trivial",
    }
    printed = console.file.getvalue()
    assert "✗ cyclic is broken" in printed
    assert "✓ translations was checked" in printed


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_shown_for_each_model(terminal):
    console = printer(force_terminal=terminal)
    with training_progress(console, ["one", "two"], 8, [0, 4]) as reports:
        for step in range(1, 9):
            reports[0](step, 1.25)
        reports[1](6, -0.5)
    printed = console.file.getvalue()
    assert "one" in printed
    assert "8/8" in printed
    if not terminal:
        assert printed.count("\n") == 4 + 1
        assert "+1.2 dB over the mean" in printed


def test_scores():
    score = Score("dss", "DSS", (30.0, 32.0, 34.0), 100, 1.5)
    assert score.mean == 32
    assert score.error == pytest.approx(2 / 3**0.5)
    assert score.gain(Score("mean", "mean", (29.0, 30.0, 31.0))) == pytest.approx((2, 1 / 3**0.5))
    assert score.to_dict()["cpu_seconds"] == 1.5
