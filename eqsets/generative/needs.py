"""Import what only fitting needs, or say how to get it."""

from __future__ import annotations

from importlib import import_module

from eqsets.errors import OptionError

__all__ = ["require"]


def require(module: str, extra: str = "generative") -> None:
    """Raise unless an optional dependency can be imported.

    Args:
        module: that is needed.
        extra: of eqsets that installs it.

    Raises:
        OptionError: it is not installed; the message has the command that mends it.
    """
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise OptionError(
            f"eqsets.generative needs {module!r}, which is not installed, expected the extra "
            f'"{extra}". Run: pip install "eqsets[{extra}]"'
        ) from error
