"""The errors that eqsets raises on purpose.

Requirements that shaped this module:

- one base class, so that ``except EqsetsError`` catches all that eqsets says about bad input;
- every error is also the builtin that a reader would expect (``ValueError``, ``TypeError`` ...);
- every message has three parts: what was wrong (with the value), what was expected, how to mend it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DescriptionError",
    "EqsetsError",
    "FeatureTypeError",
    "GroupError",
    "LawViolation",
    "OptionError",
    "PluginError",
    "ShapeError",
    "choices",
]


class EqsetsError(Exception):
    """Base class of every error that eqsets raises on purpose."""


class ShapeError(EqsetsError, ValueError):
    """A tensor, mask, index or list has a wrong rank, size, dtype or device, or wrong values."""


class FeatureTypeError(EqsetsError, TypeError):
    """Two feature types do not fit together, or a type does not allow what was asked of it."""


class GroupError(EqsetsError, ValueError):
    """A group cannot do what was asked: bad generators, or too large to enumerate."""


class PluginError(EqsetsError, LookupError):
    """A plugin, or a name that a plugin should provide, is unknown, broken or claimed twice."""


class OptionError(EqsetsError, TypeError):
    """An option is unknown or missing, or an argument is not of the kind that is expected."""


class DescriptionError(EqsetsError, ValueError):
    """A plain description (dict, JSON, file) of a type or a network cannot be written or read."""


class LawViolation(EqsetsError, AssertionError):
    """A subject breaks a law of the contract (raised by :mod:`eqsets.testing`)."""


def choices(given: object, known: Iterable[str]) -> str:
    """Return the tail of a message about an unknown name: the sorted choices and a *did you mean*.

    Example:
        >>> choices("maen", ["sum", "mean"])
        "choose one of 'mean', 'sum'. Did you mean 'mean'?"
    """
    names = sorted(known)
    text = "choose one of " + ", ".join(repr(name) for name in names) if names else "there are none"
    close = difflib.get_close_matches(str(given), names, n=1)
    return f"{text}. Did you mean {close[0]!r}?" if close else f"{text}."
