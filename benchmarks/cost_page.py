"""The page "cost" of the docs: the tables and the plot of the section ``cost``.

``python -m benchmarks.cost_page`` writes them from ``benchmarks/results.json``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.report import Row, read

__all__ = ["fill", "render"]

DOCS = Path(__file__).parents[1] / "docs"
TIME, MEMORY = "training step over Siamese", "peak memory over Siamese"
_BLOCK = re.compile(
    r"(?P<begin><!-- cost -->\n).*?(?P<end><!-- end of cost -->)",
    re.DOTALL,
)


def render(machine: str, rows: Sequence[Row]) -> str:
    """Return the plot and a table for each image size as Markdown."""
    parts = [
        "![Time of a training step over that of a Siamese network](images/cost.png)",
        machine,
    ]
    for size in _distinct(rows, "size"):
        parts += [f"**{size} x {size} pixels**", _table(rows, size)]
    return "\n" + "\n\n".join(parts) + "\n\n"


def _table(rows: Sequence[Row], size: object) -> str:
    counts = _distinct(rows, "n")
    head = ["time (memory)", *(f"n = {n}" for n in counts), "parameters"]
    lines = [head, ["---", *["--:"] * (len(head) - 1)]]
    for model in _distinct(rows, "model"):
        cells = []
        for n in counts:
            time, memory = (_value(rows, what, model, n, size) for what in (TIME, MEMORY))
            missing = time is None or memory is None
            cells.append("-" if missing else f"{time:.2g} ({memory:.2g})")
        count = next(
            value
            for n in counts
            if (value := _value(rows, "parameters", model, n, size)) is not None
        )
        lines.append([str(model), *cells, f"{count:,.0f}"])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _distinct(rows: Sequence[Row], part: str) -> list[str | int]:
    return list(dict.fromkeys(row.at[part] for row in rows if row.at))


def _value(rows: Sequence[Row], what: str, model: object, n: object, size: object) -> float | None:
    at = {"model": model, "n": n, "size": size}
    return next((row.value for row in rows if row.what == what and row.at == at), None)


def _draw(path: Path, rows: Sequence[Row]) -> None:
    sizes = _distinct(rows, "size")
    figure = Figure((9.0, 3.6), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for axes, size in zip(panels, sizes, strict=True):
        for number, model in enumerate(_distinct(rows, "model")):
            counts = [int(n) for n in _distinct(rows, "n")]
            points = [(n, _value(rows, TIME, model, n, size)) for n in counts]
            points = [(n, value) for n, value in points if value is not None]
            across, values = zip(*points, strict=True)
            axes.plot(across, values, color=f"C{number}", marker="osD^vPX"[number], label=model)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(counts, [str(n) for n in counts])
        axes.minorticks_off()
        axes.set_title(f"{size} x {size} pixels", fontsize=9)
        axes.set_xlabel("elements of a set")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", linewidth=0.4)
    panels[0].set_ylabel("time of a step over Siamese")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})


def fill(results: Path, docs: Path = DOCS) -> None:
    """Write the measured rows into the page, between its two comments."""
    section = read(results)["cost"]
    page = docs / "cost.md"
    text = render(section.machine, section.rows)
    filled = _BLOCK.sub(lambda at: at["begin"] + text + at["end"], page.read_text("utf-8"))
    page.write_text(filled, encoding="utf-8")
    _draw(docs / "images" / "cost.png", section.rows)


if __name__ == "__main__":
    fill(Path(__file__).parent)
