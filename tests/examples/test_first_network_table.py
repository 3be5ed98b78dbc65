"""The table of the page for newcomers holds what `examples/first_network.py` measured."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

ROOT = Path(__file__).parents[2]
TASKS = ("bags", "bursts", "clouds", "signals")


def test_the_table_is_the_results() -> None:
    rows: dict[str, list[str]] = {}
    for task in TASKS:
        content = json.loads((ROOT / "results" / f"first-network-{task}.json").read_text())
        for model, title in content["titles"].items():
            figures = [row["figure"] for row in content["rows"] if row["model"] == model]
            error = statistics.stdev(figures) / len(figures) ** 0.5
            cell = f"{statistics.fmean(figures):.1f} ± {error:.1f}"
            rows.setdefault(title, []).append(cell)
    page = (ROOT / "docs" / "first-set-model.md").read_text()
    for title, cells in rows.items():
        assert f"| {title} | {' | '.join(cells)} |" in page
