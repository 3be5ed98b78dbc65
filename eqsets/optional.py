"""Import optional dependencies; if one is missing, say how to install it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from eqsets.errors import OptionError

__all__ = ["require"]


def require(
    module: str,
    extra: str = "generative",
    *,
    needed_by: str = "eqsets.generative",
    install: str | None = None,
) -> ModuleType:
    """Return a module of an optional dependency.

    Args:
        module: its dotted name.
        extra: the extra of eqsets that installs it.
        needed_by: what needs it, for the message.
        install: what to install, if more than ``eqsets[extra]``.

    Raises:
        OptionError: it is not installed; the message has the command that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise OptionError(
            f"{needed_by} needs {error.name!r}, which is not installed, expected the extra "
            f'{extra!r}. Run: pip install "{install or f"eqsets[{extra}]"}"'
        ) from error
