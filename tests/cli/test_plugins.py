"""``eqsets plugins``, and what the command line does before any command runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from eqsets.cli import main
from eqsets.registry import Registry

GOOD = """
    from eqsets.hookspecs import hookimpl

    @hookimpl
    def eqsets_element_symmetries():
        return {"knots": "heavy_knots:Knots"}
"""


def run(*arguments: str, registry: Registry | None = None):
    return CliRunner().invoke(main, arguments, obj=registry)


@pytest.fixture
def registry(site) -> Registry:
    site.install("knots", {"knots": "knots_plugin"}, version="2.5", knots_plugin=GOOD)
    site.install("ropes", {"ropes": "ropes_plugin"}, ropes_plugin="import no_such_backend")
    site.install("loops", {"loops": "loops_plugin"}, loops_plugin="")
    return Registry(site.entry_points(), {"EQSETS_DISABLE_PLUGINS": "loops"})


def test_the_table_shows_each_name_with_its_origin(registry):
    result = run("plugins", registry=registry)
    assert result.exit_code == 0
    rows = [line.split("│")[1:-1] for line in result.stdout.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert ["knots", "element group", "knots", "2.5", "ok"] in cells
    assert ["sum", "aggregation", "eqsets", "(source tree)", "ok"] in cells
    assert ["ropes", "plugin", "ropes", "1.0", "broken"] in cells
    assert ["loops", "plugin", "loops", "1.0", "disabled"] in cells


def test_a_broken_plugin_is_listed_with_its_cause_and_the_command_that_fixes_it(registry):
    output = run("plugins", registry=registry).stdout
    assert "plugin 'ropes' of ropes 1.0 is broken" in output
    assert "  cause: ModuleNotFoundError: No module named 'no_such_backend'\n" in output
    assert "  fix:   pip install --upgrade ropes\n" in output


@pytest.mark.parametrize(
    ("options", "status", "error"),
    [((), "ok", None), (("--load",), "broken", "ImportError: numpy is too new")],
)
def test_loading_finds_what_listing_cannot(registry, site, options, status, error):
    site.write(heavy_knots="raise ImportError('numpy is too new')")
    listed = json.loads(run("plugins", "--json", *options, registry=registry).stdout)
    (knots,) = [record for record in listed if record["name"] == "knots"]
    assert (knots["status"], knots["error"]) == (status, error)
    (core,) = [record for record in listed if record["name"] == "cyclic"]
    assert core["status"] == "ok"


def test_long_names_stay_whole_in_a_pipe(site):
    name, source = "knots-" * 9 + "end", GOOD.replace('"knots"', '"knots-' + "long-" * 6 + 'end"')
    site.install(name, {"knots": "knots_plugin"}, knots_plugin=source)
    output = run("plugins", registry=Registry(site.entry_points(), {})).stdout
    assert name in output
    assert "knots-" + "long-" * 6 + "end" in output


def test_json_is_the_list_of_records(registry):
    result = run("plugins", "--json", registry=registry)
    listed = json.loads(result.stdout)
    assert listed == [record.to_dict() for record in registry.plugins()]
    (ropes,) = [record for record in listed if record["name"] == "ropes"]
    assert ropes["status"] == "broken"
    assert ropes["error"] == "ModuleNotFoundError: No module named 'no_such_backend'"


def test_the_installed_plugins_are_listed_by_default():
    names = {record["name"] for record in json.loads(run("plugins", "--json").stdout)}
    assert {"trivial", "cyclic", "dihedral", "symmetric", "grid-rotations", "sum"} <= names


@pytest.mark.slow
def test_help_lists_the_commands_without_importing_them():
    code = "import sys; from eqsets.cli import main; main(['--help'], standalone_mode=False);"
    code += "print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "check       Hold a symmetry to the laws of its contract." in result.stdout
    assert not {"eqsets_demo", "hypothesis", "rich", "skimage"} & set(result.stdout.split())


def test_the_version_is_shown():
    assert run("--version").stdout.startswith("eqsets, version ")


@pytest.mark.parametrize("arguments", [["plugin"], ["plugins", "--yaml"], ["plugins", "more"]])
def test_wrong_usage_exits_with_2(arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["click", "rich"])
def test_missing_dependencies_are_named_with_the_command_that_installs_them(missing):
    code = f"import sys; sys.modules['{missing}'] = None; from eqsets.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert f"the command line needs {missing}" in result.stderr
    assert 'pip install "eqsets[cli]"' in result.stderr
    assert "Traceback" not in result.stderr
