"""Read data sets that you have on disk: folders of images (CelebA) and of clips (UCF101).

Nothing is downloaded. Images become grey, square and small, in [0, 1].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from eqsets import OptionError

__all__ = ["SPLITS", "clip_split", "load_clips", "load_images"]

SPLITS = ("train", "validation", "test")
_IMAGES = (".jpg", ".jpeg", ".png")
_VIDEOS = (".avi", ".mp4")
_GROUP = re.compile(r"_g(\d+)_c\d+")  # v_Archery_g07_c02: a group is one scene


def load_images(folder: Path, size: int, limit: int = 5000) -> dict[str, Tensor]:
    """Return the images of a folder, such as CelebA's ``img_align_celeba``.

    Arguments:
        folder: of images; with CelebA's ``list_eval_partition.txt`` in or beside it, the official
            split is used, else the last 10 % by name are for tests, and 10 % before for validation.
        size: height and width.
        limit: at most as many images, evenly picked.

    Returns:
        For each split ``(images, 1, size, size)``.

    Raises:
        OptionError: the folder has fewer than ten images.
    """
    files = _files(folder, _IMAGES)
    files = files[:: max(1, len(files) // limit)]
    if len(files) < 10:
        raise OptionError(
            f"{folder} has {len(files)} images ({', '.join(_IMAGES)}), expected at least 10. Name "
            "the folder that holds the images, for CelebA img_align_celeba."
        )
    part = _partition(folder) or {}
    edges = (int(0.8 * len(files)), int(0.9 * len(files)))
    found: dict[str, list[Tensor]] = {split: [] for split in SPLITS}
    for number, path in enumerate(files):
        by_order = sum(number >= edge for edge in edges)
        found[SPLITS[part.get(path.name, by_order)]].append(_small(Image.open(path), size))
    return {split: torch.stack(images) for split, images in found.items() if images}


def load_clips(folder: Path, frames: int, size: int) -> dict[str, Tensor]:
    """Return ``frames`` evenly spaced frames of each clip, first one first.

    A clip is a video (UCF101's ``.avi``; needs ``pip install av``) or a folder of images in the
    order of their names.

    Arguments:
        folder: of clips, at any depth.
        frames: of each clip; shorter clips are left out.
        size: height and width.

    Returns:
        For each split ``(clips, frames, 1, size, size)``, see :func:`clip_split`.

    Raises:
        OptionError: there is no clip that is long enough, or a video and no PyAV.
    """
    found: dict[str, list[Tensor]] = {split: [] for split in SPLITS}
    for number, (name, images) in enumerate(_clips(folder)):
        if len(images) >= frames:
            picked = np.linspace(0, len(images) - 1, frames).round().astype(int)
            clip = torch.stack([_small(_open(images[place]), size) for place in picked])
            found[clip_split(name, number)].append(clip)
    if not any(found.values()):
        raise OptionError(
            f"{folder} has no clip of at least {frames} frames, expected videos "
            f"({', '.join(_VIDEOS)}) or folders of images. Name the folder that holds the clips, "
            "for UCF101 UCF-101."
        )
    return {split: torch.stack(clips) for split, clips in found.items() if clips}


def clip_split(name: str, number: int) -> str:
    """Return the split of a clip: by its group as UCF101 does (1-7 test), else by its number.

    Example:
        >>> clip_split("v_Archery_g07_c02", 0), clip_split("v_Archery_g08_c01", 0)
        ('test', 'validation')
    """
    group = _GROUP.search(name)
    place = int(group[1]) if group else 1 + number % 25
    return "test" if place <= 7 else "validation" if place <= 9 else "train"


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in endings)


def _partition(folder: Path) -> dict[str, int] | None:
    for place in (folder, folder.parent):
        path = place / "list_eval_partition.txt"
        if path.exists():
            pairs = (line.split() for line in path.read_text().splitlines() if line.strip())
            return {name: int(part) for name, part in pairs}
    return None


def _clips(folder: Path) -> Iterator[tuple[str, Sequence[Any]]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _VIDEOS:
            yield path.stem, _decode(path)
        elif path.is_dir():
            yield path.name, _files(path, _IMAGES)


def _decode(path: Path) -> list[Image.Image]:
    try:
        av = import_module("av")
    except ModuleNotFoundError as error:
        raise OptionError(
            f"{path} is a video, expected PyAV to read it, which is not installed. Run: "
            "pip install av, or bring the clips as folders of images."
        ) from error
    with av.open(str(path)) as video:
        return [frame.to_image() for frame in video.decode(video=0)]


def _open(image: Path | Image.Image) -> Image.Image:
    return Image.open(image) if isinstance(image, Path) else image


def _small(image: Image.Image, size: int) -> Tensor:
    """Return the middle of an image as ``(1, size, size)`` in [0, 1]."""
    side = min(image.size)
    left, top = ((points - side) // 2 for points in image.size)
    middle = image.convert("L").crop((left, top, left + side, top + side))
    pixels = np.asarray(middle.resize((size, size), Image.Resampling.BOX))
    return torch.tensor(pixels, dtype=torch.float32).unsqueeze(0) / 255
