"""Two processes fit one model together, by Lightning's strategies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import torch

SCRIPT = """
    import sys
    from pathlib import Path

    import torch

    from eqsets.generative import Preset, StagePlan, SymmetryModel

    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    x = torch.rand(24, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 1.8 - 1
    plan = StagePlan(6, batch=8, check_every=3)
    model = SymmetryModel("similarity", (1, 8, 8))
    model.fit(
        x,
        preset=Preset(inference=plan, density=plan, prototypes=1),
        folder=folder,
        quiet=True,
        accelerator="cpu",
        devices=2,
        strategy="ddp",
    )
    rank = torch.distributed.get_rank()
    model.save(folder / f"model-{rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_end_with_the_same_model(tmp_path: Path) -> None:
    script = tmp_path / "fit.py"
    script.write_text(dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (
        torch.load(tmp_path / f"model-{rank}.pt", weights_only=True) for rank in (0, 1)
    )
    assert first["history"] == second["history"]
    assert [row["step"] for row in first["history"]["density"]] == [3, 6]
    for name, tensor in first["state"].items():
        assert torch.equal(tensor, second["state"][name]), name
    assert (tmp_path / "inference.ckpt").exists()
