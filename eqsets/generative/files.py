"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

__all__ = ["write_text", "write_whole"]


def write_whole(content: Any, path: Path) -> None:
    """Save ``content`` by torch; a kill or a full disk leaves the file that was there before.

    It goes into a file beside it, reaches the disk, and takes the name in one step.
    """
    _replace(path, lambda file: torch.save(content, file))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    _replace(path, lambda file: file.write(text.encode()))


def _replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
