"""Data files that other packages ship; the packages are never imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from eqsets import OptionError

__all__ = ["package_folder"]


def package_folder(name: str, version: str) -> Path:
    """Return the folder of an installed package, without importing it.

    Arguments:
        name: of the package.
        version: with the expected files.

    Raises:
        OptionError: the package is not installed.
    """
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise OptionError(
            f"{name} is not installed, expected the data files that it ships. "
            f"Run: pip install --no-deps {name}=={version}"
        )
    return Path(spec.origin).parent
