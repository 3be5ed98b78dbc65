"""A file is written whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import torch

from eqsets.training import write_whole


def test_what_was_there_survives_a_failed_write(tmp_path):
    path = tmp_path / "model.pt"
    write_whole({"a": torch.ones(3)}, path)

    class Full:
        """Fails half-way, as a full disk does."""

        def __reduce__(self):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_whole({"a": torch.zeros(3), "b": Full()}, path)
    assert torch.equal(torch.load(path, weights_only=True)["a"], torch.ones(3))
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt"]


KILLED = """
import os, signal, sys, torch
from pathlib import Path
from eqsets.training.files import write_whole

class Killed:
    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGKILL)

write_whole({"a": torch.ones(3)}, Path(sys.argv[1]))
write_whole({"a": torch.zeros(300_000), "b": Killed()}, Path(sys.argv[1]))
"""


def test_what_was_there_survives_a_kill_in_the_middle_of_writing(tmp_path):
    path = tmp_path / "model.pt"
    killed = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert torch.equal(torch.load(path, weights_only=True)["a"], torch.ones(3))
    write_whole({"a": torch.zeros(3)}, path)  # files of the killed process do not interfere
    assert torch.equal(torch.load(path, weights_only=True)["a"], torch.zeros(3))
