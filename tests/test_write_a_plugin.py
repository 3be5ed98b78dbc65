"""The page "write a plugin", as written: its files are installed, listed, checked and tested."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EQSETS = (sys.executable, "-c", "from eqsets.cli import main; main()")
PAGE = Path(__file__).parents[1] / "docs" / "write-a-plugin.md"
FILE = re.compile(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files of the page and install them into a folder of their own, offline."""
    project = tmp_path_factory.mktemp("project")
    for name, text in FILE.findall(PAGE.read_text()):
        (project / name).write_text(text)
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    run(project, *pip, "--no-index", "--target", str(site), ".")
    (site / "test_laws.py").write_text((project / "test_laws.py").read_text())
    return site


def run(folder: Path, *command: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    search = [str(path), *sys.path] if path else sys.path
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search))}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_plugin_is_fifteen_lines() -> None:
    files = dict(FILE.findall(PAGE.read_text()))
    assert set(files) == {"eqsets_necklace.py", "pyproject.toml", "test_laws.py"}
    lines = [line for line in files["eqsets_necklace.py"].splitlines() if line.strip()]
    assert len(lines) <= 15


def test_the_plugin_is_listed(installed: Path) -> None:
    command = (*EQSETS, "plugins", "--json")
    records = json.loads(run(installed, *command, path=installed).stdout)
    records = records["plugins"] if isinstance(records, dict) else records
    (found,) = [record for record in records if record["name"] == "necklace"]
    assert found["distribution"] == "eqsets-necklace"
    assert found["status"] == "ok"


def test_the_plugin_keeps_the_laws_from_the_shell(installed: Path) -> None:
    command = (*EQSETS, "check", "necklace", "--profile", "quick", "--json")
    report = json.loads(run(installed, *command, path=installed).stdout)
    assert report["ok"]


def test_the_plugins_own_tests_pass(installed: Path) -> None:
    options = ["-p", "no:cacheprovider", "--eqsets-profile", "quick", "-k", "EQG or EQL", "-q"]
    done = run(installed, sys.executable, "-m", "pytest", *options, "test_laws.py", path=installed)
    assert " passed" in done.stdout
