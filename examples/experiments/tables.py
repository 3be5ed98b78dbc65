"""Tables of results as Markdown: models down, settings across, mean and error over the seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.rows import Row

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
    """Return settings as numbers if all of them are, for the axis of a curve."""
    try:
        return [float(name) for name in names]
    except ValueError:
        return None


def _figures(rows: Sequence[Row], model: str, setting: str) -> list[float]:
    return [row.figure for row in rows if (row.model, row.setting) == (model, setting)]


def table(about: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the table; the best of each column, and what is within its error, is bold."""
    columns = settings(rows)
    best = {}
    for setting in columns:
        found = [mean_and_error(_figures(rows, model, setting)) for model in models(rows)]
        best[setting] = max(mean for mean, _ in found)
    timed = about["recipe"]["seconds"] is not None
    digits = about.get("digits", 1)
    extra = [(name, setting) for name in rows[0].extra for setting in columns]
    more = [name if len(columns) == 1 else f"{setting}: {name}" for name, setting in extra]
    head = ["model", *columns, *more, "parameters", "CPU s", "learning rate", "equivariance error"]
    head += ["steps"] if timed else []
    lines = [_line(head), _line(["---", *["--:"] * (len(head) - 1)])]
    for title, found in about.get("references", {}).items():
        cells = [title, *(f"{found[setting]['figure']:.{digits}f}" for setting in columns)]
        cells += [f"{found[setting][name]:.3f}" for name, setting in extra]
        lines.append(_line(cells + [""] * (len(head) - len(cells))))
    for model in models(rows):
        own = [row for row in rows if row.model == model]
        cells = [about["titles"].get(model, model)]
        for setting in columns:
            mean, error = mean_and_error(_figures(rows, model, setting))
            cell = _cell(mean, error, digits, len(_seeds(rows)))
            cells.append(f"**{cell}**" if mean + error >= best[setting] else cell)
        for name, setting in extra:
            values = [row.extra[name] for row in own if row.setting == setting]
            cells.append(_cell(*mean_and_error(values), 3, len(values)))
        seconds = statistics.fmean(row.cpu_seconds for row in own)
        cells += [f"{own[0].parameters:,}", f"{seconds:.0f}", f"{own[0].learning_rate:g}"]
        cells.append(f"{max(row.equivariance_error for row in own):.0e}")
        cells += [f"{statistics.fmean(row.steps for row in own):.0f}"] if timed else []
        lines.append(_line(cells))
    return "\n".join(lines)


def caption(about: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return what the table shows, and how it was measured."""
    recipe, seeds = about["recipe"], _seeds(rows)
    size = "Full size" if about["size"] == "full" else f"**{about['size'].capitalize()} size**"
    chance = "" if about["chance"] is None else f" Chance: {about['chance']:.1f}."
    rates = ", ".join(f"{rate:g}" for rate in about["learning_rates"])
    chosen = f"chosen from {rates} on validation sets ({about['axis']}: {about['tuned_at']})"
    timed = recipe["seconds"] is not None
    length = f"{recipe['seconds']} s of a core, in steps" if timed else f"{recipe['steps']} steps"
    rate = f"learning rate {chosen}" if len(about["learning_rates"]) > 1 else f"rate {rates}"
    return (
        f"{about['title']}: {about['figure']}, by {about['axis']}.{chance} {size}: "
        f"{length} of {recipe['batch']} sets, {rate}; "
        f"mean ± one standard error over {len(seeds)} seeds. CPU seconds are those of one training "
        "on one core."
    )


def _cell(mean: float, error: float, digits: int, seeds: int) -> str:
    spread = f" ± {error:.{digits}f}" if seeds > 1 else ""
    return f"{mean:.{digits}f}{spread}"


def _seeds(rows: Sequence[Row]) -> set[int]:
    return {row.seed for row in rows}


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
