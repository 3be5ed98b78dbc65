"""The centred layer with a normalisation for each of its two parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets import DSS, ElementSymmetry
from eqsets.nn import SetPool, SetSequential, norm

__all__ = ["NormalisedParts"]

_COMMON_SCALE = 0.3  # of the common part at the start


class NormalisedParts(nn.Module):
    r"""Map the differences from the mean and the mean, and normalise each by itself.

    .. math:: L(X)_i = N_1(A (x_i - m)) + N_2(B m), \qquad m = \frac1n \sum_j x_j

    The published code normalises its two maps in this way (Maron et al. 2020). Where elements are
    similar, differences are much smaller than the mean; one normalisation of the sum preserves
    this ratio.

    Arguments:
        symmetry: of the elements.
        in_features: feature type of the input.
        out_features: feature type of the output.
        normalization: ``"batch"`` or ``"element"``.
        options: of both linear maps, such as ``kernel_size``.
    """

    keeps_set = True

    def __init__(
        self,
        symmetry: ElementSymmetry,
        in_features: Any,
        out_features: Any,
        *,
        normalization: str,
        **options: Any,
    ) -> None:
        super().__init__()
        differences, common = (
            DSS(symmetry, in_features, out_features, aggregation=name, bias=False, **options)
            for name in ("sridhar", "none")
        )
        self.in_type, self.out_type = differences.in_type, differences.out_type
        norms = [norm(symmetry, self.out_type, normalization) for _ in range(2)]
        self.differences = SetSequential(differences, norms[0])
        self.mean = SetPool(symmetry, self.in_type, "mean")
        self.common = SetSequential(common, norms[1])
        with torch.no_grad():
            for parameter in norms[1].parameters():
                parameter.mul_(_COMMON_SCALE)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, structure: Any = None) -> Tensor:
        """Map ``x: (B, N, *element)`` to sets of the same size; padding is zero."""
        mean = self.mean(x, mask).unsqueeze(1)
        common: Tensor = self.common(mean, structure=structure)
        y: Tensor = self.differences(x, mask, structure=structure) + common
        if mask is None:
            return y
        return torch.where(mask.view(*mask.shape, *[1] * (y.dim() - 2)), y, torch.zeros_like(y))
