"""The registry: from a name to the object that a plugin builds for it.

Requirements that shaped this module:

- what stands behind a name is imported when the name is first used, never before;
- every way in which that can fail ends in one :class:`PluginError` that names what was asked for,
  the distribution it comes from, the cause (chained) and how to mend it;
- a registry is an owned, immutable object: it is built from entry points and an environment that
  the caller may supply, so tests need no patching of global state.
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
"""The attribute of what was built by name that remembers name and options."""


class Registry:
    """All names that the installed plugins provide.

    Args:
        entry_points: Where to look for plugins; default: the entry points of the group ``eqsets``
            of all installed distributions.
        environ: Where to read ``EQSETS_PLUGINS`` and ``EQSETS_DISABLE_PLUGINS``; default: the
            environment of the process.

    Example:
        >>> registry = Registry(entry_points=[], environ={})
        >>> [record.name for record in registry.records("aggregation")]
        ['aittala', 'max', 'mean', 'none', 'sridhar', 'sum']
    """

    def __init__(
        self,
        entry_points: Iterable[EntryPoint] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._records = discover(sources(entry_points), os.environ if environ is None else environ)

    def records(self, kind: Kind | None = None) -> list[PluginRecord]:
        """Return the records of one kind, or all of them; nothing is imported for it."""
        return [record for record in self._records if kind in (None, record.kind)]

    def plugins(self) -> list[PluginRecord]:
        """Return the records that users care about; see :func:`eqsets.plugins`."""
        return [record for record in self._records if record.kind != "contract spec"]

    def element_group(
        self, name_or_object: str | ElementSymmetry, options: Mapping[str, Any]
    ) -> ElementSymmetry:
        """Return an element symmetry; see :func:`eqsets.element_group`."""
        found: ElementSymmetry
        found = self._resolve("element group", ElementSymmetry, name_or_object, options)
        return found

    def aggregation(
        self, name_or_object: str | Aggregation, options: Mapping[str, Any]
    ) -> Aggregation:
        """Return an aggregation; see :func:`eqsets.registry.aggregation`."""
        found: Aggregation = self._resolve("aggregation", Aggregation, name_or_object, options)
        return found

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
        found: TransformationFamily = reduce(
            mul, [self._resolve("transformation", TransformationFamily, p, options) for p in parts]
        )
        return found

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
            PluginError: Nobody provides the name, or two plugins do, or its plugin is broken.
        """
        claims = [record for record in self.records(kind) if record.name == name]
        if not claims:
            raise PluginError(unknown(kind, name, self._records))
        record = claims[0]
        if record.status == "conflict":
            raise PluginError(f"{record.error}. Expected one owner; to mend it: {record.hint}.")
        if record.status != "ok":
            raise PluginError(unusable(record, record.error or record.status)) from record.cause
        return record

    def load(self, kind: Kind, name: str) -> Any:
        """Import and return the class or function behind a name.

        Raises:
            PluginError: As :meth:`find`, or what stands behind the name cannot be imported.
        """
        record = self.find(kind, name)
        outcome = attempt(lambda: import_reference(record.reference))
        if isinstance(outcome, Failure):
            raise PluginError(unusable(record, outcome.text)) from outcome.cause
        if not callable(outcome):
            raise PluginError(unusable(record, f"{outcome!r} is not a class or function"))
        return outcome

    def create(self, kind: Kind, name: str, options: Mapping[str, Any]) -> Any:
        """Build what a name stands for.

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
        self, kind: Kind, wanted: type[Any], given: object, options: Mapping[str, Any]
    ) -> Any:
        """Build a name, or pass an object through, and make sure that it is of class ``wanted``."""
        if isinstance(given, str):
            built = self.create(kind, given, options)
            if isinstance(built, wanted):
                # written past frozen dataclasses: no field, and nothing that equality looks at
                vars(built)[ORIGIN] = (given, dict(options))
                return built
            raise PluginError(
                f"the {kind} {given!r} of {self.find(kind, given).owner} built a "
                f"{type(built).__name__}, expected a subclass of eqsets.{wanted.__name__}. "
                f"Report it to the authors of the plugin."
            )
        if not isinstance(given, wanted):
            mend = "Call the class to make an object" if isinstance(given, type) else "Pass a name"
            raise OptionError(
                f"{kind} is {given!r}, expected a name or an object of class {wanted.__name__}. "
                f"{mend}; `eqsets plugins` lists the names."
            )
        if options:
            raise OptionError(
                f"the {kind} {given!r} was given together with {', '.join(sorted(options))}, "
                f"expected options with a name only. Set them where the object is made."
            )
        return given
