"""The page "write a plugin", as written: its files are installed, listed, checked and tested."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from eqsets.cli._scaffold import Names, files
from tests.outside import EQSETS, PYTEST, QUICK, install, passes

pytestmark = pytest.mark.slow  # each test starts processes of its own

PAGE = Path(__file__).parents[1] / "docs" / "write-a-plugin.md"
FILE = re.compile(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTE = re.compile(r"^<!-- not run: in (\S+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files of the page and install them into a folder of their own, offline."""
    project = tmp_path_factory.mktemp("project")
    for name, text in FILE.findall(PAGE.read_text()):
        (project / name).write_text(text)
    site = install(project, tmp_path_factory.mktemp("site"))
    (site / "test_laws.py").write_text((project / "test_laws.py").read_text())
    return site


def test_the_page_quotes_what_the_command_writes() -> None:
    written = {Path(path).name: text for path, text in files(Names.of("necklace")).items()}
    quotes = QUOTE.findall(PAGE.read_text())
    assert [name for name, _ in quotes] == ["symmetry.py", "contract.py", "test_laws.py"]
    for name, quote in quotes:
        assert quote in written[name]


def test_the_plugin_is_fifteen_lines() -> None:
    files = dict(FILE.findall(PAGE.read_text()))
    assert set(files) == {"eqsets_necklace.py", "pyproject.toml", "test_laws.py"}
    lines = [line for line in files["eqsets_necklace.py"].splitlines() if line.strip()]
    assert len(lines) <= 15


def test_the_plugin_is_listed(installed: Path) -> None:
    records = json.loads(passes(installed, *EQSETS, "plugins", "--json", path=(installed,)))
    (result,) = [record for record in records if record["name"] == "necklace"]
    assert result["distribution"] == "eqsets-necklace"
    assert result["status"] == "ok"


def test_the_plugin_keeps_the_laws_from_the_shell(installed: Path) -> None:
    command = (*EQSETS, "check", "necklace", "--profile", "quick", "--json")
    assert json.loads(passes(installed, *command, path=(installed,)))["ok"]


def test_the_plugins_own_tests_pass(installed: Path) -> None:
    command = (*PYTEST, *QUICK, "-k", "EQG or EQL", "test_laws.py")
    assert " passed" in passes(installed, *command, path=(installed,))
