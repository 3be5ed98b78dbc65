"""The registry of modules and aggregations: what can be described, saved, loaded and tested.

Requirements that shaped this module:

- one registry for eqsets and for outsiders: a decorator on the class, or the hook
  ``eqsets_modules`` of a plugin, and nothing else;
- a description names what is registered. Reading one imports installed plugins at most, and never
  a module that only the file names: a file runs no code of its choice;
- registering twice the same is fine (a module that is reloaded), two owners of a name are an error.

The registry is process state, as the classes that it holds are. It is filled by decorators only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar, overload

from torch import nn

from eqsets.errors import OptionError

__all__ = [
    "RegisteredModule",
    "reference_of",
    "register_aggregation",
    "register_module",
    "registered_aggregations",
    "registered_modules",
]

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True)
class RegisteredModule:
    """A class or function that makes modules, and what is known about it.

    Attributes:
        name: what descriptions call it.
        build: the class or function.
        module_class: class of the modules.
        container: whether the call takes modules by position and no element group.
        example: ``example(symmetry, in_type, out_type, **layer_options)`` returns a module for the
            contract to test with every symmetry, or ``None``.
        former: arguments that descriptions of earlier versions lack, with what they meant then.
    """

    name: str
    build: Callable[..., nn.Module]
    module_class: type[nn.Module]
    container: bool = False
    example: Callable[..., nn.Module] | None = None
    former: Mapping[str, Any] = field(default_factory=dict)


_MODULES: dict[str, RegisteredModule] = {}
_AGGREGATIONS: dict[str, Callable[..., Any]] = {}


def registered_modules() -> Mapping[str, RegisteredModule]:
    """Return the registered modules by name."""
    return MappingProxyType(_MODULES)


def registered_aggregations() -> Mapping[str, Callable[..., Any]]:
    """Return the classes of aggregations that are registered by reference, without a plugin."""
    return MappingProxyType(_AGGREGATIONS)


def reference_of(registered: Any) -> str:
    """Return ``"module:Class"``, the name of what is registered without one."""
    return f"{registered.__module__}:{registered.__qualname__}"


@overload
def register_module(registered: T, /) -> T: ...


@overload
def register_module(
    registered: str | None = None,
    /,
    *,
    returns: type[nn.Module] | None = None,
    container: bool = False,
    example: Callable[..., nn.Module] | None = None,
    former: Mapping[str, Any] | None = None,
) -> Callable[[T], T]: ...


def register_module(
    registered: Any = None,
    /,
    *,
    returns: type[nn.Module] | None = None,
    container: bool = False,
    example: Callable[..., nn.Module] | None = None,
    former: Mapping[str, Any] | None = None,
) -> Any:
    """Register a class of set modules: it can be described, saved, loaded, and is tested as ours.

    The class takes an element group first and sets ``self.construction``, a
    :class:`~eqsets.Construction`. Its ``forward(x, mask=None, *, structure=None)`` takes dense,
    padded and ragged sets. Loading a file in another process needs the class registered there:
    import its module first, or name it in the hook ``eqsets_modules`` of a plugin.

    Arguments:
        registered: the class, where the decorator stands alone; else the name in descriptions,
            ``"module:Class"`` unless given.
        returns: class of the modules, for a function that makes them.
        container: whether it takes modules by position and no element group.
        example: ``example(symmetry, in_type, out_type, **layer_options)`` returns a module that the
            contract tests with every symmetry.
        former: values of arguments that were added later, where a description lacks them: what the
            module did before there was such an argument.

    Raises:
        OptionError: the name belongs to another class.

    Example:
        >>> from torch import nn
        >>> from eqsets import Construction, element_group, register_module
        >>> @register_module
        ... class Scale(nn.Module):
        ...     def __init__(self, group, features, *, factor=2.0):
        ...         super().__init__()
        ...         self.symmetry = element_group(group)
        ...         self.in_type = self.out_type = self.symmetry.feature_type(features)
        ...         self.factor = factor
        ...         self.construction = Construction(
        ...             Scale, self.symmetry, {"features": self.in_type}, {"factor": factor}
        ...         )
        ...
        ...     def forward(self, x, mask=None, *, structure=None):
        ...         return x * self.factor
        >>> from eqsets import from_dict, to_dict
        >>> from_dict(to_dict(Scale("trivial", 3, factor=4.0))).factor
        4.0
    """
    if registered is not None and not isinstance(registered, str):
        return register_module()(registered)

    def decorate(build: T) -> T:
        name = registered or reference_of(build)
        module_class = returns or build
        if not (isinstance(module_class, type) and issubclass(module_class, nn.Module)):
            raise OptionError(
                f"register_module got {build!r}, expected a class of torch modules, or a function "
                "and the class that it returns. Write register_module(name, returns=Class)."
            )
        entry = RegisteredModule(
            name, build, module_class, container, example, MappingProxyType(dict(former or {}))
        )
        _add(_MODULES, name, entry)
        return build

    return decorate


def register_aggregation(cls: T, /) -> T:
    """Register a class of aggregations without a plugin, as ``"module:Class"``.

    Layers with it can be described, saved and loaded wherever its module has been imported. Its
    arguments are read from attributes of the same names, as frozen dataclasses have. Names without
    a colon come from plugins: see the hook ``eqsets_aggregations``.
    """
    _add(_AGGREGATIONS, reference_of(cls), cls)
    return cls


def classes_of_modules() -> tuple[type[nn.Module], ...]:
    """Return the classes of all registered modules: these take dense, padded and ragged sets."""
    return tuple(dict.fromkeys(entry.module_class for entry in _MODULES.values()))


def examples() -> Iterator[RegisteredModule]:
    """Yield the registered modules that have an example for the contract."""
    return (entry for entry in _MODULES.values() if entry.example is not None)


def _add(registry: dict[str, Any], name: str, entry: Any) -> None:
    known = registry.get(name)
    if known is not None and _target(known) != _target(entry):
        raise OptionError(
            f"the name {name!r} is registered for {_target(known)}, got {_target(entry)}, expected "
            "one owner. Register it by another name, or without one."
        )
    registry[name] = entry


def _target(entry: Any) -> str:
    return reference_of(entry.build if isinstance(entry, RegisteredModule) else entry)
