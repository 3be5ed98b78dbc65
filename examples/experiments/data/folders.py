"""Read local data sets: folders of images (CelebA) and of clips (UCF101).

Nothing is downloaded. Images are converted to grey, cropped to squares and resized, in [0, 1].
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
        folder: of images; with CelebA's ``list_eval_partition.txt`` in it or its parent folder,
            the official split is used, else the last 10 % by name are for tests, and 10 % before
            for validation.
        size: height and width.
        limit: maximum number of images, evenly selected.

    Returns:
        For each split ``(images, 1, size, size)``.

    Raises:
        OptionError: there is no folder, it has fewer than ten images, one that cannot be read or
            none for a split, or the list of the official split is another file.
    """
    files = _files(_known(folder, "CelebA img_align_celeba"), _IMAGES)
    files = files[:: max(1, -(-len(files) // limit))]
    if len(files) < 10:
        raise OptionError(
            f"{folder} has {len(files)} images ({', '.join(_IMAGES)}), expected at least 10. Name "
            "the folder that holds the images, for CelebA img_align_celeba."
        )
    part = _partition(folder) or {}
    edges = (int(0.8 * len(files)), int(0.9 * len(files)))
    by_split: dict[str, list[Tensor]] = {split: [] for split in SPLITS}
    for number, path in enumerate(files):
        by_order = sum(number >= edge for edge in edges)
        by_split[SPLITS[part.get(path.name, by_order)]].append(_small(_open(path), size))
    advice = "Add images of all three, or move list_eval_partition.txt away to split by name."
    return _stacked(by_split, folder, advice)


def load_clips(folder: Path, frames: int, size: int) -> dict[str, Tensor]:
    """Return ``frames`` evenly spaced frames of each clip, in order.

    A clip is a video (UCF101's ``.avi``; needs ``pip install av``) or a folder of images in the
    order of their names.

    Arguments:
        folder: of clips, at any depth.
        frames: of each clip; shorter clips are ignored.
        size: height and width.

    Returns:
        For each split ``(clips, frames, 1, size, size)``, see :func:`clip_split`.

    Raises:
        OptionError: there is no folder, no clip that is long enough or none for a split, a clip
            that cannot be read, or a video and no PyAV.
    """
    by_split: dict[str, list[Tensor]] = {split: [] for split in SPLITS}
    for name, images in _clips(_known(folder, "UCF101 UCF-101")):
        if len(images) >= frames:
            number = sum(map(len, by_split.values()))
            indices = np.linspace(0, len(images) - 1, frames).round().astype(int)
            clip = torch.stack([_small(_open(images[index]), size) for index in indices])
            by_split[clip_split(name, number)].append(clip)
    if not any(by_split.values()):
        raise OptionError(
            f"{folder} has no clip of at least {frames} frames, expected videos "
            f"({', '.join(_VIDEOS)}) or folders of images. Name the folder that holds the clips, "
            "for UCF101 UCF-101."
        )
    advice = "Add more clips: groups g01 to g07 are for tests, g08 and g09 for validation."
    return _stacked(by_split, folder, advice)


def clip_split(name: str, number: int) -> str:
    """Return the split of a clip: by its group as UCF101 does (1-7 test), else by its number.

    Of clips without a group, of every 25 the first 7 are for tests and 2 for validation: name clips
    of one scene by groups, ``..._g01_c01``, so that they come into one split.

    Example:
        >>> clip_split("v_Archery_g07_c02", 0), clip_split("v_Archery_g08_c01", 0)
        ('test', 'validation')
    """
    group = _GROUP.search(name)
    position = int(group[1]) if group else 1 + number % 25
    return "test" if position <= 7 else "validation" if position <= 9 else "train"


def _known(folder: Path, usual: str) -> Path:
    if not folder.is_dir():
        raise OptionError(
            f"there is no folder {folder}, expected an existing folder; nothing is "
            f"downloaded. Name it, for {usual}."
        )
    return folder


def _stacked(images: dict[str, list[Tensor]], folder: Path, advice: str) -> dict[str, Tensor]:
    if not all(images.values()):
        counts = ", ".join(f"{len(parts)} for {split}" for split, parts in images.items())
        raise OptionError(f"{folder} has {counts}, expected some for each. {advice}")
    return {split: torch.stack(parts) for split, parts in images.items()}


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in endings)


def _partition(folder: Path) -> dict[str, int] | None:
    for parent in (folder, folder.parent):
        path = parent / "list_eval_partition.txt"
        if path.exists():
            lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
            for words in lines:
                if len(words) != 2 or words[1] not in ("0", "1", "2"):
                    raise OptionError(
                        f"{path} has the line {' '.join(words)!r}, expected the name of an image "
                        "and 0 (train), 1 (validation) or 2 (test). Use the original file."
                    )
            return {name: int(part) for name, part in lines}
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
            f"{path} is a video, which needs PyAV, which is not installed. Run: "
            "pip install av, or provide the clips as folders of images."
        ) from error
    try:
        with av.open(str(path)) as video:
            return [frame.to_image() for frame in video.decode(video=0)]
    except (av.FFmpegError, IndexError) as error:  # IndexError: it has sound alone
        raise _unreadable(path, "a video", error) from error


def _open(image: Path | Image.Image) -> Image.Image:
    if not isinstance(image, Path):
        return image
    try:
        with Image.open(image) as opened:
            return opened.convert("L")
    except OSError as error:
        raise _unreadable(image, "an image", error) from error


def _unreadable(path: Path, kind: str, error: Exception) -> OptionError:
    return OptionError(
        f"{path} cannot be read ({error}), expected {kind}. Copy it again, or remove it."
    )


def _small(image: Image.Image, size: int) -> Tensor:
    """Return the central square of an image as ``(1, size, size)`` in [0, 1]."""
    side = min(image.size)
    left, top = ((points - side) // 2 for points in image.size)
    middle = image.convert("L").crop((left, top, left + side, top + side))
    pixels = np.asarray(middle.resize((size, size), Image.Resampling.BOX))
    return torch.tensor(pixels, dtype=torch.float32).unsqueeze(0) / 255
