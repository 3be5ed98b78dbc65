"""``eqsets demo``: options and output of the command. The demo itself has its own tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from eqsets.cli import main
from eqsets.errors import OptionError


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, bool]]:
    """Replace the demo by a stub, and return the arguments of its calls."""
    calls: list[tuple[Path, bool]] = []

    def run_demo(output: Path, *, quick: bool, console: Any) -> SimpleNamespace:
        calls.append((output, quick))
        console.print("progress")
        return SimpleNamespace(to_dict=lambda: {"dss": 30.5})

    module = ModuleType("eqsets_demo")
    module.run_demo = run_demo  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "eqsets_demo", module)
    return calls


def run(*arguments: str):
    return CliRunner().invoke(main, ["demo", *arguments])


def test_the_demo_runs_with_its_defaults(calls):
    result = run()
    assert (result.exit_code, result.stdout) == (0, "progress\n")
    assert calls == [(Path("out/demo"), False)]


def test_options_are_passed_to_the_demo(calls, tmp_path):
    assert run("--quick", "--output", str(tmp_path)).exit_code == 0
    assert calls == [(tmp_path, True)]


def test_only_json_is_written_to_stdout(calls):
    result = run("--json")
    assert json.loads(result.stdout) == {"dss": 30.5}
    assert result.stderr == "progress\n"


def test_a_file_as_output_folder_is_a_usage_error(calls, tmp_path):
    (tmp_path / "file").touch()
    result = run("--output", str(tmp_path / "file"))
    assert (result.exit_code, calls) == (2, [])


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'skimage'", name="skimage"),
        OptionError('the demo needs skimage. Run: pip install "eqsets[demo]"'),
    ],
)
def test_missing_dependencies_are_named_with_the_command_that_installs_them(
    calls, monkeypatch, error
):
    def run_demo(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(sys.modules["eqsets_demo"], "run_demo", run_demo)
    result = run()
    assert result.exit_code == 2
    assert 'pip install "eqsets[demo]"' in " ".join(result.stderr.split())
