"""Plots of results (a curve if the settings are numbers, else points), meshes and histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from experiments.tables.markdown import ascending, mean_and_error, models, settings
from experiments.tables.rows import Row

__all__ = ["draw", "draw_bins", "draw_frames"]

_COLOURS = (
    *("#b3402a", "#d98032", "#7a1f5c", "#1b6ca8", "#3fa7d6"),
    *("#4c8c4a", "#8fb339", "#6a737d", "#1b1f24", "#b8a04c"),
    *("#e0569a", "#2f7f79", "#5a4fcf"),
)
_MARKERS = "osD^vPX*hdp<>"


def draw(path: Path, about: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Write a PNG of the measures with one standard error over the seeds."""
    names = settings(rows)
    positions = ascending(names) if len(names) > 1 else None
    figure = Figure((8.0, 4.4), dpi=110, layout="constrained")
    axes = figure.subplots()
    across = range(len(names)) if positions is None else positions
    for number, model in enumerate(models(rows)):
        statistics = [
            mean_and_error(
                [row.figure for row in rows if (row.model, row.setting) == (model, name)]
            )
            for name in names
        ]
        shift = 0.06 * (number - len(models(rows)) / 2) if positions is None else 0.0
        axes.errorbar(
            [x + shift for x in across],
            [mean for mean, _ in statistics],
            [error for _, error in statistics],
            label=about["titles"].get(model, model),
            color=_COLOURS[number % len(_COLOURS)],
            marker=_MARKERS[number % len(_MARKERS)],
            linestyle="none" if positions is None else "-",
            markersize=5,
            capsize=3,
        )
    for title, reference in about.get("references", {}).items():
        figures = [reference[name]["figure"] for name in names]
        axes.plot(across, figures, "x", label=title, color="#1b1f24", zorder=3)
    _label(axes, about, names, positions)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})


def draw_frames(path: Path, frames: Tensor, edges: Tensor, answer: int) -> None:
    """Write a PNG of meshes in a row, front view, with the correct frame in colour.

    Arguments:
        path: of the image.
        frames: ``(N, P, 3)``, y up.
        edges: ``(2, M)`` between points.
        answer: index of the correct frame.
    """
    figure = Figure((1.3 * len(frames), 2.6), dpi=110, layout="constrained")
    for number, axes in enumerate(figure.subplots(1, len(frames), sharex=True, sharey=True)):
        flat = frames[number, :, :2]
        colour = _COLOURS[0] if number == answer else _COLOURS[8]
        axes.add_collection(LineCollection(flat[edges.T].tolist(), colors=colour, linewidths=0.6))
        axes.scatter(*flat.T.tolist(), s=4, color=colour)
        axes.set_aspect("equal")
        axes.axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})


def _label(
    axes: Axes, about: Mapping[str, Any], names: Sequence[str], positions: list[float] | None
) -> None:
    if positions is None:
        axes.set_xticks(range(len(names)), names, fontsize=8)
    else:
        axes.set_xscale("log")
        axes.set_xticks(positions, names)
        axes.minorticks_off()
    if about["chance"] is not None:
        axes.axhline(about["chance"], color="#1b1f24", linewidth=0.8, linestyle=":")
    axes.set_xlabel(about["axis"])
    axes.set_ylabel(about["figure"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.4)


def draw_bins(
    path: Path, names: Sequence[str], rows: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]
) -> None:
    """Write a PNG of distributions: true and learned.

    Arguments:
        path: of the file.
        names: of the columns.
        rows: name and, for each column, ``edges`` of bins, the probabilities ``true`` and
            ``learned``, and their total variation ``tv``.
    """
    figure = Figure((9.0, 1.7 * len(rows)), dpi=100, layout="constrained")
    grid = figure.subplots(len(rows), len(names), squeeze=False)
    for axes, (title, columns) in zip(grid, rows, strict=True):
        for axis, name, bins in zip(axes, names, columns, strict=True):
            widths = bins["edges"].diff()
            axis.stairs(bins["true"] / widths, bins["edges"], fill=True, color="#c9d6e8")
            axis.stairs(bins["learned"] / widths, bins["edges"], color="#b3402a", linewidth=1.4)
            axis.set_title(f"{title}: {name} ({bins['tv']:.3f})", fontsize=9)
            axis.set_yticks([])
            axis.tick_params(labelsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
