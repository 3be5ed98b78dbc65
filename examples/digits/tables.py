"""The measured rows as the Markdown tables of the page "Digits".

``PYTHONPATH=examples python -m digits.tables`` writes them into the page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from digits.figures import draw_comparison

__all__ = ["TABLES", "fill"]

Row = dict[str, Any]

FLAT = 0.1  # nats below uniform: modes of flatter densities are noise of the draws

_BLOCK = re.compile(
    r"(?P<begin><!-- table: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)


def networks_table(rows: Sequence[Row]) -> str:
    """Return the best prototypes after several CPU times."""
    lines = []
    for row in rows:
        if row["runner"] == "ours":
            continue
        name = (
            f"{row['runner']}: {row['batch']} x {row['samples']}, order {row['order']}, "
            f"rate {row['rate']:g}"
        )
        curve, shown = row["curve"], []
        for limit in (90, 300, 600, 900, 1200, 1500):
            points = [point for point in curve if point["cpu"] <= limit * 1.05]
            if points and points[-1]["cpu"] >= 0.9 * limit and points != curve:
                shown.append(points)
        for points in (*shown, curve):
            best = min(points, key=lambda point: point["share"])
            lines.append([name, f"{points[-1]['cpu']:.0f}", *_quality([best])])
    ours = [row for row in rows if row["runner"] == "ours"]
    for steps in sorted({row["steps"] for row in ours}):
        points = [row["curve"][-1] for row in ours if row["steps"] == steps]
        name = f"ours: {steps} steps" if steps else "ours: the frame alone"
        lines.append([name, f"{fmean(point['cpu'] for point in points):.1f}", *_quality(points)])
    head = ["network", "CPU s", "variance left", "median image", "energy", "label-paired error"]
    return _table(head, lines)


def digits_table(rows: Sequence[Row]) -> str:
    """Return quality and CPU time for each angle and runner, means over seeds."""
    lines = []
    for angle in sorted({row["angle"] for row in rows}):
        for runner in dict.fromkeys(row["runner"] for row in rows):
            some = [row for row in rows if (row["angle"], row["runner"]) == (angle, runner)]
            if some:
                cpu = f"{fmean(row['cpu'] for row in some):.0f}"
                lines.append([f"{angle}°", runner, str(len(some)), cpu, *_quality(some)])
    head = ["rotated by", "network", "seeds", "CPU s", "variance left", "median image"]
    return _table([*head, "energy", "label-paired error"], lines)


def classes_table(rows: Sequence[Row]) -> str:
    """Return, for each class, nats below uniform and the most frequent number of modes."""
    ours = [row for row in rows if "classes" in row]
    ours.sort(key=lambda row: (row["angle"], row["runner"], row["seed"]))
    lines = []
    for row in ours:
        cells = []
        for about in row["classes"].values():
            counts = about["modes"]
            usual = max(range(len(counts)), key=lambda n: counts[n])
            part = counts[usual] / sum(counts)
            flat = about["below"] < FLAT
            cell = "flat" if flat else f"{usual} ({part:.0%})"
            cells.append(f"{about['below']:.2f}; {cell}")
        preset = f"{row['runner'].removeprefix('ours, ')}, {row['seed']}"
        lines.append([f"{row['angle']}°", preset, *cells])
    return _table(["rotated by", "preset, seed", *(str(n) for n in range(10))], lines)


def colours_table(rows: Sequence[Row]) -> str:
    """Return the accuracy of hue and saturation, means over seeds."""
    lines = []
    for family in dict.fromkeys(row["family"] for row in rows):
        some = [row for row in rows if row["family"] == family]
        for name, unit in (("hue", "turns"), ("saturation", "log factor")):
            results = [row[name] for row in some]
            tv, extent, true, error = (
                [one[key] for one in results]
                for key in ("total_variation", "extent", "true_extent", "spread_of_errors")
            )
            seeds = f"{min(tv):.3f} to {max(tv):.3f}"
            ends = f"±{fmean(extent):.3f} (truth ±{fmean(true):.3f}) {unit}"
            cpu = f"{fmean(row['cpu'] for row in some):.0f}"
            cells = [family, name, str(len(some)), cpu, f"{fmean(tv):.3f}", seeds, ends]
            lines.append([*cells, f"{fmean(error):.0e}"])
    head = ["family", "component", "seeds", "CPU s", "total variation", "over seeds"]
    return _table([*head, "98 % of the draws", "errors of inference"], lines)


def _quality(rows: Sequence[Row]) -> list[str]:
    share, median, energy, paired = (
        fmean(one[key] for one in rows) for key in ("share", "median", "energy", "paired")
    )
    return [f"{share:.1%}", f"{median:.1%}", f"{energy:.2f}", f"{paired:.3f}"]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


TABLES: dict[str, tuple[str, Callable[[Sequence[Row]], str]]] = {
    "networks": ("inference-networks.json", networks_table),
    "digits": ("discover-digits.json", digits_table),
    "classes": ("discover-digits.json", classes_table),
    "colours": ("discover-colours.json", colours_table),
}


def fill(text: str, results: Path) -> str:
    """Return the text of a page with the tables of the rows in a folder."""

    def one(block: re.Match[str]) -> str:
        name, table = TABLES[block["name"]]
        content = table(json.loads((results / name).read_text(encoding="utf-8")))
        return f"{block['begin']}\n{content}\n\n{block['end']}"

    return _BLOCK.sub(one, text)


def main() -> None:
    """Write the tables into the page, and draw the comparison."""
    page, results = Path("docs/discover-digits.md"), Path("results")
    page.write_text(fill(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    rows = json.loads((results / TABLES["networks"][0]).read_text(encoding="utf-8"))
    draw_comparison(page.parent / "images" / "digits-networks.png", rows)


if __name__ == "__main__":
    main()
