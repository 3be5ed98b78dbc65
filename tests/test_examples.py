"""Every example runs from top to bottom, on a few steps, and ends with its equivariance error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each test starts processes of its own

# torch_geometric scripts its modules while it is imported, which torch deprecates.
WARNINGS = ["-W", "error", "-W", "ignore:`torch.jit:DeprecationWarning"]
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(example, tmp_path):
    finished = subprocess.run(
        [sys.executable, *WARNINGS, example, "--smoke"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert finished.returncode == 0, finished.stderr
    last = finished.stdout.splitlines()[-1]
    assert last.startswith("equivariance error")
    assert float(last.split()[-1]) < 1e-5
