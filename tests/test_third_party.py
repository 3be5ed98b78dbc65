"""The plugins in examples/third_party: each installs, is found, and passes its own tests."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import eqsets
from tests.outside import EQSETS, PYTEST, QUICK, install, passes

pytestmark = pytest.mark.slow  # each test starts processes of its own

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path.parent for path in ROOT.glob("examples/third_party/*/pyproject.toml"))


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, installed separately, so that the examples do not change."""
    folder: Path = tmp_path_factory.mktemp("outside")
    copy = shutil.copytree(request.param, folder / request.param.name)
    install(copy, folder / "site")
    return copy


def test_there_is_one() -> None:
    assert "eqsets-voxels" in [folder.name for folder in FOLDERS]


def test_its_own_tests_and_its_readme_pass(project: Path) -> None:
    output = passes(project, *PYTEST, *QUICK, path=(project.parent / "site",))
    assert re.search(r"1\d\d passed", output), output


def test_its_demonstration_runs(project: Path) -> None:
    (script,) = project.glob("*.py")
    command = (*EQSETS[:1], "-W", "error", str(script), "--smoke")
    output = passes(project, *command, path=(project.parent / "site",))
    shapes, exact = output.splitlines()[0], output.splitlines()[-1]
    assert shapes == "29 pentacubes, 23 up to reflections"
    assert float(exact.split()[-1]) < 1e-5


def test_it_is_listed_and_was_not_installed_here(project: Path) -> None:
    site = project.parent / "site"
    name = project.name.removeprefix("eqsets-")
    listed = json.loads(passes(project, *EQSETS, "plugins", "--json", path=(site,)))
    (result,) = [record for record in listed if record["name"] == name]
    assert (result["distribution"], result["status"]) == (project.name, "ok")
    assert name not in {record.name for record in eqsets.plugins()}
