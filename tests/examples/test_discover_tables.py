"""The tables of known truths and of clutter on the page are those of the committed rows."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import discover_known_truth

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "discover.md").read_text(encoding="utf-8")


def test_known_truths() -> None:
    results = json.loads((ROOT / "results" / "discover-known-truth.json").read_text())
    for line in discover_known_truth.table(results["data"], results["planned"]).splitlines():
        assert line in PAGE, line


def test_clutter() -> None:
    results = json.loads((ROOT / "results" / "discover-clutter.json").read_text())
    for half, start in (("tuning", "up to 0.7 as bright | tuning"), ("held-out", "| held out")):
        rows = [
            row
            for row in results[half]
            if row["objects"] == "letters" and row["background"] == "subtracted"
        ]
        counts = Counter(verdict for row in rows for verdict, _ in row["verdicts"].values())
        numbers = " | ".join(str(counts[word]) for word in ("right", "declined", "false"))
        assert f"{start} | {numbers} |" in " ".join(PAGE.split()), (half, counts)
