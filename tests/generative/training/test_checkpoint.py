"""Saved models come back the same, or say why not."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import torch

import eqsets
from eqsets import OptionError
from eqsets.generative import SymmetryModel
from eqsets.generative.training.files import write_whole

SHAPE = (1, 16, 16)


@pytest.fixture
def fitted(tiny, turned_pictures) -> SymmetryModel:
    model = SymmetryModel("rotation", SHAPE, passes=2)
    model.fit(turned_pictures(24, 1.0), preset=tiny, quiet=True)
    return model


def test_comes_back_the_same(fitted, turned_pictures, tmp_path):
    fitted.save(tmp_path / "model.pt")
    loaded = SymmetryModel.load(tmp_path / "model.pt")
    x = turned_pictures(4, 1.0)
    assert torch.equal(fitted.log_prob(x), loaded.log_prob(x))
    assert torch.equal(fitted.prototype(x), loaded.prototype(x))
    assert loaded.history == fitted.history
    assert loaded.passes == 2


def test_an_unfitted_model_comes_back(tmp_path):
    SymmetryModel("affine", SHAPE, backbone="cnn").save(tmp_path / "model.pt")
    assert SymmetryModel.load(tmp_path / "model.pt").backbone == "cnn"


def test_a_family_without_a_name_must_be_brought(tmp_path):
    family = eqsets.transformation("rotation")
    SymmetryModel(family, SHAPE).save(tmp_path / "model.pt")
    with pytest.raises(OptionError, match="family="):
        SymmetryModel.load(tmp_path / "model.pt")
    with pytest.raises(OptionError, match="expected the same"):
        SymmetryModel.load(tmp_path / "model.pt", family=eqsets.transformation("affine"))
    assert SymmetryModel.load(tmp_path / "model.pt", family=family).family == family


def test_another_version_is_named(tmp_path):
    path = tmp_path / "model.pt"
    SymmetryModel("rotation", SHAPE).save(path)
    content = torch.load(path, weights_only=True)
    torch.save({**content, "format": 99}, path)
    with pytest.raises(OptionError, match="has format 99, expected 1"):
        SymmetryModel.load(path)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04broken"])
def test_a_damaged_file_is_named(content, tmp_path):
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(OptionError, match="cannot be read"):
        SymmetryModel.load(tmp_path / "model.pt")


def test_something_else_is_named(tmp_path):
    torch.save({"weights": 1}, tmp_path / "model.pt")
    with pytest.raises(OptionError, match="holds something else"):
        SymmetryModel.load(tmp_path / "model.pt")


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
from eqsets.generative.training.files import write_whole

class Dies:
    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGKILL)

write_whole({"a": torch.ones(3)}, Path(sys.argv[1]))
write_whole({"a": torch.zeros(300_000), "b": Dies()}, Path(sys.argv[1]))
"""


def test_what_was_there_survives_a_kill_in_the_middle_of_writing(tmp_path):
    path = tmp_path / "model.pt"
    killed = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert torch.equal(torch.load(path, weights_only=True)["a"], torch.ones(3))
    write_whole({"a": torch.zeros(3)}, path)  # what the killed one left is in nobody's way
    assert torch.equal(torch.load(path, weights_only=True)["a"], torch.zeros(3))
