"""The spec of a symmetry that is composed of others: it claims what its parts claim.

A part whose class a plugin names has a spec of its own (hook ``eqsets_test_specs``); from it come
capabilities, layer options, types to try and how many maps a layer has. A part without one is taken
at its word, as any symmetry is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import reduce
from typing import Any

import torch
from torch import nn

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.nested import MemberFeatures, Sets
from eqsets.products import Product, ProductFeatures
from eqsets.products.maps import UnitMaps
from eqsets.registry import default_registry
from eqsets.symmetry import ElementSymmetry
from eqsets.testing.spec import Capabilities, ContractSpec, Layer

__all__ = ["composite_spec"]

_TYPES = 2  # of a composite: laws on many types would take too long


def composite_spec(symmetry: ElementSymmetry) -> ContractSpec:
    """Return the spec of a composed symmetry, from those of its parts.

    The last part is what layers get their options for, and what names the types.
    """
    specs = [_spec_of_part(part) for part in symmetry.parts]
    last = specs[-1]
    claims = reduce(_both, [spec.capabilities for spec in specs])
    dimension, known = _dimension(symmetry, specs)
    types = tuple(symmetry.feature_type(kind) for kind in last.types)
    failures = {law: why for spec in specs for law, why in spec.expected_failures.items()}
    return ContractSpec(
        repr(symmetry),
        symmetry=symmetry,
        types=types,
        options=last.options,
        dimension=dimension,
        pools=last.pools,
        aggregations=tuple(
            name for name in last.aggregations if all(name in r.aggregations for r in specs)
        ),
        tolerance=max(_tolerance(spec) for spec in specs),
        capabilities=replace(claims, complete=claims.complete and known),
        expected_failures={**failures, **_not_linear(symmetry, types)},
    )


def _spec_of_part(part: ElementSymmetry) -> ContractSpec:
    """Return what is known about a part: its types are its own, the rest that of its class."""
    if part.parts:
        return composite_spec(part)
    spec = _of_class(type(part))
    texts = (1, 2) if spec is None else tuple(str(kind) for kind in spec.types)
    types = _understood(part, texts) or _understood(part, (1, 2))
    if spec is None:
        return ContractSpec(repr(part), symmetry=part, types=types[:_TYPES])
    return replace(spec, symmetry=part, types=types[:_TYPES], layers=(), sets=(), variants=())


def _of_class(kind: type[ElementSymmetry]) -> ContractSpec | None:
    """Return the spec of the name that stands for a class, where a plugin provides one."""
    registry = default_registry()
    reference = f"{kind.__module__}:{kind.__qualname__}"
    for plugin in registry.plugins():
        if plugin.kind == "element group" and plugin.reference == reference:
            spec = registry.contract_spec(plugin.name)
            return spec if isinstance(spec, ContractSpec) else None
    return None


def _understood(part: ElementSymmetry, texts: tuple[Any, ...]) -> tuple[FeatureType, ...]:
    try:
        return tuple(part.feature_type(text) for text in texts)
    except FeatureTypeError:  # types of a larger group than this part has
        return ()


def _both(a: Capabilities, b: Capabilities) -> Capabilities:
    return Capabilities(**{f.name: getattr(a, f.name) and getattr(b, f.name) for f in fields(a)})


def _tolerance(spec: ContractSpec) -> float:
    if spec.tolerance is not None or spec.symmetry is None:
        return spec.tolerance or 0.0
    return spec.symmetry.tolerance


def _dimension(
    symmetry: ElementSymmetry, specs: list[ContractSpec]
) -> tuple[Callable[[Layer], int] | None, bool]:
    """Return how many maps a layer has where its parts say less than all, and whether it is known.

    A product has the product of the numbers, and a set twice the number of its members.
    """
    if not any(spec.dimension for spec in specs):
        return None, True
    own, options = specs[-1].dimension, specs[-1].options
    if own is None or not _counts(own, specs[-1]):
        return None, False
    if isinstance(symmetry, Product):
        product = symmetry
        return lambda layer: _maps(product, layer) * own(_inner(layer, options)), True
    if isinstance(symmetry, Sets) and symmetry.alignment == "shared":
        return lambda layer: 2 * own(_inner(layer, options)), True
    return None, False


def _counts(own: Callable[[Layer], int], spec: ContractSpec) -> bool:
    """Return whether a number that is declared for a class is meant for this part of it."""
    kind = spec.types[0]
    try:
        return own(Layer(kind, kind, spec.options)) >= 0
    except FeatureTypeError:  # it is for another group of the class
        return False


def _maps(symmetry: Product, layer: Layer) -> int:
    source, target = (symmetry.feature_type(kind) for kind in (layer.in_type, layer.out_type))
    maps = symmetry.maps(source.first, target.first)
    return len(maps.maps) if isinstance(maps, UnitMaps) else len(maps)


def _inner(layer: Layer, options: Mapping[str, Any]) -> Layer:
    """Return the layer of the last part."""
    return Layer(_last(layer.in_type), _last(layer.out_type), {**options, **layer.options})


def _last(kind: FeatureType) -> FeatureType:
    if isinstance(kind, ProductFeatures):
        return kind.second
    return kind.member if isinstance(kind, MemberFeatures) else kind


def _not_linear(symmetry: ElementSymmetry, types: tuple[FeatureType, ...]) -> dict[str, str]:
    """Return what cannot hold: members that share lengths are not mapped linearly."""
    if not isinstance(symmetry, Sets) or symmetry.alignment == "shared":
        return {}
    members = [_last(kind) for kind in types]
    if all(_linear(symmetry.inner.shared_invariant(kind), kind) for kind in members):
        return {}
    reason = "members that each move by themselves share invariants, and these are not linear"
    return {"EQL02-linear-is-affine": reason}


def _linear(read: nn.Module, kind: FeatureType) -> bool:
    x = kind.sample(2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    read = read.double()
    return torch.allclose(read(x[:1] + x[1:]), read(x[:1]) + read(x[1:]))
