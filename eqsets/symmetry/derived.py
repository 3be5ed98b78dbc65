"""The invariant part of features of a symmetry that writes invariants in a way of its own."""

from __future__ import annotations

import torch

from eqsets.constants import on_cpu
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.groups import Group
from eqsets.rows import ConstantPart, InvariantPart, LinearPart
from eqsets.solve.weights import fixed_points

__all__ = ["derived_part"]


def derived_part(embedding: torch.nn.Module, group: Group, out_type: FeatureType) -> InvariantPart:
    """Return the orthogonal projection onto what an embedding reaches, channel by channel.

    Arguments:
        embedding: writes one invariant into ``out_type``.
        group: acts on it.
        out_type: type of features of one channel.

    Raises:
        FeatureTypeError: projecting in this way does not commute with the group.
    """
    axis = -1 if out_type.channel_axis is None else out_type.channel_axis
    fixed = fixed_points(embedding, out_type)
    if fixed[0].numel() == 1:
        if not out_type.pointwise:
            raise _undefined(out_type)
        return ConstantPart(axis)
    with on_cpu():
        vectors = torch.linalg.qr(fixed.reshape(len(fixed), -1).mT)[0]
        part = LinearPart(vectors, vectors.mT, axis)
        generator = torch.Generator().manual_seed(0)
        x = out_type.sample(4, generator=generator, dtype=torch.float64)
        moved = out_type.transform(group.sample(4, generator=generator), x)
        if not torch.allclose(part(moved), part(x), atol=1e-8):
            raise _undefined(out_type)
    return part


def _undefined(out_type: FeatureType) -> FeatureTypeError:
    return FeatureTypeError(
        f"the projection onto the invariant part of {out_type!r} does not follow from embed(), "
        "expected a pointwise type or an orthogonal action. Override invariant_part(out_type) in "
        "the symmetry, return None there, or use aggregation='mean'."
    )
