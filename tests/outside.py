"""A third-party plugin: installed offline in a separate folder, not in this environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EQSETS = (sys.executable, "-c", "from eqsets.cli import main; main()")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
QUICK = ("--eqsets-profile", "quick")


def run(
    folder: Path, *command: str, path: tuple[Path, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with more folders in which Python finds what is installed."""
    search = [*map(str, path), *filter(None, sys.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(search), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280
    )


def passes(folder: Path, *command: str, path: tuple[Path, ...] = ()) -> str:
    """Run a command that must succeed, and return what it prints."""
    done = run(folder, *command, path=path)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(project: Path, site: Path, *options: str) -> Path:
    """Install a project into a folder of its own, and return that folder."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    passes(project, *pip, "--no-index", "--target", str(site), *options, ".")
    return site
