"""The inverse of the registry: from an object to the name and the options that build it.

Requirements that shaped this module:

- an object that was built by name stores name and options, for every plugin;
- an object of a registered class is recognised too, if the class stores its arguments as attributes
  of the same names, as frozen dataclasses do.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eqsets.errors import DescriptionError
from eqsets.registry._names import default_registry
from eqsets.registry._records import Kind
from eqsets.registry._registry import ORIGIN

__all__ = ["Origin", "arguments_of", "built_by_name", "origin_of"]


@dataclass(frozen=True)
class Origin:
    """The name and options that build an object, and the distribution of the name."""

    name: str
    distribution: str
    options: Mapping[str, Any]


def built_by_name(built: object) -> bool:
    """Return whether an object was built by name, so that it stores name and options."""
    return ORIGIN in vars(built)


def origin_of(kind: Kind, built: object, path: str) -> Origin:
    """Return the name and options that build an object.

    Arguments:
        kind: of the name, such as ``"element group"``.
        built: the object.
        path: its position in the description, for messages.

    Raises:
        DescriptionError: the origin of the object is unknown.
    """
    records = [r for r in default_registry().records(kind) if r.status == "ok"]
    origin = vars(built).get(ORIGIN)
    if origin is not None:
        name, options = origin
        owners = [record.distribution for record in records if record.name == name]
        return Origin(name, owners[0] if owners else "", options)
    cls = type(built)
    reference = f"{cls.__module__}:{cls.__qualname__}"
    for record in records:
        if _refers_to(record.reference, cls):
            return Origin(record.name, record.distribution, arguments_of(built, path))
    raise DescriptionError(
        f"{path}: the {kind} {built!r} of class {reference} is not what an installed plugin "
        f"provides by name, expected one of {sorted(r.name for r in records)}. Register the class "
        "in a plugin (`eqsets plugins` lists the names), or build the object from generators."
    )


def _refers_to(reference: str, cls: type) -> bool:
    """Return whether a lazy reference is to a class, perhaps by a package that exports it.

    Nothing is imported: an object of the class exists, so the module of its class is imported.
    """
    module, _, path = reference.partition(":")
    target: object = sys.modules.get(module)
    for name in path.split("."):
        target = getattr(target, name, None)
    return target is cls


def arguments_of(built: object, path: str) -> dict[str, Any]:
    """Return the constructor arguments of an object, read from its attributes.

    Raises:
        DescriptionError: the class does not store an argument as an attribute of its name.
    """
    missing, cls = object(), type(built)
    arguments = {name: getattr(built, name, missing) for name in inspect.signature(cls).parameters}
    lost = sorted(name for name, value in arguments.items() if value is missing)
    if lost:
        raise DescriptionError(
            f"{path}: {cls.__module__}:{cls.__qualname__} does not store its arguments {lost}, "
            "expected attributes of these names. Store them, or build the object by its name, "
            "which stores them."
        )
    return arguments
