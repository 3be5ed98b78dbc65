"""Import of ``"module:attribute"``, with isolation of failures.

Requirements that shaped this module:

- the form of a reference can be checked without an import;
- an exception of third-party code at import is converted to a value (:class:`Failure`), so that it
  does not affect other plugins, nor the listing that shows the error.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeVar

from eqsets.errors import PluginError

__all__ = ["Failure", "attempt", "describe", "import_reference", "is_reference"]

T = TypeVar("T")

_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Failure:
    """An exception of third-party code."""

    cause: BaseException

    @property
    def text(self) -> str:
        """The failure on one line."""
        return describe(self.cause)


def describe(cause: BaseException) -> str:
    """Return an exception on one line: its class, then its message."""
    message = " ".join(str(cause).split())
    return f"{type(cause).__name__}: {message}" if message else type(cause).__name__


def attempt(work: Callable[[], T]) -> T | Failure:
    """Run third-party code and return its result, or its exception as a :class:`Failure`.

    This is the only function of eqsets that catches every exception, since the import of a plugin
    runs unknown code, which must not affect other plugins. The failure is always reported: in a
    record and in the message of a :class:`PluginError`.
    """
    try:
        return work()
    except (Exception, SystemExit) as cause:  # noqa: BLE001 - see above
        return Failure(cause)


def is_reference(text: object) -> bool:
    """Return whether ``text`` has the form ``"module:attribute"``; dots are fine on both sides."""
    return isinstance(text, str) and _REFERENCE.fullmatch(text) is not None


def import_reference(reference: str) -> Any:
    """Import the module of ``"module"`` or ``"module:attribute"`` and return what is named.

    Raises:
        PluginError: The module imports, but has no such attribute.

    Example:
        >>> import_reference("math:sqrt")(9.0)
        3.0
    """
    module_name, _, path = reference.partition(":")
    module = importlib.import_module(module_name)
    try:
        return reduce(getattr, path.split("."), module) if path else module
    except AttributeError as error:
        raise PluginError(
            f"{reference!r} does not exist: module {module_name!r} was imported, but {error}. "
            f"Expected 'module:attribute' of an existing attribute; correct the part after ':'."
        ) from error
