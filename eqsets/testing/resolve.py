"""From whatever a user wants checked to its complete specification."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError
from eqsets.families import TransformationFamily
from eqsets.features import FeatureType
from eqsets.groups import Group, TrivialGroup
from eqsets.modules import classes_of_modules
from eqsets.registry import Registry, default_registry
from eqsets.registry._references import attempt
from eqsets.symmetry import ElementSymmetry
from eqsets.testing.cases.composites import composite_spec
from eqsets.testing.cases.rows import layers_between, row_cases
from eqsets.testing.cases.sets import selects, set_cases, weighs
from eqsets.testing.spec import Capabilities, ContractSpec, SetCase

__all__ = ["spec_of"]


def spec_of(given: Any) -> ContractSpec:
    """Return the complete spec of a name, symmetry, family, group, type, module or spec.

    Raises:
        OptionError: it is none of these, or too little is known about it.
        PluginError: the name is unknown, or its plugin cannot be loaded.
    """
    if isinstance(given, str):
        registry = default_registry()
        spec = registry.contract_spec(given)
        spec = _named(given, registry) if spec is None else spec
        return replace(spec_of(spec), name=given, plugin=True)
    if isinstance(given, ContractSpec):
        return _complete(given)
    if isinstance(given, ElementSymmetry) and given.parts:
        return _complete(composite_spec(given))
    if isinstance(given, ElementSymmetry):
        return _complete(ContractSpec(repr(given), symmetry=given))
    if isinstance(given, TransformationFamily):
        return ContractSpec(repr(given), group=given.group, family=given)
    if isinstance(given, Group):
        return ContractSpec(repr(given), group=given)
    if isinstance(given, FeatureType):
        return ContractSpec(repr(given), group=given.group or TrivialGroup(), types=(given,))
    if isinstance(given, nn.Module):
        return _of_module(given)
    raise OptionError(
        f"got {given!r} of type {type(given).__name__} to check, expected a name, an "
        "ElementSymmetry, a TransformationFamily, a Group, a FeatureType, a torch module with "
        "in_type and out_type, or an eqsets.testing.ContractSpec. Give one of these."
    )


def _named(name: str, registry: Registry) -> ElementSymmetry | TransformationFamily:
    """Return what a name stands for: a transformation, or a product of some, or a symmetry."""
    known = {one.name for one in registry.records("transformation")}
    if "+" in name or name in known:
        return registry.transformation(name, {})
    return registry.element_group(name, {})


def _complete(spec: ContractSpec) -> ContractSpec:
    """Fill in what follows from the symmetry: group, types, layers, and all cases."""
    symmetry = spec.symmetry
    spec = replace(spec, variants=tuple(_variant(_complete(one)) for one in spec.variants))
    if symmetry is None:
        own = None if spec.family is None else spec.family.group
        groups = [spec.group, own, *(case.group for case in spec.sets)]
        return replace(spec, group=next((group for group in groups if group is not None), None))
    types = spec.types or tuple(symmetry.feature_type(count) for count in (1, 2))
    spec = replace(
        spec,
        group=spec.group or symmetry.group,
        types=types,
        layers=spec.layers or layers_between(types),
    )
    rows = tuple(row_cases(symmetry, spec))
    return replace(spec, rows=rows, sets=(*set_cases(symmetry, spec), *spec.sets))


def _variant(spec: ContractSpec) -> ContractSpec:
    """Return a complete variant whose cases bear its name in messages."""
    rows = tuple(replace(case, label=f"{spec.name}: {case.label}") for case in spec.rows)
    sets = tuple(replace(case, label=f"{spec.name}: {case.label}") for case in spec.sets)
    return replace(spec, rows=rows, sets=sets)


def _of_module(module: nn.Module) -> ContractSpec:
    """Return the spec of a set module with declared types; copies of it are tested."""
    in_type, out_type = getattr(module, "in_type", None), getattr(module, "out_type", None)
    name = type(module).__name__
    if not isinstance(in_type, FeatureType) or not isinstance(out_type, FeatureType):
        raise OptionError(
            f"{name} declares in_type={in_type!r} and out_type={out_type!r}, expected the feature "
            "types of the elements that it takes and returns. Set both attributes on the module."
        )
    symmetry = getattr(module, "symmetry", None)
    group = in_type.group or out_type.group or getattr(symmetry, "group", None) or TrivialGroup()
    own = isinstance(module, classes_of_modules())
    takes_mask = "mask" in inspect.signature(module.forward).parameters
    case = SetCase(
        name,
        _copies(module),
        in_type,
        out_type,
        group,
        alignment=getattr(module, "alignment", "shared"),
        reduces=_reduces(module, in_type, out_type),
        symmetry=symmetry if isinstance(symmetry, ElementSymmetry) else None,
        tolerance=getattr(symmetry, "tolerance", ElementSymmetry.tolerance),
        capabilities=Capabilities(padded=own or takes_mask, ragged=own),
        random=any("dropout" in type(part).__name__.lower() for part in module.modules()),
        statistics=any(hasattr(part, "running_mean") for part in module.modules()),
        selects=selects(module),
        weighs=weighs(module),
    )
    return ContractSpec(
        name, group=group, types=tuple(dict.fromkeys((in_type, out_type))), sets=(case,)
    )


def _copies(module: nn.Module) -> Callable[[], nn.Module]:
    return lambda: copy.deepcopy(module)


def _reduces(module: nn.Module, in_type: FeatureType, out_type: FeatureType) -> bool:
    """Return whether the output has no set axis; tried out where the module does not say."""
    keeps = getattr(module, "keeps_set", None)
    if isinstance(keeps, bool):
        return not keeps
    x = in_type.sample(2, 3, dtype=torch.float64, generator=torch.Generator())
    y = attempt(lambda: copy.deepcopy(module).double().eval()(x))  # a failure is for the laws
    return isinstance(y, Tensor) and y.dim() == len(out_type.layout) + 1
