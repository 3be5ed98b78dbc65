"""The messages of the registry: what was requested, what was expected, how to fix it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eqsets.errors import OptionError, choices
from eqsets.registry._first_party import distribution_of, install_command, normalized
from eqsets.registry._records import Kind, PluginRecord

__all__ = ["check_options", "unknown", "unusable"]

_FUNCTIONS: Mapping[str, str] = {
    "element group": "eqsets.element_group",
    "transformation": "eqsets.transformation",
    "aggregation": "eqsets.registry.aggregation",
}


def unusable(record: PluginRecord, cause: str) -> str:
    """Return the message about a name that is known and cannot be used."""
    return (
        f"the {record.kind} {record.name!r} of {record.owner} cannot be used: {cause}. "
        f"Expected {record.reference!r} to be importable. To fix it: {record.hint}."
    )


def unknown(kind: Kind, name: str, records: Sequence[PluginRecord]) -> str:
    """Return the message about an unknown name: the choices, and possible causes."""
    usable = {r.name for r in records if r.kind == kind and r.status == "ok"}
    sentences = [f"there is no {kind} {name!r}; {choices(name, usable)}"]
    sentences += [
        f"The name {name!r} is of another kind, as in {_FUNCTIONS[other]}({name!r})."
        for other in sorted({r.kind for r in records if r.name == name and r.kind in _FUNCTIONS})
    ]
    unloaded = [r for r in records if r.kind == "plugin"]
    provider = distribution_of(kind, name)
    if provider is not None:
        sentences.append(_comes_with(name, provider, unloaded))
    elif unloaded:
        owners = ", ".join(f"{r.name!r} of {r.owner} ({r.status})" for r in unloaded)
        sentences.append(f"Plugins without names: {owners}; `eqsets plugins` says why.")
    return " ".join(sentences)


def _comes_with(name: str, provider: str, unloaded: Iterable[PluginRecord]) -> str:
    """Return the sentence about the first-party plugin that provides a name."""
    for record in unloaded:
        if normalized(record.distribution) == provider:
            return (
                f"The name {name!r} comes with {record.owner}, which is {record.status} "
                f"({record.error}). To fix it: {record.hint}."
            )
    return (
        f"The name {name!r} comes with {provider}, which is not installed. "
        f"To install it: {install_command(provider)}."
    )


def check_options(what: str, factory: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Check, before anything is built, that a factory takes these options.

    Raises:
        OptionError: It does not; the message lists those that it takes.
    """
    try:
        signature = inspect.signature(factory)
    except ValueError:  # some callables written in C have none: they check their arguments
        return
    try:
        signature.bind(**options)
    except TypeError as error:
        given = ", ".join(f"{key}={value!r}" for key, value in options.items()) or "no options"
        takes = ", ".join(map(_option, signature.parameters.values())) or "no options"
        raise OptionError(
            f"the {what} was given {given}: {error}. It takes {takes}. Correct the options."
        ) from error


def _option(parameter: inspect.Parameter) -> str:
    """Return one option of a factory as a user would write it."""
    if parameter.kind is parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    if parameter.default is parameter.empty:
        return f"{parameter.name}=..."
    return f"{parameter.name}={parameter.default!r}"
