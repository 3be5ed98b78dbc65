"""Turning ``"module:attribute"`` into an object, and keeping a failure from spreading.

Requirements that shaped this module:

- a reference can be checked for form without importing anything;
- whatever foreign code raises while it is imported becomes a value (:class:`Failure`), so that one
  plugin cannot break another, nor the listing that shows why it is broken.
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
    """What a piece of foreign code raised."""

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
    """Run foreign code and return its result, or what it raised as a :class:`Failure`.

    This is the one place of eqsets that catches every exception: the import of a plugin runs code
    that eqsets does not know, and "breaks nothing else" holds for every class of error. The failure
    is never dropped: it ends up in a record and in the message of a :class:`PluginError`.
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
            f"{reference!r} names nothing: module {module_name!r} was imported, but {error}. "
            f"Expected 'module:attribute' of something that exists; correct the part after ':'."
        ) from error
