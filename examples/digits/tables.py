"""The measured rows as Markdown tables: what the page "Digits" shows, word for word.

``PYTHONPATH=examples python -m digits.tables`` writes them between the marks of the page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from digits.pictures import draw_race

__all__ = ["TABLES", "fill"]

Row = dict[str, Any]

FLAT = 0.1  # nats below uniform: the modes of what is flatter are noise of the draws

_MARK = re.compile(
    r"(?P<begin><!-- table: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)


def race_table(rows: Sequence[Row]) -> str:
    """Return the best prototypes that were had after so many seconds of CPU."""
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
            looks = [look for look in curve if look["cpu"] <= limit * 1.05]
            if looks and looks[-1]["cpu"] >= 0.9 * limit and looks != curve:
                shown.append(looks)
        for looks in (*shown, curve):
            best = min(looks, key=lambda look: look["share"])
            lines.append([name, f"{looks[-1]['cpu']:.0f}", *_quality([best])])
    ours = [row for row in rows if row["runner"] == "ours"]
    for steps in sorted({row["steps"] for row in ours}):
        looks = [row["curve"][-1] for row in ours if row["steps"] == steps]
        name = f"ours: {steps} steps" if steps else "ours: the frame alone"
        lines.append([name, f"{fmean(look['cpu'] for look in looks):.1f}", *_quality(looks)])
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
    head = ["turned by", "network", "seeds", "CPU s", "variance left", "median image"]
    return _table([*head, "energy", "label-paired error"], lines)


def classes_table(rows: Sequence[Row]) -> str:
    """Return, for each class, nats below uniform and, unless flat, the usual number of modes."""
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
            found = "flat" if flat else f"{usual} ({part:.0%})"
            cells.append(f"{about['below']:.2f}; {found}")
        preset = f"{row['runner'].removeprefix('ours, ')}, {row['seed']}"
        lines.append([f"{row['angle']}°", preset, *cells])
    return _table(["turned by", "preset, seed", *(str(n) for n in range(10))], lines)


def colours_table(rows: Sequence[Row]) -> str:
    """Return how well hue and saturation were found again, means over seeds."""
    lines = []
    for family in dict.fromkeys(row["family"] for row in rows):
        some = [row for row in rows if row["family"] == family]
        for name, unit in (("hue", "turns"), ("saturation", "log factor")):
            found = [row[name] for row in some]
            tv, extent, true, error = (
                [one[key] for one in found]
                for key in ("total_variation", "extent", "true_extent", "spread_of_errors")
            )
            seeds = f"{min(tv):.3f} to {max(tv):.3f}"
            ends = f"±{fmean(extent):.3f} (truth ±{fmean(true):.3f}) {unit}"
            cpu = f"{fmean(row['cpu'] for row in some):.0f}"
            cells = [family, name, str(len(some)), cpu, f"{fmean(tv):.3f}", seeds, ends]
            lines.append([*cells, f"{fmean(error):.0e}"])
    head = ["family", "component", "seeds", "CPU s", "total variation", "over seeds"]
    return _table([*head, "98 % of the draws", "errors of inference"], lines)


def _quality(found: Sequence[Row]) -> list[str]:
    share, median, energy, paired = (
        fmean(one[key] for one in found) for key in ("share", "median", "energy", "paired")
    )
    return [f"{share:.1%}", f"{median:.1%}", f"{energy:.2f}", f"{paired:.3f}"]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


TABLES: dict[str, tuple[str, Callable[[Sequence[Row]], str]]] = {
    "race": ("race-digits.json", race_table),
    "digits": ("discover-digits.json", digits_table),
    "classes": ("discover-digits.json", classes_table),
    "colours": ("discover-colours.json", colours_table),
}


def fill(text: str, results: Path) -> str:
    """Return the text of a page with its tables made of the rows in a folder."""

    def one(place: re.Match[str]) -> str:
        name, table = TABLES[place["name"]]
        made = table(json.loads((results / name).read_text(encoding="utf-8")))
        return f"{place['begin']}\n{made}\n\n{place['end']}"

    return _MARK.sub(one, text)


def main() -> None:
    """Write the tables into the page, and draw the race."""
    page, results = Path("docs/discover-digits.md"), Path("results")
    page.write_text(fill(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    race = json.loads((results / TABLES["race"][0]).read_text(encoding="utf-8"))
    draw_race(page.parent / "images" / "digits-race.png", race)


if __name__ == "__main__":
    main()
