"""The short version of the demo for users runs from top to bottom."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "restore_bursts.py"


def test_the_example_runs(tmp_path):
    finished = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, "--smoke"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    last = finished.stdout.splitlines()[-1]
    assert last.startswith("equivariance error")
    assert float(last.split()[-1]) < 1e-5
