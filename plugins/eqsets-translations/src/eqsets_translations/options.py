"""Read options: flags, and one number or one number for each axis of the grid."""

from __future__ import annotations

from typing import Any

from eqsets import FeatureTypeError

__all__ = ["flag", "per_axis"]


def per_axis(value: Any, dims: int, name: str, smallest: int = 1) -> tuple[int, ...]:
    """Return ``value`` as one whole number for each axis.

    Raises:
        FeatureTypeError: it is neither a number nor ``dims`` numbers, or one is too small.
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * dims
    whole = all(isinstance(part, int) and not isinstance(part, bool) for part in values)
    if len(values) != dims or not whole or min(values) < smallest:
        raise FeatureTypeError(
            f"got {name}={value!r}, expected a whole number of at least {smallest}, or {dims} of "
            f"them, one for each axis of the grid. Write for example {name}={max(smallest, 1)}."
        )
    return values


def flag(value: Any, name: str) -> bool:
    """Return ``value`` if it is True or False.

    Raises:
        FeatureTypeError: it is not; text such as ``"no"`` would count as True.
    """
    if not isinstance(value, bool):
        raise FeatureTypeError(
            f"got {name}={value!r}, expected True or False. Write for example {name}=True."
        )
    return value
