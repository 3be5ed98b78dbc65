"""Numbers with units as people read them: angles in degrees, everywhere."""

from __future__ import annotations

from math import pi

__all__ = ["brief", "number", "quantity", "shown", "shown_per_unit", "unit_of"]

_DEGREES = 180 / pi


def shown(value: float, unit: str) -> tuple[float, str]:
    """Return a value and its unit for people: radians become degrees.

    Example:
        >>> shown(3.141592653589793, "radians"), shown(0.5, "turns")
        ((180.0, '°'), (0.5, ' turns'))
    """
    return (value * _DEGREES, "°") if unit == "radians" else (value, f" {unit}")


def unit_of(unit: str) -> str:
    """Return the unit in which numbers are shown and written to files.

    Example:
        >>> unit_of("radians"), unit_of("frames")
        ('degrees', 'frames')
    """
    return "degrees" if unit == "radians" else unit


def shown_per_unit(unit: str) -> float:
    """Return how many of the unit in which numbers are shown are one of theirs.

    Example:
        >>> shown_per_unit("radians"), shown_per_unit("frames")
        (57.2957795130823, 1.0)
    """
    return _DEGREES if unit == "radians" else 1.0


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit.

    Example:
        >>> quantity(0.3, "radians"), quantity(0.004, "radians"), quantity(0.25, "frames")
        ('17°', '0.23°', '0.25 frames')
    """
    here, name = shown(value, unit)
    digits = f"{here:.0f}" if name == "°" and here >= 1 else f"{here:.2g}"
    return f"{digits}{name}"


def number(value: float) -> str:
    """Return a number with two digits and a true minus sign.

    Example:
        >>> number(0.1234), number(0.0001), number(180.0)
        ('0.12', '0', '180')
    """
    if abs(value) < 5e-4:
        return "0"
    digits = f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}"
    return digits.replace("-", "\N{MINUS SIGN}")


def brief(value: float, unit: str) -> str:
    """Return a number for a table: angles in degrees, others without their unit.

    Example:
        >>> brief(0.3, "radians"), brief(0.25, "frames")
        ('17°', '0.25')
    """
    here, name = shown(value, unit)
    return number(here) + (name if name == "°" else "")
