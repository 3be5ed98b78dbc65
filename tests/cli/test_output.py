"""With ``--json``, standard output holds the JSON alone, whatever plugins print and when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import click
import pytest
from click.testing import CliRunner

from eqsets.cli import main

NOISY = """
    import atexit
    import ctypes
    import os

    print("python at import")
    os.write(1, b"descriptor at import\\n")
    ctypes.CDLL(None).puts(b"C at import")
    atexit.register(print, "python at exit")

    from eqsets import hookimpl
    from eqsets.generated import cyclic

    @hookimpl
    def eqsets_element_symmetries():
        return {"noisy": "noisy_plugin:noisy"}

    def noisy():
        print("python while checking")
        return cyclic(size=3)
"""


def execute(
    site: Any, *arguments: str, flags: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site.folder), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *flags, "-m", "eqsets", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="finds the C library as POSIX does")
def test_plugins_that_print_do_not_spoil_the_json(site: Any) -> None:
    site.install("noisy", {"noisy": "noisy_plugin"}, noisy_plugin=NOISY)
    listed = execute(site, "plugins", "--json", "--load")
    assert "noisy" in {record["name"] for record in json.loads(listed.stdout)}
    for text in ("python at import", "descriptor at import", "C at import", "python at exit"):
        assert text in listed.stderr
    checked = execute(
        site,
        "check",
        "noisy",
        "--json",
        "--profile",
        "quick",
        "--only",
        "EQL01-linear-equivariance",
    )
    assert json.loads(checked.stdout)["ok"] is True
    assert "python while checking" in checked.stderr
    failed = execute(site, "check", "no-such-name", "--json")
    assert failed.returncode == 3
    assert json.loads(failed.stdout)["ok"] is False


def test_a_runner_that_replaces_stdout_gets_the_json_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "printing.py").write_text(
        "from eqsets.generated import cyclic\n"
        "def make():\n    print('built')\n    return cyclic(size=3)\n"
    )
    arguments = ["check", "printing:make", "--json", "--only", "EQG01-identity"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    result = CliRunner().invoke(cast(click.Command, main), arguments)
    assert json.loads(result.stdout)["ok"] is True
    assert "built" in result.stderr


@pytest.mark.slow
def test_the_module_runs_and_works_without_docstrings_and_asserts(site: Any) -> None:
    listed = execute(site, "plugins", "--json", flags=("-OO",))
    assert {"trivial", "cyclic"} <= {record["name"] for record in json.loads(listed.stdout)}
    arguments = ("check", "trivial", "--profile", "quick", "--only", "EQL01-linear-equivariance")
    checked = execute(site, *arguments, flags=("-OO",))
    assert checked.returncode == 0, checked.stderr
    assert "Usage: python -m eqsets" in execute(site, "--help").stdout
