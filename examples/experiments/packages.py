"""Find data files that other packages ship; the packages themselves are never imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from eqsets import OptionError

__all__ = ["package_folder"]


def package_folder(name: str, version: str) -> Path:
    """Return the folder of an installed package, without importing it.

    Arguments:
        name: of the package.
        version: whose files are known.

    Raises:
        OptionError: the package is not installed.
    """
    found = find_spec(name)
    if found is None or found.origin is None:
        raise OptionError(
            f"found no {name}, expected the data files that it ships. "
            f"Run: pip install --no-deps {name}=={version}"
        )
    return Path(found.origin).parent
