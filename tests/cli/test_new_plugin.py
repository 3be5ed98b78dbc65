"""``eqsets new-plugin``: names, folders, what it says, and the form of what it writes."""

from __future__ import annotations

import ast
import builtins
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from eqsets.cli import main
from eqsets.cli._scaffold import RESERVED, Names, files, write
from eqsets.errors import OptionError
from eqsets.registry import Registry

ROOT = Path(__file__).parents[2]
KNOTS = """
    from eqsets.hookspecs import hookimpl

    @hookimpl
    def eqsets_element_symmetries():
        return {"knots": "heavy_knots:Knots"}
"""


def run(*arguments: str, registry: Registry | None = None):
    return CliRunner().invoke(main, ["new-plugin", *arguments], obj=registry)


def written(folder: Path) -> dict[str, str]:
    result = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in result}


def test_the_folder_is_made_and_the_next_commands_are_named(tmp_path):
    result = run("my-knots", "--directory", str(tmp_path))
    assert result.exit_code == 0
    folder = tmp_path / "eqsets-my-knots"
    assert written(folder) == files(Names.of("my-knots"))
    assert (
        f'next:\n  cd {folder}\n  pip install -e ".[test]"\n  pytest --eqsets-profile quick\n'
        in result.stdout
    )
    assert "src/eqsets_my_knots/symmetry.py" in result.stdout


def test_the_default_folder_is_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("my-knots").exit_code == 0
    assert (tmp_path / "eqsets-my-knots" / "pyproject.toml").exists()


def test_json_says_what_was_made(tmp_path):
    built = json.loads(run("my-knots", "--directory", str(tmp_path / "new"), "--json").stdout)
    assert built["ok"]
    assert (built["name"], built["distribution"]) == ("my-knots", "eqsets-my-knots")
    assert sorted(written(Path(built["directory"]))) == built["files"]
    assert len(built["next"]) == 3


@pytest.mark.parametrize(
    "text", ["my-knots", "eqsets-my-knots", "My_Knots", "my.knots", "my-_knots"]
)
def test_a_name_is_normalized_as_package_indexes_do(text):
    assert Names.of(text) == Names("my-knots", "eqsets-my-knots", "eqsets_my_knots", "my_knots")


@given(st.text(max_size=40) | st.from_regex(r"[A-Za-z0-9._-]+", fullmatch=True))
@example("eqsets-eqsets-x")
def test_every_name_is_refused_or_good_for_indexes_and_python(text):
    try:
        names = Names.of(text)
    except OptionError:
        return
    assert canonicalize_name(names.distribution, validate=True) == names.distribution
    assert names.package.isidentifier()
    assert names.function.isidentifier()
    assert Names.of(names.distribution) == Names.of(names.name) == names


WRONG = ["", "-", "my knots", "../knots", "knots/", "-knots", "knots-", "noeud-é", "a+b", "a:b"]
WRONG += ["3d-lattice", "class", "eqsets-", "eqsets-3d", "knots\n", "a" * 33]


@pytest.mark.parametrize("text", WRONG)
def test_a_name_that_nothing_can_have_is_refused(text, tmp_path):
    result = run("--directory", str(tmp_path), "--", text)
    assert result.exit_code == 2
    assert f"cannot have the name {text!r}, expected letters" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", [*sorted(RESERVED), "set", "len", "test_rings"])
def test_a_name_that_the_code_uses_is_refused(text):
    with pytest.raises(OptionError, match=r"uses for something else\. Write for example my-"):
        Names.of(text)


def test_what_is_reserved_is_what_the_code_uses():
    names, used = Names.of("my-knots"), set()
    for path, text in files(names).items():
        if path.endswith(("symmetry.py", "contract.py", "test_laws.py")):
            for node in ast.walk(ast.parse(text)):
                used |= {node.id} if isinstance(node, ast.Name) else set()
                used |= {node.arg} if isinstance(node, ast.arg) else set()
                used |= {node.asname or node.name} if isinstance(node, ast.alias) else set()
                used |= {node.name} if isinstance(node, ast.FunctionDef) else set()
    functions = {name for name in used - {names.function} if name.islower()}
    functions -= {name for name in functions if name.startswith("test")}
    assert {name for name in functions if not hasattr(builtins, name)} | {"eqsets"} == RESERVED


def test_a_name_that_a_plugin_provides_is_refused(site, tmp_path):
    site.install("knots", {"knots": "knots_plugin"}, version="2.5", knots_plugin=KNOTS)
    registry = Registry(site.entry_points(), {})
    result = run("knots", "--directory", str(tmp_path / "new"), "--json", registry=registry)
    assert result.exit_code == 2
    assert "taken by the element group 'knots' of knots 2.5, expected a new one" in result.stderr
    assert json.loads(result.stdout)["ok"] is False
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("cyclic", "the element group 'cyclic' of eqsets (source tree)"),
        ("affine", "the distribution 'eqsets-affine' of eqsets"),
        ("loops", "the installed distribution 'eqsets-loops'"),
        ("ropes", "the module 'eqsets_ropes' that Python finds"),
    ],
)
def test_a_name_that_is_taken_is_refused(name, owner, site, tmp_path):
    site.install("eqsets-loops", {})
    site.write(eqsets_ropes="")
    result = run(name, "--directory", str(tmp_path / "new"), registry=Registry([], {}))
    assert result.exit_code == 2
    assert f"taken by {owner}, expected a new one. Choose another" in result.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_exists_is_left_alone(kind, tmp_path):
    target = tmp_path / "eqsets-my-knots"
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    result = run("my-knots", "--directory", str(tmp_path))
    assert result.exit_code == 2
    assert "exists, expected a name that is free. Nothing was changed" in result.stderr
    assert written(tmp_path) == ({target.name: "mine"} if kind == "file" else {})


def test_a_folder_that_cannot_be_created_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OptionError, match=r"cannot write .*Not a directory.*--directory"):
        write(tmp_path / "file" / "folder" / "eqsets-my-knots", {})


@pytest.mark.parametrize("name", ["o", "my-knots", "a" * 32])
def test_what_is_written_has_the_form_that_it_asks_for(name, tmp_path):
    names = Names.of(name)
    write(tmp_path / "project", files(names))
    for command in ("check", "format --check"):
        ruff = [sys.executable, "-m", "ruff", *command.split(), "--no-cache", "."]
        done = subprocess.run(ruff, cwd=tmp_path / "project", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    project = tomllib.loads((tmp_path / "project" / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {"eqsets": {name: f"{names.package}.plugin"}}
    assert not [path for path, text in written(tmp_path).items() if "{{" in text.replace("${{", "")]


def test_the_wheel_of_eqsets_has_the_templates(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    folder = ROOT / "eqsets" / "cli" / "templates"
    assert {f"eqsets/cli/templates/{path.name}" for path in folder.iterdir()} <= packed
