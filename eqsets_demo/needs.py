"""Import optional dependencies of the demo; if one is missing, say how to install it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from eqsets.errors import OptionError

__all__ = ["require"]


def require(module: str) -> ModuleType:
    """Return a module of an optional dependency.

    Raises:
        OptionError: it is not installed; the message has the command that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise OptionError(
            f"the demo needs {error.name!r}, which is not installed, expected the extra 'demo'. "
            'Run: pip install "eqsets[demo,testing,translations]"'
        ) from error
