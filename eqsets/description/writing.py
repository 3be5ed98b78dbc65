"""From feature types, element symmetries and modules to plain dicts.

Requirements that shaped this module:

- the dict is JSON: text, finite numbers, truth values, None, lists, and dicts with text as keys;
- names and options, never classes: what reads it imports nothing but installed plugins;
- what cannot be read again is refused when it is written, with the path in the dict.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from torch import Tensor, nn

from eqsets.aggregation import Aggregation
from eqsets.construction import Construction
from eqsets.errors import DescriptionError, FeatureTypeError
from eqsets.features import FeatureType, InvariantFeatures
from eqsets.generated import GeneratedSymmetry
from eqsets.groups import FiniteGroup, MatrixGroup, OrthogonalGroup, SymmetricGroup
from eqsets.modules import reference_of, registered_aggregations, registered_modules
from eqsets.registry import arguments_of, built_by_name, origin_of
from eqsets.symmetry import ElementSymmetry

__all__ = ["AGGREGATIONS", "FORMAT", "TYPES", "to_dict"]

FORMAT = 1
"""Version of the descriptions that are written; those of a later version are refused."""

TYPES = ("features", "in_features", "out_features")
"""Names of arguments that are feature types."""

AGGREGATIONS = ("aggregation", "readout_aggregation", "set_pool")
"""Names of arguments that are aggregations."""


def to_dict(described: FeatureType | ElementSymmetry | nn.Module) -> dict[str, Any]:
    """Return a feature type, element symmetry or module of eqsets as a plain dict, ready for JSON.

    Of a module it is the architecture, without weights: these are its ``state_dict``.

    Arguments:
        described: a type, a symmetry, or a :class:`~eqsets.DSS`, :class:`~eqsets.SetNetwork` or
            module of :mod:`eqsets.nn` as it was made.

    Raises:
        DescriptionError: it holds what has no name: a class that no plugin registers, a function.

    Example:
        >>> from eqsets import DSS, from_dict, to_dict
        >>> plain = to_dict(DSS("trivial", 2, 3, aggregation="mean"))
        >>> plain["arguments"]["in_features"], plain["arguments"]["aggregation"]
        ({'invariants': 2}, 'mean')
        >>> from_dict(plain)
        DSS(
          element_group('trivial'), 2 invariants -> 3 invariants, aggregation=Mean(), ...
    """
    return {"format": FORMAT, **_described(described, "")}


def _described(described: object, path: str) -> dict[str, Any]:
    if isinstance(described, ElementSymmetry):
        return {"kind": "element group", "element_group": _symmetry(described, path)}
    if isinstance(described, FeatureType):
        return {"kind": "feature type", **_type(described)}
    construction = getattr(described, "construction", None)
    if not isinstance(construction, Construction):
        raise DescriptionError(
            f"{path or 'to_dict'} got {type(described).__name__}, expected a feature type, an "
            "element symmetry, or a module that says how it is constructed: DSS, SetNetwork, "
            "SetSequential, one of eqsets.nn, or of a class with eqsets.register_module. Write "
            "other modules down yourself, and their weights by state_dict."
        )
    return _module(construction, path)


def _module(construction: Construction, path: str) -> dict[str, Any]:
    entries = registered_modules().values()
    names = [entry.name for entry in entries if entry.build is construction.build]
    if not names:
        raise DescriptionError(
            f"{path or 'to_dict'} got a module of {reference_of(construction.build)}, which is not "
            "registered. Put the decorator eqsets.register_module on the class."
        )
    plain: dict[str, Any] = {"kind": names[0]}
    symmetry = construction.symmetry
    if symmetry is not None:
        plain["element_group"] = _symmetry(symmetry, _join(path, "element_group"))
    if construction.modules:
        modules = enumerate(construction.modules)
        plain["modules"] = [_described(one, _join(path, f"modules[{k}]")) for k, one in modules]
    given = _types(construction, path)
    for name, value in construction.arguments.items():
        where = _join(path, f"arguments.{name}")
        named = isinstance(value, Aggregation) and name in AGGREGATIONS
        given[name] = _aggregation(value, where) if named else _plain(value, where)
    if given or symmetry is not None:
        plain["arguments"] = given
        plain["options"] = _plain(dict(construction.options), _join(path, "options"))
    return plain


def _types(construction: Construction, path: str) -> dict[str, Any]:
    """Return the arguments that are feature types; those of other names than ours say so."""
    plain: dict[str, Any] = {}
    for name, value in construction.types.items():
        where = _join(path, f"arguments.{name}")
        many = isinstance(value, list)
        specs = [_spec(one, construction.symmetry, where) for one in (value if many else [value])]
        specs = specs if name in TYPES else [{"feature type": spec} for spec in specs]
        plain[name] = specs if many else specs[0]
    return plain


def _type(feature_type: FeatureType) -> dict[str, Any]:
    if isinstance(feature_type, InvariantFeatures):
        return {"spec": {"invariants": feature_type.count}}
    owner = feature_type.owner
    if not isinstance(owner, ElementSymmetry):
        raise DescriptionError(
            f"the feature type {feature_type!r} does not say which symmetry it belongs to, "
            f"expected {type(feature_type).__name__}.owner to return it. Define the property."
        )
    spec = _spec(feature_type, owner, "spec")
    return {"element_group": _symmetry(owner, "element_group"), "spec": spec}


def _spec(feature_type: FeatureType, symmetry: ElementSymmetry | None, path: str) -> Any:
    if isinstance(feature_type, InvariantFeatures):
        return {"invariants": feature_type.count}
    if symmetry is None:
        raise DescriptionError(
            f"{path}: {feature_type!r} is the type of a module without a symmetry, expected one "
            "that reads the type again. Give the symmetry to the Construction of the module."
        )
    spec, read = feature_type.spec, None
    try:
        read = symmetry.feature_type(spec)
    except FeatureTypeError as error:
        problem = str(error)
    else:
        problem = f"it is read as {read!r}"
    if read != feature_type:
        raise DescriptionError(
            f"{path}: {feature_type!r} is written as {spec!r}, expected {symmetry!r} to read that "
            f"as the same type: {problem}. Define {type(feature_type).__name__}.spec."
        )
    return _nested(spec)


def _nested(spec: Any) -> Any:
    """Return a specification as JSON: one of several parts, for a product, says so."""
    return {"parts": [_nested(part) for part in spec]} if isinstance(spec, tuple) else spec


def _symmetry(symmetry: ElementSymmetry, path: str) -> dict[str, Any]:
    """Return name and options, or generators where the symmetry was made from these."""
    if type(symmetry) is GeneratedSymmetry and not built_by_name(symmetry):
        return {"generators": _generators(symmetry, path)}
    origin = origin_of("element group", symmetry, path or "element_group")
    options = _plain(dict(origin.options), _join(path, "options"))
    return {"name": origin.name, "distribution": origin.distribution, "options": options}


def _generators(symmetry: GeneratedSymmetry, path: str) -> dict[str, Any]:
    group = symmetry.group
    shape = {"points": list(symmetry.points), "channels_first": symmetry.channels_first}
    plain = {**shape, "label": symmetry.label}
    if isinstance(group, SymmetricGroup):
        return {"symmetric": group.size, **plain}
    if isinstance(group, FiniteGroup):
        return {"permutations" if group.permutes else "matrices": _lists(group.content), **plain}
    if isinstance(group, OrthogonalGroup):
        return {"orthogonal": group.dimension, "special": group.special, **plain}
    if isinstance(group, MatrixGroup):
        return {"lie_algebra": _lists(group.algebra), "matrices": _lists(group.discrete), **plain}
    raise DescriptionError(
        f"{path or 'element_group'}: the symmetry {symmetry!r} has the group {group!r}, "
        "expected a FiniteGroup, SymmetricGroup, OrthogonalGroup or MatrixGroup. Make the symmetry "
        "from generators."
    )


def _aggregation(aggregation: Aggregation, path: str) -> Any:
    for name, cls in registered_aggregations().items():
        if type(aggregation) is cls:
            return {"name": name, "options": _plain(arguments_of(aggregation, path), path)}
    origin = origin_of("aggregation", aggregation, path)
    options = _plain(dict(origin.options), path)
    return {"name": origin.name, "options": options} if options else origin.name


def _plain(value: Any, path: str) -> Any:
    """Return what JSON can hold, lists for tuples; symmetries may be options of symmetries."""
    if isinstance(value, float) and not isfinite(value):
        raise DescriptionError(
            f"{path} is {value}, which JSON cannot write, expected a finite number. Choose one."
        )
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, ElementSymmetry):
        return {"element_group": _symmetry(value, path)}
    if isinstance(value, Aggregation):
        return {"aggregation": _aggregation(value, path)}
    if isinstance(value, nn.Module):
        return {"module": _described(value, path)}
    if isinstance(value, list | tuple):
        return [_plain(part, f"{path}[{index}]") for index, part in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: _plain(part, _join(path, name)) for name, part in value.items()}
    what = "a tensor" if isinstance(value, Tensor) else f"{value!r} of {type(value).__name__}"
    raise DescriptionError(
        f"{path} is {what}, expected text, numbers, truth values, None, or lists or dicts of "
        "these. Give it by a name that a plugin registers."
    )


def _lists(nested: Any) -> Any:
    return [_lists(part) for part in nested] if isinstance(nested, tuple) else nested


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
