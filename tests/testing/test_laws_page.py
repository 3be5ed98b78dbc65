"""The page of the laws agrees with the code; its table is made from the laws."""

from __future__ import annotations

from pathlib import Path

from eqsets.testing import LAWS
from eqsets.testing.laws import FAMILIES
from tools.what_is_proven import START, generated

PROVEN = Path(__file__).parents[2] / "docs" / "what-is-proven.md"
TOOL = "python tools/what_is_proven.py"
PAGE = Path(__file__).parents[2] / "docs" / "laws.md"


def table() -> str:
    """Return the part of the page that lists the laws."""
    parts = []
    for letter, title in FAMILIES.items():
        rows = [law for law in LAWS if law.id[2] == letter]
        lines = [f"### {letter}: {title}\n", "| id | what must hold | what breaks it |"]
        lines += ["|---|---|---|"]
        lines += [f"| `{law.id}` | {law.statement} | {law.breaks} |" for law in rows]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def test_what_is_proven_lists_the_cases_of_every_law() -> None:
    assert PROVEN.read_text().partition(START)[2] == generated(), f"run {TOOL}"


def test_the_page_lists_every_law_as_the_code_states_it() -> None:
    assert table() in PAGE.read_text(), f"the list in docs/laws.md should read:\n\n{table()}"
