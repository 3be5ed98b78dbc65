"""The layers of a model that declare their types, and their calls during one forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType

__all__ = ["Call", "Types", "declared_layers", "record_calls"]

Types = tuple[FeatureType, FeatureType]


@dataclass(frozen=True)
class Call:
    """The arguments and the output of one call of a layer."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Tensor


def declared_layers(model: nn.Module, types: Mapping[str, Types]) -> dict[str, Types]:
    """Return the types of every layer that has some, by itself or in ``types``.

    Raises:
        FeatureTypeError: ``types`` names a layer that does not exist.
    """
    known = dict(model.named_modules())
    unknown = sorted(set(types) - set(known))
    if unknown:
        raise FeatureTypeError(
            f"audit got types for {unknown}, which are no layers of {type(model).__name__}; "
            f"expected names such as {sorted(known)[1:4]}."
        )
    declared: dict[str, Types] = {}
    for name, module in known.items():
        pair = types.get(
            name, (getattr(module, "in_type", None), getattr(module, "out_type", None))
        )
        if isinstance(pair[0], FeatureType) and isinstance(pair[1], FeatureType):
            declared[name] = (pair[0], pair[1])
    return declared


def record_calls(model: nn.Module, x: Tensor, declared: Mapping[str, Types]) -> dict[str, Call]:
    """Run the model and return the first call of every declared layer, in order of being called."""
    calls: dict[str, Call] = {}
    started: dict[str, None] = {}
    handles = []
    for name in declared:
        layer = model.get_submodule(name)

        def starts(_: nn.Module, __: Any, name: str = name) -> None:
            started.setdefault(name)

        def ends(_: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name) -> None:
            if name not in calls and isinstance(output, Tensor) and isinstance(args[0], Tensor):
                calls[name] = Call(args, kwargs, output)

        handles.append(layer.register_forward_pre_hook(starts))
        handles.append(layer.register_forward_hook(ends, with_kwargs=True))
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    return {name: calls[name] for name in started if name in calls}
