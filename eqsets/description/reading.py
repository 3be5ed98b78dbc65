"""From plain dicts back to feature types, element symmetries and modules.

Requirements that shaped this module: a description may come from anywhere, so nothing in it names
code. It names what installed plugins provide; every part is checked, and a message says where.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from torch import nn as torch_nn

from eqsets import nn
from eqsets.aggregation import Aggregation
from eqsets.description.writing import FORMAT
from eqsets.dss import DSS
from eqsets.errors import DescriptionError, EqsetsError, PluginError, choices
from eqsets.features import FeatureType, InvariantFeatures
from eqsets.generated import GeneratedSymmetry
from eqsets.groups import MatrixGroup, SymmetricGroup
from eqsets.network import SetNetwork
from eqsets.registry import aggregation, element_group
from eqsets.symmetry import ElementSymmetry

__all__ = ["from_dict"]

_MODULES: Mapping[str, Callable[..., torch_nn.Module]] = MappingProxyType(
    {
        "DSS": DSS,
        "Readout": nn.Readout,
        "SetNetwork": SetNetwork,
        "SetPool": nn.SetPool,
        "dropout": nn.dropout,
        "invariant": nn.invariant,
        "nonlinearity": nn.nonlinearity,
        "norm": nn.norm,
        "pool": nn.pool,
    }
)
_KINDS = ("SetSequential", "element group", "feature type", *_MODULES)
_TYPES = ("features", "in_features", "out_features")
_AGGREGATIONS = ("aggregation", "set_pool")


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
    found = _get(plain, "format", int, "")
    if found != FORMAT:
        raise DescriptionError(
            f"format is {found}, expected {FORMAT}. Update eqsets to read descriptions of later "
            "versions."
        )
    return _object(plain, "")


def _object(plain: Mapping[str, Any], path: str) -> Any:
    kind = _get(plain, "kind", str, path)
    if kind not in _KINDS:
        raise DescriptionError(f"{_join(path, 'kind')} is {kind!r}: {choices(kind, _KINDS)}")
    if kind == "SetSequential":
        modules = _get(plain, "modules", list, path)
        built = [_object(each, f"{_join(path, 'modules')}[{k}]") for k, each in enumerate(modules)]
        return _calling(nn.SetSequential, built, {}, path or kind)
    if kind == "feature type" and "element_group" not in plain:
        return _spec(_get(plain, "spec", object, path), _join(path, "spec"))
    place = _join(path, "element_group")
    symmetry = _symmetry(_get(plain, "element_group", dict, path), place)
    if kind == "element group":
        return symmetry
    if kind == "feature type":
        spec = _spec(_get(plain, "spec", object, path), _join(path, "spec"))
        return _calling(symmetry.feature_type, [spec], {}, _join(path, "spec"))
    given: dict[str, Any] = {}
    for name, value in _get(plain, "arguments", dict, path).items():
        given[name] = _argument(name, value, _join(path, f"arguments.{name}"))
    for name, value in _get({"options": {}, **plain}, "options", dict, path).items():
        given[name] = _value(value, _join(path, f"options.{name}"))
    return _calling(_MODULES[kind], [symmetry], given, path or kind)


def _argument(name: str, value: Any, path: str) -> Any:
    if name in _AGGREGATIONS and value is not None:
        return _aggregation(value, path)
    if name in _TYPES:
        if isinstance(value, list):
            return [_spec(each, f"{path}[{place}]") for place, each in enumerate(value)]
        return _spec(value, path)
    return _value(value, path)


def _spec(value: Any, path: str) -> int | str | FeatureType:
    if isinstance(value, Mapping):
        return InvariantFeatures(_get(value, "invariants", int, path))
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise DescriptionError(
            f"{path} is {value!r}, expected a feature type: a whole number, text, or "
            "{'invariants': 3}. Write what element_group.feature_type takes."
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
    elif "lie_algebra" in plain:
        parts = [_get(plain, name, list, path) for name in ("lie_algebra", "matrices")]
        given = {"group": _calling(MatrixGroup, parts, {}, path)}
    else:
        name = "permutations" if "permutations" in plain else "matrices"
        given = {name: _get(plain, name, list, path)}
    made: GeneratedSymmetry = _calling(GeneratedSymmetry, [], {**given, **rest}, path)
    return made


def _aggregation(value: Any, path: str) -> Aggregation:
    plain = {"name": value} if isinstance(value, str) else value
    if not isinstance(plain, Mapping):
        raise DescriptionError(
            f"{path} is {value!r}, expected the name of an aggregation, or a dict of its name and "
            "options. Write for example 'mean'."
        )
    options = _get({"options": {}, **plain}, "options", dict, path)
    given = {name: _value(each, _join(path, name)) for name, each in options.items()}
    return aggregation(_get(plain, "name", str, path), **given)


def _value(value: Any, path: str) -> Any:
    """Return tuples for lists, which JSON has alone, and symmetries for their descriptions."""
    if isinstance(value, Mapping) and set(value) == {"element_group"}:
        return _symmetry(_get(value, "element_group", dict, path), _join(path, "element_group"))
    if isinstance(value, Mapping):
        return {name: _value(part, _join(path, str(name))) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_value(part, f"{path}[{place}]") for place, part in enumerate(value))
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
