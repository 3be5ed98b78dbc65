"""Rules of the project that no linter checks."""

from __future__ import annotations

import ast
import itertools
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import eqsets

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "docs", "eqsets", "eqsets_demo", "examples", "plugins", "tests", "tools")
FILES = sorted([*ROOT.glob("*.py"), *(f for d in FOLDERS for f in (ROOT / d).rglob("*.py"))])
PLUGIN_FILES = [f for f in FILES if f.match("plugins/*/src/**/*.py") or "src" in f.parts]
PROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
HEAVY = {
    *("e3nn", "escnn", "hypothesis", "lightning", "matplotlib", "pytest", "scipy", "skimage"),
    *("sympy", "torch._dynamo", "torch._inductor", "torch_geometric", "zuko"),
}


def named(paths: list[Path]) -> dict[str, list[object]]:
    """Return the arguments of ``parametrize`` for files, with paths as ids."""
    return {"argvalues": list(paths), "ids": [str(path.relative_to(ROOT)) for path in paths]}


def imported_names(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def private_imports(path: Path) -> list[str]:
    """Return the names with a leading underscore that a file imports from eqsets."""
    return [n for n in imported_names(path) if re.match(r"eqsets\.(.*\.)?_(?!_)", n)]


def requirements(path: Path) -> Iterator[Requirement]:
    """Yield every requirement that a pyproject.toml names, those of its extras included."""
    content = tomllib.loads(path.read_text())
    project = content["project"]
    extras = project.get("optional-dependencies", {}).values()
    own = [content["build-system"]["requires"], project["dependencies"]]
    yield from map(Requirement, itertools.chain(*own, *extras))


@pytest.mark.parametrize("path", **named(FILES))
def test_file_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400, "split it: one concept per file"


@pytest.mark.parametrize("path", **named(PLUGIN_FILES))
def test_plugin_uses_public_names_only(path: Path) -> None:
    assert not private_imports(path), "first-party plugins use public names, like third-party ones"


def test_private_names_are_recognized(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    path.write_text("from eqsets import DSS\nfrom eqsets.nn._names import x\nimport eqsets._y\n")
    assert private_imports(path) == ["eqsets.nn._names.x", "eqsets._y"]


def test_import_budget() -> None:
    script = """if True:
        import json, sys, torch
        before = set(sys.modules)
        import eqsets
        print(json.dumps(sorted(set(sys.modules) - before)))
    """
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", script]))
    heavy = {name for name in loaded if any(f"{name}.".startswith(f"{h}.") for h in HEAVY)}
    assert not heavy, "import eqsets may not cost more than torch does"
    tops = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
    assert tops <= {"eqsets", "pluggy", "torch"}, "the core depends on torch and pluggy alone"


@pytest.mark.parametrize("path", **named(PROJECTS))
def test_every_dependency_has_a_tested_version(path: Path) -> None:
    lines = [ln for ln in (ROOT / "constraints.txt").read_text().splitlines() if ln[0] != "#"]
    pins = {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}
    for expected in requirements(path):
        name = canonicalize_name(expected.name)
        if name == "eqsets" or name.startswith("eqsets-"):
            continue
        assert name in pins, f"constraints.txt has no {name}"
        (version,) = (specifier.version for specifier in pins[name].specifier)
        assert expected.specifier.contains(version), f"{path} does not admit {name} {version}"


def minima(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the least version of everything that an installation needs, the command line too."""
    project = tomllib.loads(path.read_text())["project"]
    extras = project.get("optional-dependencies", {})
    own = [project["dependencies"], extras.get("cli", []), extras.get("testing", [])]
    for requirement in map(Requirement, itertools.chain(*own)):
        for specifier in requirement.specifier:
            if specifier.operator == ">=" and not requirement.name.startswith("eqsets"):
                yield canonicalize_name(requirement.name), specifier.version


@pytest.mark.parametrize("path", **named(PROJECTS))
def test_the_oldest_versions_are_those_that_are_declared(path: Path) -> None:
    lines = (ROOT / "constraints-oldest.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    oldest = {canonicalize_name(name): Version(version) for name, version in pins.items()}
    for name, version in minima(path):
        assert oldest[name] == Version(version), name


@pytest.mark.parametrize("path", **named(sorted((ROOT / "plugins").glob("*/pyproject.toml"))))
def test_plugins_have_the_version_of_eqsets(path: Path) -> None:
    project = tomllib.loads(path.read_text())["project"]
    assert project["version"] == eqsets.__version__
    (core,) = (r for r in map(Requirement, project["dependencies"]) if r.name == "eqsets")
    assert core.specifier.contains(eqsets.__version__)
    package = next((path.parent / "src").iterdir())
    own = re.search(r'^__version__ = "(.*)"$', (package / "__init__.py").read_text(), re.MULTILINE)
    assert own is None or own[1] == eqsets.__version__


def test_the_citation_and_the_changelog_have_the_version() -> None:
    assert f"version: {eqsets.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{eqsets.__version__}] - " in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("path", **named(PROJECTS[1:]))
def test_tools_are_configured_once(path: Path) -> None:
    assert set(tomllib.loads(path.read_text()).get("tool", {})) <= {"hatch"}
