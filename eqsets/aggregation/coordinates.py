r"""The same layer in other coordinates: the published forms and the centred one, and back.

.. math:: L_1 x_i + L_2 \sum_j x_j = L_1 x_i + n L_2\, m = L_1 (x_i - m) + (L_1 + n L_2)\, m

Every map of one form is a map of the others, with weights that are linear in each other. This needs
layers that are linear in their weights; that the result is the same function is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from eqsets.aggregation.aggregation import Aggregation, Mean, Sum
from eqsets.aggregation.centered import Centered
from eqsets.errors import FeatureTypeError, OptionError, ShapeError

__all__ = ["convert_weights", "load_weights", "require_same_function"]

Weights: TypeAlias = dict[str, Tensor]
Pair: TypeAlias = tuple[Weights, Weights]


def convert_weights(
    local: nn.Module,
    context: nn.Module,
    source: Aggregation,
    target: Aggregation,
    set_size: int | None,
) -> Pair:
    """Return the weights of the two maps of a layer in the coordinates of another aggregation.

    Arguments:
        local: the local map.
        context: the map of the context.
        source: aggregation of the layer.
        target: the aggregation asked for.
        set_size: number of elements, where one of both is the sum.

    Raises:
        FeatureTypeError: an aggregation has no such coordinates.
        OptionError: the size of the set is needed and not given, or no whole number from 1.
    """
    for aggregation in (source, target):
        if type(aggregation) not in _FORMS:
            raise FeatureTypeError(
                f"aggregation {aggregation!r} is not one of several coordinates of the same maps, "
                "expected 'sum', 'mean' or 'centered'."
            )
    sizes = isinstance(set_size, int) and not isinstance(set_size, bool) and set_size >= 1
    if type(source) is not type(target) and Sum in (type(source), type(target)) and not sizes:
        raise OptionError(
            f"reparametrize got set_size={set_size!r}, expected a whole number of at least 1: the "
            "sum and the mean differ by the size of the set. Write for example set_size=8."
        )
    to_mean, from_mean = _FORMS[type(source)][0], _FORMS[type(target)][1]
    weights = dict(local.named_parameters()), dict(context.named_parameters())
    with torch.no_grad():
        return from_mean(*to_mean(*weights, set_size or 1), set_size or 1)


def load_weights(target: nn.Module, source: nn.Module, weights: Weights) -> None:
    """Copy weights into a map, and what else its state has from the map that they came from.

    Raises:
        FeatureTypeError: both maps have not the same weights.
    """
    known = dict(source.named_parameters())
    rest = {name: value for name, value in source.state_dict().items() if name not in known}
    try:
        target.load_state_dict({**rest, **weights})
    except RuntimeError as error:
        raise FeatureTypeError(
            f"the maps of a layer of {type(source).__name__} have different weights: {error}. "
            "Expected both maps with the same options."
        ) from error


def require_same_function(one: nn.Module, two: nn.Module, size: int, structure: Any) -> None:
    """Raise :class:`~eqsets.FeatureTypeError` unless two layers agree on random sets of a size."""
    weight = next(one.parameters())
    if weight.device.type == "meta":
        return
    x = one.in_type.sample(2, size, generator=torch.Generator().manual_seed(0))  # type: ignore[operator, union-attr]
    x = x.to(weight)
    with torch.no_grad():
        try:
            output, expected = (module(x, structure=structure) for module in (two, one))
        except ShapeError as error:
            raise FeatureTypeError(
                f"{type(one).__name__} cannot be tried without side information: {error} Give an "
                "example of it, for two sets: reparametrize(..., structure=...)."
            ) from error
    budget = 3e-2 if weight.dtype in (torch.float16, torch.bfloat16) else 1e-4
    if not float((output - expected).norm()) <= budget * float(expected.norm()):
        raise FeatureTypeError(
            f"the maps of {one!r} are not linear in their weights, so there are no other "
            "coordinates, expected linear maps such as conv='graph'. Keep the layer as it is."
        )


def _same(local: Weights, context: Weights, size: int) -> Pair:
    return local, context


def _sum_to_mean(local: Weights, context: Weights, size: int) -> Pair:
    return local, {name: size * weight for name, weight in context.items()}


def _mean_to_sum(local: Weights, context: Weights, size: int) -> Pair:
    return local, {name: weight / size for name, weight in context.items()}


def _centered_to_mean(local: Weights, context: Weights, size: int) -> Pair:
    """Return L1 = A and L2 = B - A; the bias moves to the local map."""
    bias = {name: weight for name, weight in context.items() if name not in local}
    return {**local, **bias}, {name: context[name] - weight for name, weight in local.items()}


def _mean_to_centered(local: Weights, context: Weights, size: int) -> Pair:
    """Return A = L1 and B = L1 + L2; the bias moves to the map of the mean."""
    bias = {name: weight for name, weight in local.items() if name not in context}
    common = {name: local[name] + weight for name, weight in context.items()}
    return {name: local[name] for name in context}, {**common, **bias}


_FORMS: Mapping[type[Any], tuple[Callable[..., Pair], Callable[..., Pair]]] = MappingProxyType(
    {
        Sum: (_sum_to_mean, _mean_to_sum),
        Mean: (_same, _same),
        Centered: (_centered_to_mean, _mean_to_centered),
    }
)
"""How the weights of each form become those of the mean, and back."""
