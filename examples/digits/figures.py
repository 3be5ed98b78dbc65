"""Figures of digits: originals, prototypes, resamples; and the rotations of each class."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

__all__ = ["draw_comparison", "draw_digits", "draw_rotations"]


def draw_digits(path: Path, panels: Sequence[tuple[str, Sequence[tuple[str, Tensor]]]]) -> None:
    """Write a PNG: for each panel, named rows of images ``(n, C, H, W)``, one above the other."""
    figure = Figure((8.0, 0.62 * sum(len(rows) for _, rows in panels) + 0.4 * len(panels)), dpi=110)
    parts = figure.subfigures(len(panels), 1, height_ratios=[len(rows) for _, rows in panels])
    for part, (title, rows) in zip([parts] if len(panels) == 1 else parts, panels, strict=True):
        part.suptitle(title, fontsize=9)
        grid = part.subplots(len(rows), 1, squeeze=False)
        part.subplots_adjust(left=0.13, right=0.99, top=0.88, bottom=0.01, hspace=0.04)
        for axes, (name, images) in zip(grid[:, 0], rows, strict=True):
            strip = torch.cat(list((images + 1) / 2), -1).clamp(0, 1)
            colour = strip.permute(1, 2, 0) if strip.shape[0] == 3 else strip[0]
            axes.imshow(colour.numpy(), cmap="gray", vmin=0, vmax=1, aspect="equal")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})


def draw_rotations(
    path: Path, panels: Sequence[tuple[str, Tensor]], names: Sequence[str], *, height: float = 1.1
) -> None:
    """Write a PNG of densities ``(classes, shown, bins)`` of the rotation, a row per panel."""
    figure = Figure((8.0, height * len(panels) + 0.5), dpi=110, layout="constrained")
    grid = figure.subplots(len(panels), len(names), sharex=True, squeeze=False)
    for number, (line, (title, densities)) in enumerate(zip(grid, panels, strict=True)):
        edge = torch.linspace(-180, 180, densities.shape[-1] + 1)
        middle = (edge[1:] + edge[:-1]) / 2
        top = 1.05 * float(densities.max())
        for axes, name, some in zip(line, names, densities, strict=True):
            for one in some:
                axes.plot(middle, one, color="#1b6ca8", linewidth=0.6, alpha=0.5)
            axes.axhline(1 / (2 * pi), color="#b3402a", linewidth=0.8, linestyle=":")
            axes.set_ylim(0, top)
            axes.set_xticks([-180, 0, 180], ["-180°", "", "180°"], fontsize=6)
            axes.set_yticks([])
            axes.spines[["top", "right", "left"]].set_visible(False)
            if number == 0:
                axes.set_title(name, fontsize=9)
        line[0].set_ylabel(title, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})


def draw_comparison(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a PNG of the remaining variance against CPU seconds."""
    figure = Figure((7.0, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    for row in rows:
        curve = row["curve"]
        seconds = [point["cpu"] for point in curve]
        shares = [100 * point["share"] for point in curve]
        if row["runner"] == "ours":
            axes.plot(seconds, shares, "o", color="#1b6ca8", markersize=5)
            if row["seed"] == 0:
                name = f"ours, {row['steps']} steps" if row["steps"] else "ours, the frame alone"
                axes.annotate(name, (seconds[0], shares[0]), (6, 5), textcoords="offset points")
            continue
        colour = "#b3402a" if row["runner"] == "published" else "#d98032"
        label = f"{row['runner']}: {row['batch']} x {row['samples']}, order {row['order']}"
        axes.plot(seconds, shares, color=colour, label=f"{label}, rate {row['rate']:g}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_yticks([1, 2, 5, 10, 20, 50, 100], ["1 %", "2 %", "5 %", "10 %", "20 %", "50 %", ""])
    axes.set_xlabel("seconds of CPU")
    axes.set_ylabel("variance left in prototypes")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(linewidth=0.4)
    axes.legend(fontsize=7, frameon=False, loc="center left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})
