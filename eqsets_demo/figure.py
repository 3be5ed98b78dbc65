"""The figure of the demo: a row for each scene, a column for each method, without resampling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eqsets_demo.needs import require

__all__ = ["Column", "draw_figure"]

_INK, _FAINT, _ACCENT, _PAPER = "#1b1f24", "#6a737d", "#b3402a", "#ffffff"
_LEFT, _TOP, _BOTTOM, _GAP, _LINE = 16, 66, 44, 10, 4  # pixels
_ZOOM = 2  # of the photos; the frames are not enlarged


class Column:
    """The results of one method on all scenes of the figure.

    Arguments:
        title: heading of the column.
        photos: ``(scenes, 3, H, W)`` in [0, 1].
        quality: PSNR of each, in dB, or ``None`` to omit it.
        note: subtitle.
    """

    def __init__(
        self, title: str, photos: Tensor, quality: Sequence[float] | None = None, note: str = ""
    ) -> None:
        self.title, self.photos, self.quality, self.note = title, photos, quality, note


def draw_figure(
    path: Path,
    frames: Tensor,
    columns: Sequence[Column],
    *,
    best: str,
    caption: str,
    note: str = "different blur, shift, noise",
) -> None:
    """Write a PNG: the frames of each burst, then the columns.

    Arguments:
        path: of the PNG.
        frames: ``(scenes, N, 3, H, W)`` in [0, 1].
        columns: the results.
        best: title of the column to emphasise.
        caption: text below the figure.
        note: subtitle of the frames.
    """
    scenes, count = frames.shape[:2]
    mosaics = [_mosaic(burst) for burst in frames]
    wide, side = mosaics[0].shape[2], _ZOOM * frames.shape[-1]
    width = 2 * _LEFT + wide + len(columns) * (side + _GAP)
    height = _TOP + scenes * (side + _GAP) - _GAP + _BOTTOM
    dots = 100
    figure = require("matplotlib.figure").Figure((width / dots, height / dots), dots)
    figure.set_facecolor(_PAPER)

    def write(x: float, y: float, text: str, **options: Any) -> None:
        figure.text(x / width, 1 - y / height, text, **options)

    def show(left: int, title: str, note: str, images: Sequence[Tensor], best: bool) -> None:
        centre = left + images[0].shape[2] / 2
        style = {"color": _ACCENT, "weight": "bold"} if best else {"color": _INK}
        write(centre, 32, title, size=14, ha="center", **style)
        write(centre, 54, note, size=10, ha="center", color=_FAINT)
        for row, image in enumerate(images):
            top = _TOP + row * (side + _GAP)
            figure.figimage(_pixels(image), left, height - top - image.shape[1])

    show(_LEFT, f"the burst: {count} frames", note, mosaics, False)
    left = _LEFT + wide + _GAP
    for column in columns:
        emphasised = column.title == best
        show(left, column.title, column.note, [_enlarged(x) for x in column.photos], emphasised)
        box = {"boxstyle": "round,pad=0.3", "lw": 0, "fc": _ACCENT if emphasised else _INK}
        for row, quality in enumerate(column.quality or ()):
            bottom = _TOP + row * (side + _GAP) + side
            style = {"color": "white", "ha": "right", "bbox": {**box, "alpha": 0.85}}
            write(left + side - 9, bottom - 9, f"{quality:.1f} dB", size=9, **style)
        left += side + _GAP
    write(_LEFT, height - 14, caption, size=10, color=_FAINT)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.png")
    figure.savefig(partial, facecolor=_PAPER, pil_kwargs={"optimize": True})
    partial.replace(path)


def _pixels(image: Tensor) -> Any:
    return (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def _enlarged(image: Tensor) -> Tensor:
    return image.repeat_interleave(_ZOOM, 1).repeat_interleave(_ZOOM, 2)


def _mosaic(frames: Tensor) -> Tensor:
    """Arrange ``(N, 3, S, S)`` in two rows, as high as an enlarged photo, with lines between."""
    inside = slice(_LINE // 2, -_LINE // 2)
    framed = frames[..., inside, inside]
    framed = torch.nn.functional.pad(framed, (0, _LINE, 0, _LINE), value=1.0)
    columns = -(-len(frames) // 2)
    missing = torch.ones(2 * columns - len(framed), *framed.shape[1:])
    rows = [torch.cat(list(row), 2) for row in torch.cat([framed, missing]).split(columns)]
    return torch.cat(rows, 1)[:, :-_LINE, :-_LINE]
