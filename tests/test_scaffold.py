"""The output of ``eqsets new-plugin``: it installs, is discovered, and passes its contract."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent

import pytest

from tests.outside import EQSETS, PYTEST, QUICK, install, passes
from tests.outside import run as run_with

pytestmark = pytest.mark.slow  # each test starts processes of its own

PAGE = Path(__file__).parents[1] / "docs" / "write-a-plugin.md"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a plugin, and install it as its author would, into a folder of its own."""
    folder = tmp_path_factory.mktemp("outside")
    built = passes(folder, *EQSETS, "new-plugin", "rings-of-beads", "--json")
    project = Path(json.loads(built)["directory"])
    install(project, folder / "site", "--editable")
    return project


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command where Python finds the sources, so that edits count, and the metadata."""
    return run_with(project, *command, path=(project / "src", project.parent / "site"))


@pytest.fixture
def edit(project: Path) -> Iterator[Callable[[str, str], None]]:
    """Replace a part of the symmetry, as its author would; it is put back afterwards."""
    path = project / "src" / "eqsets_rings_of_beads" / "symmetry.py"
    source = path.read_text()

    def replace(old: str, new: str) -> None:
        assert source.count(old) == 1
        path.write_text(source.replace(old, new))

    yield replace
    path.write_text(source)


def failed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the names of the tests that failed, as pytest sums them up."""
    assert done.returncode == 1, done.stdout + done.stderr
    return re.findall(r"^FAILED \S+::(\S+)", done.stdout, re.MULTILINE)


def test_it_is_listed(project: Path) -> None:
    records = json.loads(run(project, *EQSETS, "plugins", "--json").stdout)
    (result,) = [record for record in records if record["name"] == "rings-of-beads"]
    assert (result["distribution"], result["status"]) == ("eqsets-rings-of-beads", "ok")


def test_it_keeps_its_contract_in_a_shell(project: Path) -> None:
    done = run(project, *EQSETS, "check", "rings-of-beads", "--profile", "quick", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    tried = [law for law in report["checks"] if law["status"] == "passed"]
    assert len(tried) >= 60


def test_its_own_tests_and_its_readme_pass(project: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (project / "README.md").read_text(), re.DOTALL)
    (project / "tests" / "test_readme.py").write_text(f"def test_it():\n{indent(code, '    ')}")
    done = run(project, *PYTEST, *QUICK)
    (project / "tests" / "test_readme.py").unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"[6-9]\d passed", done.stdout)


def test_a_wrong_move_breaks_a_law_that_is_named(project: Path, edit: Callable[..., None]) -> None:
    edit("return torch.arange(beads).flip(0)", "return torch.tensor([2, 1, 0, *range(3, beads)])")
    done = run(project, *PYTEST, *QUICK, "-k", "EQG")
    law = "test_law[rings-of-beads-EQG04-sampler-stays-inside]"
    assert law in failed(done)
    assert "rings-of-beads breaks a law" in done.stdout
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for line in shown.splitlines():
        assert line in done.stdout


def test_a_move_that_was_forgotten_is_found(project: Path, edit: Callable[..., None]) -> None:
    edit("[turn(beads), flip(beads)]", "[turn(beads)]")
    done = run(project, *PYTEST, *QUICK, "-k", "forgets or symmetry")
    assert "test_a_layer_that_forgets_a_move_is_found" in failed(done)
    assert "Expected:\n    12\nGot:\n    6\n" in done.stdout


def test_what_is_no_move_is_refused(project: Path, edit: Callable[..., None]) -> None:
    edit("return torch.arange(beads).flip(0)", "return torch.arange(beads).clamp(1)")
    done = run(project, *EQSETS, "check", "rings-of-beads")
    assert done.returncode == 3, "1 would say that a law failed"
    assert "Error: got the generator [1, 1, 2, 3, 4, 5], expected a permutation" in done.stderr
    assert "Traceback" not in done.stderr
