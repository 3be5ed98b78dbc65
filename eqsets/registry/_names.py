"""The functions that turn names into objects: where strings end and objects begin.

Inside eqsets everything is passed as an object; names exist for users, configurations and the
command line. They are looked up in the registry of the installed plugins, which is built once per
process, when a name is first used.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from eqsets.aggregation import Aggregation
from eqsets.families import TransformationFamily
from eqsets.registry._records import PluginRecord
from eqsets.registry._registry import Registry
from eqsets.symmetry import ElementSymmetry

__all__ = ["aggregation", "default_registry", "element_group", "plugins", "transformation"]


@cache
def default_registry() -> Registry:
    """Return the registry of the installed plugins, built on first use.

    The environment variables ``EQSETS_PLUGINS`` and ``EQSETS_DISABLE_PLUGINS`` are read then.
    """
    return Registry()


def plugins() -> list[PluginRecord]:
    """List every name that is provided, and every plugin that could not be loaded.

    Nothing behind the names is imported, so this is quick and no plugin can make it fail.

    Example:
        >>> sorted({record.kind for record in plugins() if record.name in ("cyclic", "sum")})
        ['aggregation', 'element group']
    """
    return default_registry().plugins()


def element_group(name_or_object: str | ElementSymmetry, /, **options: Any) -> ElementSymmetry:
    """Return the symmetry of one element: by name, with options, or passed through.

    Args:
        name_or_object: A name such as ``"cyclic"``, or an :class:`ElementSymmetry`.
        **options: What the plugin takes, e.g. ``size=5``; only with a name.

    Raises:
        PluginError: The name is unknown, broken or claimed twice.
        OptionError: The options are not those of this symmetry, or were given with an object.

    Example:
        >>> element_group("cyclic", size=5).group.order
        5
    """
    return default_registry().element_group(name_or_object, options)


def transformation(
    name_or_object: str | TransformationFamily, /, **options: Any
) -> TransformationFamily:
    """Return a family of transformations: by name, or passed through.

    Args:
        name_or_object: A name such as ``"affine"``, a product ``"affine-no-shear+hsv"`` (its
            parameters in this order; the last factor acts first), or a family.
        **options: What the plugin takes; only with the name of one family.

    Raises:
        PluginError: A name is unknown, broken or claimed twice.
        OptionError: The options are not those of the family, or were given for a product or
            an object.
    """
    return default_registry().transformation(name_or_object, options)


def aggregation(name_or_object: str | Aggregation, /, **options: Any) -> Aggregation:
    """Return an aggregation: by name, with options, or passed through.

    Raises:
        PluginError: The name is unknown, broken or claimed twice.
        OptionError: The options are not those of this aggregation, or were given with an object.

    Example:
        >>> type(aggregation("mean")).__name__
        'Mean'
    """
    return default_registry().aggregation(name_or_object, options)
