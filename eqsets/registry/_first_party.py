"""The names of the plugins that are developed together with eqsets.

They are listed for one purpose: the error for ``"planar"`` without ``eqsets-planar`` names the
command that installs it. Third-party plugins are not listed: they define ``install_hint``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from eqsets.registry._records import Kind

__all__ = ["distribution_of", "install_command", "is_first_party", "normalized"]

_ELEMENT_GROUPS = ("translations", "permutations", "planar", "spatial")
_AFFINE = (
    "translation",
    "rotation",
    "similarity",
    "affine",
    "affine-no-shear",
    "reflections",
    "c4",
    "d4",
)
_COLOR = ("hue", "hue-saturation", "hsv")

_DISTRIBUTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("element group", name): f"eqsets-{name}" for name in _ELEMENT_GROUPS}
    | {("transformation", name): "eqsets-affine" for name in _AFFINE}
    | {("transformation", name): "eqsets-color" for name in _COLOR}
)
_FIRST_PARTY = frozenset(_DISTRIBUTIONS.values())


def normalized(distribution: str) -> str:
    """Return a distribution name as package indexes compare it: ``"A_b.c"`` is ``"a-b-c"``."""
    return distribution.strip().lower().replace("_", "-").replace(".", "-")


def distribution_of(kind: Kind, name: str) -> str | None:
    """Return the first-party distribution that provides ``name``, or ``None``."""
    return _DISTRIBUTIONS.get((kind, name))


def is_first_party(distribution: str) -> bool:
    """Return whether a distribution is developed together with eqsets."""
    return normalized(distribution) in _FIRST_PARTY


def install_command(distribution: str) -> str:
    """Return the command that installs or upgrades a distribution.

    Example:
        >>> install_command("eqsets-planar")
        'pip install "eqsets[planar]"'
        >>> install_command("sets-of-knots")
        'pip install --upgrade sets-of-knots'
    """
    name = normalized(distribution)
    if name in _FIRST_PARTY:
        return f'pip install "eqsets[{name.removeprefix("eqsets-")}]"'
    return f"pip install --upgrade {distribution}"
