"""The picture of the demo: scenes in rows, what was made of them in columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eqsets.demo.needs import require

__all__ = ["Column", "draw_picture"]

_INK, _FAINT, _ACCENT, _PAPER = "#1b1f24", "#6a737d", "#b3402a", "#ffffff"


class Column:
    """One way to restore all shown scenes.

    Arguments:
        title: above the column.
        photos: ``(scenes, 3, H, W)`` in [0, 1].
        quality: PSNR of each, in dB, or ``None`` to write nothing.
        note: under the title.
    """

    def __init__(
        self, title: str, photos: Tensor, quality: Sequence[float] | None = None, note: str = ""
    ) -> None:
        self.title, self.photos, self.quality, self.note = title, photos, quality, note


def draw_picture(
    path: Path, frames: Tensor, columns: Sequence[Column], *, best: str, caption: str
) -> None:
    """Write a PNG: the frames of each burst, then the columns.

    Arguments:
        path: of the PNG.
        frames: ``(scenes, N, 3, H, W)`` in [0, 1].
        columns: what was made of them.
        best: title of the column to stress.
        caption: below the picture.
    """
    figure_module = require("matplotlib.figure")
    scenes, count = frames.shape[:2]
    side, gap, wide = 1.62, 0.07, 1.5  # inches; the mosaic of frames is 1.5 times as wide
    left, top, bottom = 0.12, 0.92, 0.42
    mosaic = side * wide
    width = 2 * left + mosaic + len(columns) * (side + gap) + gap
    height = top + bottom + scenes * side + (scenes - 1) * gap
    figure = figure_module.Figure(figsize=(width, height), facecolor=_PAPER)

    def place(x: float, row: int, w: float) -> Any:
        y = bottom + (scenes - 1 - row) * (side + gap)
        axes = figure.add_axes((x / width, y / height, w / width, side / height))
        axes.set_axis_off()
        return axes

    def title(x: float, w: float, text: str, note: str, *, stressed: bool = False) -> None:
        centre = (x + w / 2) / width
        colour = _ACCENT if stressed else _INK
        weight = "bold" if stressed else "normal"
        y = (height - top + 0.30) / height
        figure.text(centre, y, text, ha="center", color=colour, size=11, weight=weight)
        y = (height - top + 0.10) / height
        figure.text(centre, y, note, ha="center", color=_FAINT, size=8)

    title(left, mosaic, f"the burst: {count} frames", "each with its own shake, shift and noise")
    for row in range(scenes):
        image = _pixels(_mosaic(frames[row]))
        place(left, row, mosaic).imshow(image, interpolation="nearest", aspect="auto")
    x = left + mosaic + 2 * gap
    for column in columns:
        stressed = column.title == best
        title(x, side, column.title, column.note, stressed=stressed)
        for row in range(scenes):
            axes = place(x, row, side)
            axes.imshow(_pixels(column.photos[row]), interpolation="nearest", aspect="auto")
            if column.quality is not None:
                label = f"{column.quality[row]:.1f} dB"
                box = {"boxstyle": "round,pad=0.25", "lw": 0, "alpha": 0.8}
                box["fc"] = _ACCENT if stressed else _INK
                where = {"ha": "right", "va": "bottom", "transform": axes.transAxes}
                axes.text(0.965, 0.035, label, color="white", size=7.5, bbox=box, **where)
        x += side + gap
    figure.text(left / width, 0.14 / height, caption, color=_FAINT, size=8, ha="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.png")
    figure.savefig(partial, dpi=138, facecolor=_PAPER)
    partial.replace(path)


def _pixels(image: Tensor) -> Any:
    return (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def _mosaic(frames: Tensor) -> Tensor:
    """Lay ``(N, 3, H, W)`` out in two rows with thin white lines between the frames."""
    columns = -(-len(frames) // 2)
    framed = torch.nn.functional.pad(frames, (2, 2, 2, 2), value=1.0)
    missing = 2 * columns - len(framed)
    framed = torch.cat([framed, torch.ones(missing, *framed.shape[1:])])
    rows = [torch.cat(list(half), 2) for half in framed.split(columns)]
    return torch.cat(rows, 1)[:, 2:-2, 2:-2]
