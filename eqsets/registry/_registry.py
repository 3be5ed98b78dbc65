"""The registry: construction of objects of plugins by name.

Requirements that shaped this module:

- the object of a name is imported when the name is first used, not before;
- every failure raises one :class:`PluginError` with the name, the distribution, the cause (chained)
  and how to fix it;
- a registry is an immutable object, built from entry points and an environment that the caller may
  supply, so tests need no patches of global state.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import reduce
from importlib.metadata import EntryPoint
from operator import mul
from typing import Any

from eqsets.aggregation import Aggregation
from eqsets.errors import OptionError, PluginError
from eqsets.families import TransformationFamily
from eqsets.registry._discovery import discover, sources
from eqsets.registry._messages import check_options, unknown, unusable
from eqsets.registry._records import Kind, PluginRecord
from eqsets.registry._references import Failure, attempt, describe, import_reference
from eqsets.symmetry import ElementSymmetry

__all__ = ["ORIGIN", "Registry"]

ORIGIN = "_eqsets_origin"
"""The attribute that stores name and options of objects that were built by name."""


class Registry:
    """All names that the installed plugins provide.

    Args:
        entry_points: Where to look for plugins; default: the entry points of the group ``eqsets``
            of all installed distributions.
        environ: Where to read ``EQSETS_PLUGINS`` and ``EQSETS_DISABLE_PLUGINS``; default: the
            environment of the process.

    Example:
        >>> registry = Registry(entry_points=[], environ={})
        >>> [record.name for record in registry.records("aggregation")][:4]
        ['aittala', 'attention', 'centered', 'gated-attention']
    """

    def __init__(
        self,
        entry_points: Iterable[EntryPoint] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._records = discover(sources(entry_points), os.environ if environ is None else environ)

    def records(self, kind: Kind | None = None) -> list[PluginRecord]:
        """Return the records of one kind, or all, without imports."""
        return [record for record in self._records if kind in (None, record.kind)]

    def plugins(self) -> list[PluginRecord]:
        """Return the records for users; see :func:`eqsets.plugins`."""
        return [record for record in self._records if record.kind != "contract spec"]

    def element_group(
        self, name_or_object: str | ElementSymmetry, options: Mapping[str, Any]
    ) -> ElementSymmetry:
        """Return an element symmetry; see :func:`eqsets.element_group`."""
        result: ElementSymmetry
        result = self._resolve("element group", ElementSymmetry, name_or_object, options)
        return result

    def aggregation(
        self, name_or_object: str | Aggregation, options: Mapping[str, Any]
    ) -> Aggregation:
        """Return an aggregation; see :func:`eqsets.registry.aggregation`."""
        result: Aggregation = self._resolve("aggregation", Aggregation, name_or_object, options)
        return result

    def transformation(
        self, name_or_object: str | TransformationFamily, options: Mapping[str, Any]
    ) -> TransformationFamily:
        """Return a family of transformations; see :func:`eqsets.transformation`."""
        parts: list[str | TransformationFamily] = [name_or_object]
        if isinstance(name_or_object, str):
            parts = [part.strip() for part in name_or_object.split("+")]
        if len(parts) > 1 and options:
            raise OptionError(
                f"transformation {name_or_object!r} was given {', '.join(sorted(options))}, "
                "expected no options for a product. Build the factors one by one and multiply "
                "them with '*'."
            )
        result: TransformationFamily = reduce(
            mul, [self._resolve("transformation", TransformationFamily, p, options) for p in parts]
        )
        return result

    def contract_spec(self, name: str) -> Any | None:
        """Return the spec that a plugin provides to test ``name`` with, or ``None``.

        Raises:
            PluginError: The plugin provides such a spec, but it cannot be built.
        """
        if any(record.name == name for record in self.records("contract spec")):
            return self.create("contract spec", name, {})
        return None

    def find(self, kind: Kind, name: str) -> PluginRecord:
        """Return the one usable record of a name.

        Raises:
            PluginError: The name is unknown, claimed by two plugins, or its plugin is broken.
        """
        claims = [record for record in self.records(kind) if record.name == name]
        if not claims:
            raise PluginError(unknown(kind, name, self._records))
        record = claims[0]
        if record.status == "conflict":
            raise PluginError(f"{record.error}. Expected one owner; to fix it: {record.hint}.")
        if record.status != "ok":
            raise PluginError(unusable(record, record.error or record.status)) from record.cause
        return record

    def load(self, kind: Kind, name: str) -> Any:
        """Import and return the class or function of a name.

        Raises:
            PluginError: As :meth:`find`, or the object of the name cannot be imported.
        """
        record = self.find(kind, name)
        outcome = attempt(lambda: import_reference(record.reference))
        if isinstance(outcome, Failure):
            raise PluginError(unusable(record, outcome.text)) from outcome.cause
        if not callable(outcome):
            raise PluginError(unusable(record, f"{outcome!r} is not a class or function"))
        return outcome

    def create(self, kind: Kind, name: str, options: Mapping[str, Any]) -> Any:
        """Build the object of a name.

        Raises:
            OptionError: The options are not those that the plugin takes.
            PluginError: As :meth:`load`, or an optional dependency is missing while building.
        """
        factory = self.load(kind, name)
        check_options(f"{kind} {name!r}", factory, options)
        try:
            return factory(**options)
        except ImportError as error:
            raise PluginError(unusable(self.find(kind, name), describe(error))) from error

    def _resolve(
        self, kind: Kind, expected: type[Any], given: object, options: Mapping[str, Any]
    ) -> Any:
        """Build an object by name, or pass it through; check that it is of class ``expected``."""
        if isinstance(given, str):
            built = self.create(kind, given, options)
            if isinstance(built, expected):
                # bypasses frozen dataclasses: not a field, and not part of equality
                vars(built)[ORIGIN] = (given, dict(options))
                return built
            raise PluginError(
                f"the {kind} {given!r} of {self.find(kind, given).owner} built a "
                f"{type(built).__name__}, expected a subclass of eqsets.{expected.__name__}. "
                f"Report it to the authors of the plugin."
            )
        if not isinstance(given, expected):
            fix = "Call the class to build an object" if isinstance(given, type) else "Pass a name"
            raise OptionError(
                f"{kind} is {given!r}, expected a name or an object of class {expected.__name__}. "
                f"{fix}; `eqsets plugins` lists the names."
            )
        if options:
            raise OptionError(
                f"the {kind} {given!r} was given together with {', '.join(sorted(options))}, "
                f"expected options with a name only. Set them where the object is built."
            )
        return given
