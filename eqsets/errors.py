"""The errors that eqsets raises.

Requirements that shaped this module:

- one base class, so that ``except EqsetsError`` catches all errors about invalid input;
- every error is also the builtin that users expect (``ValueError``, ``TypeError`` ...);
- every message has three parts: what was wrong (with the value), what was expected, how to fix it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = [
    "DescriptionError",
    "EqsetsError",
    "ExportError",
    "FeatureTypeError",
    "GroupError",
    "LawViolation",
    "OptionError",
    "PluginError",
    "ShapeError",
    "choices",
]


# Matrices as a ``repr`` writes them out: all of the rotations of 64 axes are 40 million characters.
_MATRICES = re.compile(r"(\({2}[-+\d.e, ()]{40})[-+\d.e, ()]{160,}\)")


class EqsetsError(Exception):
    """Base class of every error that eqsets raises.

    Matrices of more than about 200 characters in a message are abbreviated.

    Example:
        >>> len(str(EqsetsError(f"the group of {((0.0,) * 1000,) * 2} has order 1"))) < 100
        True
    """

    def __init__(self, *args: object) -> None:
        texts = (_MATRICES.sub(r"\1 ... )", one) if isinstance(one, str) else one for one in args)
        super().__init__(*texts)


class ShapeError(EqsetsError, ValueError):
    """A tensor, mask, index or list has a wrong rank, size, dtype, device or values."""


class FeatureTypeError(EqsetsError, TypeError):
    """Two feature types are incompatible, or a type does not support an operation."""


class GroupError(EqsetsError, ValueError):
    """A group does not support an operation: invalid generators, or too large to enumerate."""


class PluginError(EqsetsError, LookupError):
    """A plugin, or a name that a plugin should provide, is unknown, broken or claimed twice."""


class OptionError(EqsetsError, TypeError):
    """An option is unknown or missing, or an argument has a wrong type."""


class DescriptionError(EqsetsError, ValueError):
    """A plain description (dict, JSON, file) of a type or a network cannot be written or read."""


class ExportError(EqsetsError, RuntimeError):
    """A network cannot be written for another runtime, or gives other numbers there."""


class LawViolation(EqsetsError, AssertionError):
    """A subject breaks a law of the contract (raised by :mod:`eqsets.testing`)."""


def choices(given: object, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: sorted choices and a suggestion.

    Example:
        >>> choices("maen", ["sum", "mean"])
        "choose one of 'mean', 'sum'. Did you mean 'mean'?"
    """
    names = sorted(known)
    text = "choose one of " + ", ".join(repr(name) for name in names) if names else "there are none"
    close = difflib.get_close_matches(str(given), names, n=1)
    return f"{text}. Did you mean {close[0]!r}?" if close else f"{text}."
