"""Import optional dependencies of the demo; if one is missing, say how to install it."""

from __future__ import annotations

from types import ModuleType

from eqsets import optional

__all__ = ["require"]


def require(module: str) -> ModuleType:
    """Return a module of an optional dependency.

    Raises:
        OptionError: it is not installed; the message has the command that installs it.
    """
    install = "eqsets[demo,testing,translations]"
    return optional.require(module, "demo", needed_by="the demo", install=install)
