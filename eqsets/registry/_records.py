"""The records of the registry: immutable, printable data about every name.

Requirements that shaped this module:

- one record per name that a plugin provides, and one for each plugin that provides none because
  it is broken, disabled or incompatible, so that a listing is complete;
- a record has a hint how to fix an error, since the reader may not be the author;
- a record does not hold the object of the name: listing names must not import a backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

__all__ = ["HOOKS", "Kind", "PluginRecord", "Status"]

Kind: TypeAlias = Literal[
    "element group", "transformation", "aggregation", "module", "contract spec", "plugin"
]
Status: TypeAlias = Literal["ok", "broken", "conflict", "disabled", "incompatible"]

HOOKS: Mapping[str, Kind] = MappingProxyType(
    {
        "eqsets_element_symmetries": "element group",
        "eqsets_transformations": "transformation",
        "eqsets_aggregations": "aggregation",
        "eqsets_modules": "module",
        "eqsets_test_specs": "contract spec",
    }
)
"""The kind of the names of each hook, in the order of listings."""


@dataclass(frozen=True)
class PluginRecord:
    """One name that a plugin provides, or one plugin that cannot provide its names.

    Attributes:
        name: The name that users write; for the kind ``"plugin"``, the entry-point name.
        kind: ``"element group"``, ``"transformation"``, ``"aggregation"``, ``"module"``,
            ``"contract spec"``, or ``"plugin"`` for a plugin whose names are unknown.
        distribution: The installed distribution that the plugin came with.
        version: The version of that distribution.
        status: ``"ok"`` (the object is imported on first use), ``"broken"``,
            ``"conflict"`` (two plugins claim the name), ``"disabled"`` or ``"incompatible"``.
        error: Why the status is not ``"ok"``; ``None`` when it is.
        reference: The lazy reference ``"module:attribute"``, or the module of the plugin.
        hint: How to fix it, if possible as a command.
        cause: The exception of ``error``, if any.
    """

    name: str
    kind: Kind
    distribution: str
    version: str
    status: Status = "ok"
    error: str | None = None
    reference: str = ""
    hint: str = ""
    cause: BaseException | None = field(default=None, repr=False, compare=False)

    @property
    def owner(self) -> str:
        """The distribution with its version, as messages show it."""
        return f"{self.distribution} {self.version}".rstrip()

    def to_dict(self) -> dict[str, str | None]:
        """Return the record as a dictionary of JSON values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "distribution": self.distribution,
            "version": self.version,
            "status": self.status,
            "error": self.error,
            "reference": self.reference,
            "hint": self.hint,
        }
