"""The table of planted faults fits the sources: a stale entry would test nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tools/mutants/planted.toml"
FAULTS = tomllib.loads(TABLE.read_text(encoding="utf-8"))["fault"] if TABLE.exists() else []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["name"])
def test_planted_text_occurs_once(fault: dict[str, str]) -> None:
    source = (ROOT / fault["path"]).read_text(encoding="utf-8")
    assert source.count(fault["before"]) == 1
    assert fault["after"] != fault["before"]


def test_names_differ() -> None:
    assert len({fault["name"] for fault in FAULTS}) == len(FAULTS)
