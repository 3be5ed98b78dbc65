"""Finer elements: up-sampling as the symmetry offers it, to a given size where one is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.layout import as_rows
from eqsets.modules import register_module
from eqsets.registry import element_group as resolve
from eqsets.sets import SetBatch
from eqsets.symmetry import ElementSymmetry

__all__ = ["Upsample"]


@register_module("Upsample")
class Upsample(nn.Module):
    """Make each element finer, the reverse of :func:`pool`: a larger grid.

    Arguments:
        element_group: name or symmetry.
        features: feature type of the input.
        options: what the symmetry's up-sampling takes, such as ``factor=2``.

    Raises:
        FeatureTypeError: the symmetry knows no up-sampling inside an element.

    Example:
        >>> import torch
        >>> up = Upsample("translations", "4 /2", factor=2)
        >>> up(torch.randn(2, 3, 4, 8, 8)).shape
        torch.Size([2, 3, 4, 16, 16])
    """

    keeps_set = True

    def __init__(self, element_group: str | ElementSymmetry, features: Any, **options: Any) -> None:
        super().__init__()
        self.symmetry = resolve(element_group)
        self.in_type = self.symmetry.feature_type(features)
        self.module = self.symmetry.upsample(self.in_type, **options)
        out_type = getattr(self.module, "out_type", self.in_type)
        if not isinstance(out_type, FeatureType):
            raise FeatureTypeError(
                f"the up-sampling of {self.symmetry!r} declares no out_type, got {out_type!r}."
            )
        self.out_type = out_type
        self.construction = Construction(
            Upsample, self.symmetry, {"features": self.in_type}, {}, options
        )

    def forward(
        self,
        x: Tensor | SetBatch,
        mask: Tensor | None = None,
        *,
        structure: Any = None,
        size: Sequence[int] | None = None,
    ) -> Tensor | SetBatch:
        """Map ``x: (B, N, *element)`` or a SetBatch element by element.

        Arguments:
            x: sets of elements.
            mask: which are present.
            structure: not used.
            size: of the grid of the output, where it is not the natural multiple of the input.

        Raises:
            ShapeError: shape of ``x`` or ``mask`` do not fit, a set is empty, or the size is out of
                reach.
        """
        layout, rows = as_rows(x, mask, self.in_type, "Upsample")
        return layout.restore(self.module(rows, size=size))

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"
