"""The registry of plugins: the available names, and the construction of objects by name.

Lazy, isolated and explicit: discovery reads installed metadata, a broken plugin does not affect
others, and a name that two plugins claim is an error that names both.
"""

from __future__ import annotations

from eqsets.registry._names import (
    aggregation,
    default_registry,
    element_group,
    plugins,
    transformation,
)
from eqsets.registry._origins import Origin, arguments_of, built_by_name, origin_of
from eqsets.registry._records import Kind, PluginRecord, Status
from eqsets.registry._registry import Registry

__all__ = [
    "Kind",
    "Origin",
    "PluginRecord",
    "Registry",
    "Status",
    "aggregation",
    "arguments_of",
    "built_by_name",
    "default_registry",
    "element_group",
    "origin_of",
    "plugins",
    "transformation",
]
