"""Modules as functions of their weights: a layer with one weight at 1 is one map of its basis."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from eqsets.constants import on_cpu
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType

__all__ = ["fixed_points", "has_free_sizes", "split_weights", "weighted", "without_parameters"]


def has_free_sizes(*types: FeatureType) -> bool:
    """Return whether a type takes elements of any size, so that its maps are no fixed matrices."""
    return any(isinstance(size, str) for kind in types for size in kind.layout)


def weighted(module: nn.Module, weights: Tensor) -> nn.Module:
    """Return a copy of a module with these weights, for a few calls: it must not be moved."""
    module, parts = without_parameters(module)
    for (part, name, shape), value in zip(parts, split_weights(weights, parts), strict=True):
        setattr(part, name, value.to(weights).reshape(shape))
    return module


def without_parameters(
    module: nn.Module,
) -> tuple[nn.Module, list[tuple[nn.Module, str, torch.Size]]]:
    """Return a copy that has no parameters, and where they were: (module, name, shape)."""
    module = copy.deepcopy(module)
    parts = []
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            parts.append((part, name, parameter.shape))
            delattr(part, name)
    return module, parts


def split_weights(weights: Tensor, parts: list[tuple[nn.Module, str, torch.Size]]) -> list[Tensor]:
    """Return the weights of each part, flat."""
    return list(weights.split([shape.numel() for _, _, shape in parts]))


def fixed_points(embedding: nn.Module, out_type: FeatureType) -> Tensor:
    """Return the vectors that the weights of an embedding of one invariant reach.

    Arguments:
        embedding: writes one invariant into features of one channel.
        out_type: type of these features.

    Returns:
        ``(R, *points)`` float64, or ``(1, 1, ...)`` for one constant vector.

    Raises:
        FeatureTypeError: they depend on a free size.
    """
    with on_cpu(), torch.no_grad():
        module = embedding.double()
        count = sum(parameter.numel() for parameter in module.parameters())
        like = out_type.sample(1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        one = torch.ones(1, 1, dtype=torch.float64)
        units = [weighted(module, unit)(one, like=like) for unit in torch.eye(count).double()]
        fixed = torch.cat(units).squeeze(out_type.channel_axis or 0)
        flat = fixed.reshape(count, -1)
    if torch.equal(flat, flat[:, :1].expand_as(flat)) and count == 1:
        return fixed.new_ones(1, *[1] * (fixed.dim() - 1))
    if has_free_sizes(out_type) and flat.shape[1] > 1:
        raise FeatureTypeError(
            f"the vectors of {out_type!r} that the group leaves invariant depend on a free size, "
            "expected constant ones. Use another type of the first factor."
        )
    return fixed
