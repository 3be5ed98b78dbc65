"""Files that are written whole or not at all, and the fingerprint of the fit they belong to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

__all__ = ["fingerprint", "write_text", "write_whole"]


def fingerprint(*parts: object) -> str:
    """Return a hash of all that decides a fit: no other fit may resume from its files.

    Args:
        parts: tensors, by their shapes and values, and settings, by their ``repr``.

    Example:
        >>> fingerprint(torch.zeros(2), 0.1) == fingerprint(torch.zeros(2), 0.1)
        True
        >>> fingerprint(torch.zeros(2), 0.1) == fingerprint(torch.ones(2), 0.1)
        False
        >>> fingerprint(torch.zeros(2, 3)) == fingerprint(torch.zeros(3, 2))
        False
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            digest.update(repr(tuple(part.shape)).encode())
            digest.update(part.detach().cpu().contiguous().numpy().data)
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


def write_whole(content: Any, path: Path) -> None:
    """Save ``content`` by torch; if it fails, the previous file remains.

    It is written to a temporary file in the same folder, flushed to the disk, and renamed.
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
