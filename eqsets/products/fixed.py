"""The vectors of the first factor that its group leaves invariant, read off its embedding."""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.constants import on_cpu
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.products.maps import has_free_sizes, weighted
from eqsets.symmetry import ElementSymmetry

__all__ = ["fixed_points"]


def fixed_points(symmetry: ElementSymmetry, in_type: FeatureType) -> Tensor:
    """Return the fixed vectors of a type of one channel, float64 ``(R, *points)`` or ``(R, 1...)``.

    Raises:
        FeatureTypeError: there is none, or they depend on a free size.
    """
    with on_cpu(), torch.no_grad():
        module = symmetry.embed(1, in_type).double()
        count = sum(parameter.numel() for parameter in module.parameters())
        like = in_type.sample(1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        one = torch.ones(1, 1, dtype=torch.float64)
        units = [weighted(module, unit)(one, like=like) for unit in torch.eye(count).double()]
        fixed = torch.cat(units).squeeze(in_type.channel_axis or 0)
        flat = fixed.reshape(count, -1)
    if torch.equal(flat, flat[:, :1].expand_as(flat)) and count == 1:
        return fixed.new_ones(1, *[1] * (fixed.dim() - 1))
    if has_free_sizes(in_type) and flat.shape[1] > 1:
        raise FeatureTypeError(
            f"the vectors of {in_type!r} that the group leaves invariant depend on a free size, "
            "expected constant ones. Use another type of the first factor."
        )
    return fixed
