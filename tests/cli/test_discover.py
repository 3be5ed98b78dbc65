"""``eqsets discover``: what it writes and prints, and what it says where it cannot."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import eqsets.generative
import eqsets.training.files
from eqsets.cli._group import main
from eqsets.generative import Preset, StagePlan

STAGE = StagePlan(4, batch=8, check_every=2)


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(main, ["discover", *map(str, arguments)])


@pytest.fixture
def images(tmp_path):
    x = np.zeros((48, 10, 10), np.uint8)
    x[:, 3:8, 4:6] = 255
    path = tmp_path / "bars.npz"
    np.savez(path, images=x)
    return path


@pytest.fixture
def short(monkeypatch):
    """Let ``discover`` fit for a moment only."""
    real = eqsets.generative.discover

    def quickly(*arguments, **options):
        preset = Preset(STAGE, STAGE, prototypes=2)
        return real(*arguments, **{**options, "preset": preset})

    monkeypatch.setattr(eqsets.generative, "discover", quickly)


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_writes_a_page_and_figures_and_prints_a_summary(run, images, tmp_path):
    result = run(images, "--family", "translation", "--output", tmp_path / "o", "--quiet")
    assert result.exit_code == 0, result.output
    for text in ("bars.npz", "shift x", "absent", "too little data", "eqsets.DSS", "report.html"):
        assert text in result.output
    written = json.loads((tmp_path / "o" / "report.json").read_text())
    assert written["claims"][0]["verdict"] == "absent"
    assert (tmp_path / "o" / "report.html").read_text().startswith("<!doctype html>")
    again = run(images, "--family", "translation", "--output", tmp_path / "o", "--json")
    assert json.loads(again.stdout)["claims"] == written["claims"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.npz"], 2, "there is no file or folder"),
        (["IMAGES", "--preset", "slow"], 2, "'slow' is not one of"),
        (["IMAGES", "--family", "turning"], 3, "turning"),
        (["IMAGES", "--family", "hue"], 2, "are grey"),
    ],
)
def test_says_what_is_wrong(run, images, arguments, code, message):
    given = [images if word == "IMAGES" else word for word in arguments]
    result = run(*given, "--quiet")
    assert result.exit_code == code
    assert message in result.output


def test_bad_images_are_an_error_of_usage(run, tmp_path):
    np.save(tmp_path / "x.npy", np.full((40, 8, 8), np.nan))
    result = run(tmp_path / "x.npy", "--quiet")
    assert result.exit_code == 2
    assert "not finite" in result.output


@pytest.mark.usefixtures("short")
def test_unreadable_files_are_left_out_on_request(run, tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(40):
        Image.fromarray(rng.integers(0, 99, (10, 10), np.uint8)).save(folder / f"{index:02}.png")
    (folder / "07.png").write_bytes(b"no picture")
    options = ("--family", "translation", "--output", tmp_path / "o", "--quiet")
    result = run(folder, *options)
    assert result.exit_code == 2
    assert "1 of 40 files cannot be read: 07.png" in result.output
    result = run(folder, *options, "--skip-unreadable", "--limit", "36")
    assert result.exit_code == 0, result.output
    assert "1 files could not be read and were left out: 07.png" in " ".join(result.output.split())
    written = json.loads((tmp_path / "o" / "report.json").read_text())
    assert written["facts"]["images"] in (35, 36)


@pytest.mark.usefixtures("short")
def test_a_full_disk_is_one_clear_error(run, images, tmp_path, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(eqsets.training.files.os, "fsync", full)
    result = run(images, "--family", "translation", "--output", tmp_path / "o", "--quiet")
    assert result.exit_code == 2
    assert "No space left on device" in result.output
    assert "the same command resumes" in " ".join(result.output.split())
    assert "Traceback" not in result.output


@pytest.mark.parametrize("by_lightning", [True, False])
def test_ctrl_c_says_how_to_go_on(run, images, monkeypatch, by_lightning):
    def stop(*_, **__):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            if by_lightning:
                raise SystemExit(1)  # noqa: B904  (so does Lightning)
            raise

    monkeypatch.setattr(eqsets.generative, "discover", stop)
    monkeypatch.setattr("sys.argv", ["eqsets", "discover", "my images.npz", "--fresh"])
    result = run(images)
    assert result.exit_code == 130
    assert "resume with: eqsets discover 'my images.npz'" in result.output
    assert "--fresh" not in result.output


def test_other_exits_are_passed_on(run, images, monkeypatch):
    def leave(*_, **__):
        raise SystemExit(7)

    monkeypatch.setattr(eqsets.generative, "discover", leave)
    assert run(images).exit_code == 7


@pytest.mark.parametrize("module", ["zuko", "PIL"])
def test_a_missing_extra_is_one_clear_error(run, images, monkeypatch, module):
    import eqsets.optional as needs

    def absent(name):
        if name == module:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return SimpleNamespace()

    monkeypatch.setattr(needs, "import_module", absent)
    result = run(images, "--family", "translation", "--quiet")
    assert result.exit_code == 2
    assert 'pip install "eqsets[generative]"' in result.output
    assert "Traceback" not in result.output


def test_the_kind_is_asked_for_and_graphs_are_refused(run, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((300, 64, 3)))
    asked = run(tmp_path / "x.npy", "--quiet")
    assert asked.exit_code == 2
    text = " ".join(asked.output.split())
    assert "--kind clouds: 300 point clouds of 64 points" in text
    assert "--kind images: 300 grey images of 64 x 3 pixels" in text
    refused = run(tmp_path / "x.npy", "--kind", "graphs", "--quiet")
    assert refused.exit_code == 2
    assert "all permutations of them are a symmetry" in " ".join(refused.output.split())


def test_clouds_get_a_page_of_their_own(run, tmp_path, short):
    generator = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", generator.normal(size=(48, 12, 2)) * [1.0, 0.5] + [0.0, 0.2])
    result = run(
        tmp_path / "x.npy", "--kind", "clouds", "--output", tmp_path / "out", "--quiet", "--json"
    )
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "out" / "report.json").read_text())
    assert numbers["facts"]["kind"] == "clouds"
    assert numbers["facts"]["family"] == "cloud-similarity-2d"
    assert "Sets(" in numbers["recommendation"]["code"]
    assert "48 clouds of shape" in (tmp_path / "out" / "report.html").read_text()
