"""Saved models come back the same, or say why not."""

from __future__ import annotations

import pytest
import torch

import eqsets
from eqsets import OptionError
from eqsets.generative import SymmetryModel

SHAPE = (1, 16, 16)


@pytest.fixture
def fitted(tiny, rotated_images) -> SymmetryModel:
    model = SymmetryModel("rotation", SHAPE, passes=2)
    model.fit(rotated_images(24, 1.0), preset=tiny, quiet=True)
    return model


def test_comes_back_the_same(fitted, rotated_images, tmp_path):
    fitted.save(tmp_path / "model.pt")
    loaded = SymmetryModel.load(tmp_path / "model.pt")
    x = rotated_images(4, 1.0)
    assert torch.equal(fitted.log_prob(x), loaded.log_prob(x))
    assert torch.equal(fitted.prototype(x), loaded.prototype(x))
    assert loaded.history == fitted.history
    assert loaded.passes == 2


def test_an_unfitted_model_comes_back(tmp_path):
    SymmetryModel("affine", SHAPE, backbone="cnn", dropout=0.25).save(tmp_path / "model.pt")
    loaded = SymmetryModel.load(tmp_path / "model.pt")
    assert loaded.backbone == "cnn"
    assert loaded.dropout == 0.25


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
    with pytest.raises(OptionError, match="has format 99, expected 1 to 2"):
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


def test_files_of_format_1_load(fitted, rotated_images, tmp_path):
    """``prototype_bank`` was called ``kept`` in them."""
    path = tmp_path / "model.pt"
    fitted.save(path)
    content = torch.load(path, weights_only=True)
    content["state"]["kept"] = content["state"].pop("prototype_bank")
    torch.save({**content, "format": 1}, path)
    loaded = SymmetryModel.load(path)
    assert torch.equal(loaded.prototype_bank, fitted.prototype_bank)
    x = rotated_images(4, 1.0)
    assert torch.equal(fitted.log_prob(x), loaded.log_prob(x))


def test_old_names_warn():
    model = SymmetryModel("rotation", SHAPE)
    with pytest.warns(DeprecationWarning, match="store_prototypes"):
        model.keep(torch.zeros(2, *SHAPE))
    with pytest.warns(DeprecationWarning, match="prototype_bank"):
        assert len(model.kept) == 2
