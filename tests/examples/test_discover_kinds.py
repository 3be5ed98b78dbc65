"""The page says what the committed verdicts say."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = json.loads((ROOT / "results" / "discover-kinds.json").read_text())


def test_the_counts_are_those_of_the_verdicts() -> None:
    claims = [claim for data in RESULTS["data"] for claim in data["claims"].values()]
    counts = RESULTS["verdicts"]
    for outcome, count in counts.items():
        assert sum(claim["outcome"] == outcome for claim in claims) == count
    assert sum(counts.values()) == len(claims)
    page = " ".join((ROOT / "docs" / "discover.md").read_text().split())
    assert f"{len(RESULTS['data'])} were run" in page
    assert f"{counts['right']} of {len(claims)} verdicts are right" in page
    assert counts["false claim"] == 0
    assert "none is a false claim" in page


def test_the_seconds_are_on_the_page() -> None:
    page = (ROOT / "docs" / "discover.md").read_text()
    table = page[page.index("| data | truth | verdicts |") :].split("\n\n")[0]
    shown = {part.strip() for row in table.splitlines() for part in row.split("|")[-2].split(";")}
    measured = {str(round(data["seconds"])) for data in RESULTS["data"]}
    assert measured <= shown
