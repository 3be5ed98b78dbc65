"""Markdown tables of results: models as rows, settings as columns, mean and error over seeds."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.tables.rows import Row

__all__ = ["ascending", "caption", "mean_and_error", "models", "settings", "table"]


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its standard error (0 for a single value).

    Example:
        >>> mean_and_error([1.0, 2.0, 3.0])
        (2.0, 0.5773502691896257)
    """
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return statistics.fmean(values), error


def settings(rows: Sequence[Row]) -> list[str]:
    """Return the settings in the order of the rows."""
    return list(dict.fromkeys(row.setting for row in rows))


def models(rows: Sequence[Row]) -> list[str]:
    """Return the models in the order of the rows."""
    return list(dict.fromkeys(row.model for row in rows))


def ascending(names: Sequence[str]) -> list[float] | None:
    """Return settings as numbers if possible, for the axis of a curve."""
    try:
        return [float(name) for name in names]
    except ValueError:
        return None


def table(about: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the table; the best value of each column, and values within its error, are bold."""
    columns = _columns(rows)
    timed = about["recipe"]["seconds"] is not None
    head = ["model", *columns, "parameters", "CPU s", "learning rate", "equivariance error"]
    head += ["steps"] if timed else []
    lines = [_line(head), _line(["---", *["--:"] * (len(head) - 1)])]
    for title, reference in about.get("references", {}).items():
        line = [
            title,
            *(f"{number:.{about.get('decimals', 1)}f}" for number in _known(reference, rows)),
        ]
        lines.append(_line(line + [""] * (len(head) - len(line))))
    cells = {name: _cells(about, values) for name, values in columns.items()}
    for model in models(rows):
        own = [row for row in rows if row.model == model]
        line = [about["titles"].get(model, model), *[cells[name][model] for name in columns]]
        seconds = statistics.fmean(row.cpu_seconds for row in own)
        line += [f"{own[0].parameters:,}", f"{seconds:.0f}", f"{_rates(own)}"]
        line.append(f"{max(row.equivariance_error for row in own):.0e}")
        line += [f"{statistics.fmean(row.steps for row in own):.0f}"] if timed else []
        lines.append(_line(line))
    return "\n".join(lines)


def _rates(rows: Sequence[Row]) -> str:
    return ", ".join(f"{rate:g}" for rate in sorted({row.learning_rate for row in rows}))


def _column_keys(rows: Sequence[Row]) -> list[tuple[str, str | None]]:
    """Return setting and additional measure of each column; ``None`` for the main measure."""
    return list(itertools.product(settings(rows), [None, *rows[0].also]))


def _known(reference: Mapping[str, Mapping[str, float]], rows: Sequence[Row]) -> list[float]:
    """Return the values of a reference, column by column."""
    return [reference[setting][other or "figure"] for setting, other in _column_keys(rows)]


def _columns(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """Return for each column the values of each model."""
    names = settings(rows)
    columns: dict[str, dict[str, list[float]]] = {}
    for setting, other in _column_keys(rows):
        title = setting if other is None else other if len(names) == 1 else f"{setting}, {other}"
        columns[title] = {
            model: [
                row.figure if other is None else row.also[other]
                for row in rows
                if (row.model, row.setting) == (model, setting)
            ]
            for model in models(rows)
        }
    return columns


def _cells(about: Mapping[str, Any], figures: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Return the cells of a column for each model."""
    sign, digits = -1 if about.get("lower") else 1, about.get("decimals", 1)
    known = {model: mean_and_error(values) for model, values in figures.items()}
    best = max(sign * mean for mean, _ in known.values())
    cells = {}
    for model, (mean, error) in known.items():
        spread = f" ± {error:.{digits}f}" if len(figures[model]) > 1 else ""
        cell = f"{mean:.{digits}f}{spread}"
        cells[model] = f"**{cell}**" if sign * mean + error >= best else cell
    return cells


def caption(about: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the caption: content of the table, and the conditions of the measurement."""
    recipe, seeds = about["recipe"], _seeds(rows)
    runs = about.get("runs", "seeds")
    size = "Full size" if about["size"] == "full" else f"**{about['size'].capitalize()} size**"
    chance = "" if about["chance"] is None else f" Chance: {about['chance']:.1f}."
    rates = ", ".join(f"{rate:g}" for rate in about["learning_rates"])
    where = "of each" if about.get("nested") else f"({about['axis']}: {about['tuned_at']})"
    chosen = f"chosen from {rates} on validation sets {where}"
    timed = recipe["seconds"] is not None
    length = f"{recipe['seconds']} s of a core, in steps" if timed else f"{recipe['steps']} steps"
    rate = f"learning rate {chosen}" if len(about["learning_rates"]) > 1 else f"rate {rates}"
    return (
        f"{about['title']}: {about['figure']}, by {about['axis']}.{chance} {size}: "
        f"{length} of {recipe['batch']} sets, {rate}; "
        f"mean ± one standard error over {len(seeds)} {runs}. CPU seconds are those of one "
        "training on one core."
    )


def _seeds(rows: Sequence[Row]) -> set[int]:
    return {row.seed for row in rows}


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
