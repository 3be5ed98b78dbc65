"""From an object back to the name and the options that build it: the registry, read backwards.

Requirements that shaped this module:

- what was built by name says so, whatever its plugin did to build it;
- what was built by calling the class behind a name says so too, as long as the class keeps its
  arguments as attributes of the same names, as frozen dataclasses do.
"""

from __future__ import annotations

import inspect
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
    """Which name and options build an object, and which distribution provides the name."""

    name: str
    distribution: str
    options: Mapping[str, Any]


def built_by_name(built: object) -> bool:
    """Return whether an object was built by name, so that it remembers name and options."""
    return ORIGIN in vars(built)


def origin_of(kind: Kind, built: object, path: str) -> Origin:
    """Return what builds an object again.

    Arguments:
        kind: of the name, such as ``"element group"``.
        built: the object.
        path: where it stands in what is described, for messages.

    Raises:
        DescriptionError: nothing is known about where the object comes from.
    """
    records = [r for r in default_registry().records(kind) if r.status == "ok"]
    made = vars(built).get(ORIGIN)
    if made is not None:
        name, options = made
        owners = [record.distribution for record in records if record.name == name]
        return Origin(name, owners[0] if owners else "", options)
    cls = type(built)
    reference = f"{cls.__module__}:{cls.__qualname__}"
    for record in records:
        if record.reference == reference:
            return Origin(record.name, record.distribution, arguments_of(built, path))
    raise DescriptionError(
        f"{path}: the {kind} {built!r} of class {reference} is not what an installed plugin "
        f"provides by name, expected one of {sorted(r.name for r in records)}. Register the class "
        "in a plugin (`eqsets plugins` lists the names), or make the object from generators."
    )


def arguments_of(built: object, path: str) -> dict[str, Any]:
    """Return the arguments that an object was made with, read from its attributes.

    Raises:
        DescriptionError: the class does not keep an argument as an attribute of its name.
    """
    missing, cls = object(), type(built)
    found = {name: getattr(built, name, missing) for name in inspect.signature(cls).parameters}
    lost = sorted(name for name, value in found.items() if value is missing)
    if lost:
        raise DescriptionError(
            f"{path}: {cls.__module__}:{cls.__qualname__} does not keep its arguments {lost}, "
            "expected attributes of these names. Store them, or build the object by its name, "
            "which remembers them."
        )
    return found
