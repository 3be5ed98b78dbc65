"""From plain dicts back to feature types, element symmetries and modules.

Requirements that shaped this module: a description may come from anywhere, so nothing in it names
code. It names what installed plugins provide; every part is checked, and a message says where.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn as torch_nn

from eqsets.aggregation import Aggregation
from eqsets.description.writing import AGGREGATIONS, FORMAT, TYPES
from eqsets.errors import DescriptionError, EqsetsError, PluginError, choices
from eqsets.features import FeatureType, InvariantFeatures
from eqsets.generated import GeneratedSymmetry
from eqsets.groups import MatrixGroup, OrthogonalGroup, SymmetricGroup
from eqsets.modules import (
    RegisteredModule,
    register_module,
    registered_aggregations,
    registered_modules,
)
from eqsets.registry import aggregation, default_registry, element_group
from eqsets.symmetry import ElementSymmetry

__all__ = ["from_dict"]

_OTHERS = ("element group", "feature type")


def from_dict(plain: Mapping[str, Any]) -> Any:
    """Return what :func:`~eqsets.to_dict` has written down; modules have fresh random weights.

    Raises:
        DescriptionError: the dict is malformed; the message says where.
        PluginError: it names what no installed plugin provides.

    Example:
        >>> from eqsets import from_dict
        >>> from_dict({"format": 1, "kind": "feature type", "spec": {"invariants": 3}})
        InvariantFeatures(count=3)
    """
    version = _get(plain, "format", int, "")
    if version != FORMAT:
        raise DescriptionError(
            f"format is {version}, expected {FORMAT}. Update eqsets to read descriptions of later "
            "versions."
        )
    return _object(plain, "")


def _object(plain: Mapping[str, Any], path: str) -> Any:
    kind = _get(plain, "kind", str, path)
    entry = None if kind in _OTHERS else _registered(kind, _join(path, "kind"))
    if kind == "feature type" and "element_group" not in plain:
        return _spec(_get(plain, "spec", object, path), _join(path, "spec"))
    if entry is not None:
        return _module(entry, plain, path)
    symmetry = _symmetry(_get(plain, "element_group", dict, path), _join(path, "element_group"))
    if kind == "element group":
        return symmetry
    spec = _spec(_get(plain, "spec", object, path), _join(path, "spec"))
    return _calling(symmetry.feature_type, [spec], {}, _join(path, "spec"))


def _registered(kind: str, path: str) -> RegisteredModule:
    """Return what is registered by a name, also where an installed plugin provides it by a hook.

    Nothing is imported but installed plugins: a file runs no code of its choice.
    """
    known = registered_modules()
    if kind not in known and any(r.name == kind for r in default_registry().records("module")):
        register_module(kind)(default_registry().load("module", kind))
    if kind in known:
        return known[kind]
    hint = f" Import {kind.partition(':')[0]!r} first, which registers it." if ":" in kind else ""
    raise DescriptionError(f"{path} is {kind!r}: {choices(kind, [*_OTHERS, *known])}{hint}")


def _module(entry: RegisteredModule, plain: Mapping[str, Any], path: str) -> torch_nn.Module:
    positional: list[Any] = []
    if not entry.container or "element_group" in plain:
        group = _get(plain, "element_group", dict, path)
        positional.append(_symmetry(group, _join(path, "element_group")))
    if entry.container or "modules" in plain:
        modules = _get(plain, "modules", list, path)
        where = _join(path, "modules")
        positional += [_object(each, f"{where}[{k}]") for k, each in enumerate(modules)]
    rest = {"arguments": {}, **plain} if entry.container else plain
    given: dict[str, Any] = dict(entry.former)
    for name, value in _get(rest, "arguments", dict, path).items():
        given[name] = _argument(name, value, _join(path, f"arguments.{name}"))
    for name, value in _get({"options": {}, **plain}, "options", dict, path).items():
        given[name] = _value(value, _join(path, f"options.{name}"))
    built: torch_nn.Module = _calling(entry.build, positional, given, path or entry.name)
    return built


def _argument(name: str, value: Any, path: str) -> Any:
    if name in AGGREGATIONS and value is not None and not isinstance(value, list):
        return _aggregation(value, path)
    if name in TYPES:
        if isinstance(value, list):
            return [_spec(each, f"{path}[{index}]") for index, each in enumerate(value)]
        return _spec(value, path)
    return _value(value, path)


def _spec(value: Any, path: str) -> int | str | FeatureType | tuple[Any, ...]:
    if isinstance(value, Mapping) and "parts" in value:
        parts = enumerate(_get(value, "parts", list, path))
        return tuple(_spec(part, f"{path}.parts[{index}]") for index, part in parts)
    if isinstance(value, Mapping):
        return InvariantFeatures(_get(value, "invariants", int, path))
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise DescriptionError(
            f"{path} is {value!r}, expected a feature type: a whole number, text, "
            "{'invariants': 3} or {'parts': [1, 3]}. Write what element_group.feature_type takes."
        )
    return value


def _symmetry(plain: Mapping[str, Any], path: str) -> ElementSymmetry:
    if "generators" in plain:
        return _generated(_get(plain, "generators", dict, path), _join(path, "generators"))
    name, options = _get(plain, "name", str, path), {}
    for key, value in _get({"options": {}, **plain}, "options", dict, path).items():
        options[key] = _value(value, _join(path, f"options.{key}"))
    try:
        return element_group(name, **options)
    except PluginError as error:
        owner = plain.get("distribution")
        hint = f" When it was written down, it came with {owner!r}." if owner else ""
        raise PluginError(f"{path}: {error}{hint}") from error
    except EqsetsError as error:
        raise DescriptionError(f"{path}: {error}") from error


def _generated(plain: Mapping[str, Any], path: str) -> GeneratedSymmetry:
    rest = {
        "points": tuple(_get(plain, "points", list, path)),
        "channels_first": _get(plain, "channels_first", bool, path),
        "label": plain.get("label"),
    }
    if "symmetric" in plain:
        given: dict[str, Any] = {"group": SymmetricGroup(_get(plain, "symmetric", int, path))}
    elif "orthogonal" in plain:
        dimension = _get(plain, "orthogonal", int, path)
        given = {"group": OrthogonalGroup(dimension, _get(plain, "special", bool, path))}
    elif "lie_algebra" in plain:
        parts = [_get(plain, name, list, path) for name in ("lie_algebra", "matrices")]
        given = {"group": _calling(MatrixGroup, parts, {}, path)}
    else:
        name = "permutations" if "permutations" in plain else "matrices"
        given = {name: _get(plain, name, list, path)}
    built: GeneratedSymmetry = _calling(GeneratedSymmetry, [], {**given, **rest}, path)
    return built


def _aggregation(value: Any, path: str) -> Aggregation:
    plain = {"name": value} if isinstance(value, str) else value
    if not isinstance(plain, Mapping):
        raise DescriptionError(
            f"{path} is {value!r}, expected the name of an aggregation, or a dict of its name and "
            "options. Write for example 'mean'."
        )
    options = _get({"options": {}, **plain}, "options", dict, path)
    given = {name: _value(each, _join(path, name)) for name, each in options.items()}
    name = _get(plain, "name", str, path)
    if name in registered_aggregations():
        built: Aggregation = _calling(registered_aggregations()[name], [], given, path)
        return built
    try:
        return aggregation(name, **given)
    except PluginError as error:
        if ":" not in name:
            raise
        hint = f"Import {name.partition(':')[0]!r} first, which registers it"
        raise PluginError(f"{path}: the aggregation {name!r} is not registered. {hint}.") from error


def _value(value: Any, path: str) -> Any:
    """Return tuples for lists, which JSON has alone, and symmetries for their descriptions."""
    if isinstance(value, Mapping) and set(value) == {"element_group"}:
        return _symmetry(_get(value, "element_group", dict, path), _join(path, "element_group"))
    if isinstance(value, Mapping) and set(value) == {"aggregation"}:
        return _aggregation(value["aggregation"], _join(path, "aggregation"))
    if isinstance(value, Mapping) and set(value) == {"feature type"}:
        return _spec(value["feature type"], _join(path, "feature type"))
    if isinstance(value, Mapping) and set(value) == {"module"}:
        return _object(value["module"], _join(path, "module"))
    if isinstance(value, Mapping):
        return {name: _value(part, _join(path, str(name))) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_value(part, f"{path}[{index}]") for index, part in enumerate(value))
    return value


def _get(plain: Any, name: str, kind: type, path: str) -> Any:
    """Return an entry of a dict, which must be of a kind."""
    if not isinstance(plain, Mapping):
        raise DescriptionError(
            f"{path or 'the description'} is {plain!r}, expected a dict. Write it by to_dict."
        )
    if name not in plain:
        known = sorted(map(str, plain))
        raise DescriptionError(
            f"{path or 'the description'} has no {name!r}, only {known}, expected one. Write "
            "descriptions by to_dict."
        )
    value = plain[name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DescriptionError(
            f"{_join(path, name)} is {value!r}, expected {kind.__name__}. Write it by to_dict."
        )
    return value


def _calling(
    make: Callable[..., Any], positional: Sequence[Any], named: Mapping[str, Any], path: str
) -> Any:
    """Return what a call makes; say where where it refuses its arguments."""
    try:
        return make(*positional, **named)
    except PluginError:
        raise
    except (EqsetsError, TypeError, ValueError) as error:
        raise DescriptionError(f"{path}: {error}") from error


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
