"""Loading of one plugin, and the names that it provides.

Each plugin has its own pluggy manager, so that an error in a hook, or a misspelled hook, affects
this plugin only. Errors of a plugin are raised here as a :class:`PluginError` (or as the exception
of its own code) and converted to a record by :mod:`eqsets.registry._discovery`.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pluggy

from eqsets import hookspecs
from eqsets.errors import PluginError, choices
from eqsets.registry._records import HOOKS, PluginRecord
from eqsets.registry._references import import_reference, is_reference

__all__ = ["claims"]

_NAME = re.compile(r"[^\W_][\w.-]*")


def claims(record: PluginRecord) -> list[PluginRecord]:
    """Load the plugin of ``record`` and return one record for each name that it provides.

    Raises:
        PluginError: The plugin breaks the contract of :mod:`eqsets.hookspecs`.
    """
    plugin = import_reference(record.reference)
    version = getattr(plugin, "api_version", hookspecs.API_VERSION)
    if version != hookspecs.API_VERSION:
        return [_incompatible(record, version)]
    hooks = _registered(plugin, record.name)
    hints = getattr(plugin, "install_hint", {})
    if not isinstance(hints, Mapping):
        raise PluginError(
            f"install_hint is a {type(hints).__name__}, expected a mapping {{name: command}}."
        )
    error = _missing(getattr(plugin, "requires", ()))
    provided = [
        replace(
            record,
            name=name,
            kind=kind,
            reference=reference,
            hint=str(hints.get(name, record.hint)),
            status="broken" if error else "ok",
            error=error,
        )
        for hook, kind in HOOKS.items()
        for answer in getattr(hooks, hook)()
        for name, reference in _checked(hook, answer).items()
    ]
    if not provided:
        raise PluginError(
            f"the hooks of {record.name!r} provide no name, expected {{name: 'module:attribute'}}. "
            f"Return at least one name, or remove the plugin."
        )
    return provided


def _incompatible(record: PluginRecord, version: object) -> PluginRecord:
    """Return the record of a plugin for a different version of the hooks."""
    newer = isinstance(version, int) and version > hookspecs.API_VERSION
    return replace(
        record,
        status="incompatible",
        error=f"written for api_version {version!r}, this eqsets has {hookspecs.API_VERSION}",
        hint="pip install --upgrade eqsets" if newer else record.hint,
    )


def _registered(plugin: Any, name: str) -> Any:
    """Validate the hooks of one plugin and return the relay that calls them."""
    unmarked = [
        attribute
        for attribute in dir(plugin)
        if attribute.startswith("eqsets_")
        and inspect.isroutine(getattr(plugin, attribute))
        and not hasattr(getattr(plugin, attribute), "eqsets_impl")
    ]
    if unmarked:
        raise PluginError(
            f"function {unmarked[0]!r} has the prefix of a hook but is not marked as one. "
            f"Decorate it with @eqsets.hookimpl, or rename it."
        )
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=name)
    _check_pending(manager)
    if not manager.get_hookcallers(plugin):
        raise PluginError(
            f"{name!r} implements no hook; expected at least one of {', '.join(map(repr, HOOKS))}. "
            f"Write one and decorate it with @eqsets.hookimpl."
        )
    return manager.hook


def _check_pending(manager: pluggy.PluginManager) -> None:
    """Check for hooks that do not exist, with an error that lists the existing ones."""
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        callers = [c for c in manager.get_hookcallers(error.plugin) or () if not c.has_spec()]
        unknown = callers[0].name
        raise PluginError(
            f"{unknown!r} is not a hook of eqsets: {choices(unknown, HOOKS)} Rename the function."
        ) from error


def _missing(requires: object) -> str | None:
    """Return an error for required modules that are not installed, without importing any."""
    if isinstance(requires, str) or not isinstance(requires, Iterable):
        raise PluginError(
            f"requires is {requires!r}, expected a tuple of module names such as ('escnn',)."
        )
    missing = [
        repr(module)
        for module in requires
        if importlib.util.find_spec(module.split(".")[0]) is None
    ]
    return f"needs {', '.join(missing)}, which cannot be imported" if missing else None


def _checked(hook: str, answer: object) -> Mapping[str, str]:
    """Return the result of a hook, or raise an error if it is invalid."""
    if not isinstance(answer, Mapping):
        raise PluginError(
            f"{hook} returned a {type(answer).__name__}, expected a dictionary "
            f"{{name: 'module:attribute'}}."
        )
    for name, reference in answer.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(
                f"{hook} provides the name {name!r}, expected letters, digits, '-', '_' and '.', "
                f"beginning with a letter or digit ('+' and ':' have a meaning in names)."
            )
        if not is_reference(reference):
            raise PluginError(
                f"{hook} maps {name!r} to {reference!r}, expected a lazy reference "
                f"'module:attribute' as text."
            )
    return answer
