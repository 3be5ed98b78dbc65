"""What ``eqsets check`` is asked to check: a name of a plugin, or ``module:attribute``."""

from __future__ import annotations

import inspect
import os
import sys
from typing import Any

from eqsets.errors import OptionError, PluginError
from eqsets.registry._references import Failure, attempt, import_reference, is_reference

__all__ = ["spec_of"]


def spec_of(text: str) -> Any:
    """Return what :func:`eqsets.testing.check` shall check.

    A name stays a name: the kit finds the record that its plugin provides for testing.
    ``module:attribute`` is imported, with the current folder on the path as for ``python -m``, and
    called if it is a class or function.

    Raises:
        PluginError: The module or attribute is not found, or cannot be loaded.
        OptionError: The object cannot be built without options.
    """
    if ":" not in text:
        return text
    if not is_reference(text):
        raise OptionError(f"the subject is {text!r}, expected NAME or module:attribute.")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    loaded = attempt(lambda: import_reference(text))
    if isinstance(loaded, Failure):
        raise PluginError(
            f"the subject {text!r} cannot be loaded: {loaded.text}. Expected 'module:attribute' "
            f"that can be imported from {os.getcwd()!r}; correct it, or install what it needs."
        ) from loaded.cause
    if not (inspect.isclass(loaded) or inspect.isroutine(loaded)):
        return loaded
    try:
        inspect.signature(loaded).bind()
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"the subject {text!r} cannot be built without options: {error}. "
            f"Name a function without arguments that builds it."
        ) from error
    return loaded()
