"""From a set to one element: the end of a set network that keeps the symmetry of an element."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from eqsets.aggregation import Aggregation
from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError
from eqsets.layout import as_rows
from eqsets.modules import register_module
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.registry import element_group as resolve
from eqsets.sets import SetBatch
from eqsets.symmetry import ElementSymmetry

__all__ = ["SetPool", "reducing"]


def reducing(aggregation: str | Aggregation, owner: str) -> Aggregation:
    """Return the aggregation that ``owner`` was given, which has to reduce a set to one element.

    Raises:
        FeatureTypeError: it reduces nothing.
    """
    strategy = resolve_aggregation(aggregation)
    if not strategy.reduces_input:
        raise FeatureTypeError(
            f"{owner} got aggregation {aggregation!r}, expected one that reduces a set to one "
            "element, such as 'mean', 'sum' or 'max'."
        )
    return strategy


@register_module("SetPool")
class SetPool(nn.Module):
    r"""Reduce a set to one element: :math:`y = \frac1n \sum_j x_j`, or the sum or maximum.

    Invariant to reordering, equivariant to the element group moving all elements together: a burst
    of photos becomes one photo.

    Arguments:
        element_group: name or symmetry.
        features: feature type, kept.
        aggregation: ``"mean"``, ``"sum"``, ``"max"``, or an Aggregation that reduces inputs.

    Raises:
        FeatureTypeError: the aggregation would break the symmetry of the type, or reduces nothing.

    Example:
        >>> import torch
        >>> SetPool("trivial", 4)(torch.ones(2, 3, 4)).shape
        torch.Size([2, 4])
    """

    keeps_set = False

    def __init__(
        self,
        element_group: str | ElementSymmetry,
        features: Any,
        aggregation: str | Aggregation = "mean",
    ) -> None:
        super().__init__()
        self.symmetry = resolve(element_group)
        self.in_type = self.out_type = self.symmetry.feature_type(features)
        self.aggregation = reducing(aggregation, "SetPool")
        types, arguments = {"features": self.in_type}, {"aggregation": self.aggregation}
        self.construction = Construction(SetPool, self.symmetry, types, arguments)
        self.aggregation.check(self.in_type)

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Tensor:
        """Reduce ``x: (B, N, *element)`` or a SetBatch to ``(B, *element)``.

        Raises:
            ShapeError: shape of ``x`` or ``mask`` do not fit, or a set is empty.
        """
        layout, rows = as_rows(x, mask, self.in_type, "SetPool")
        return self.aggregation.reduce_input(layout, rows)

    def extra_repr(self) -> str:
        return f"{self.in_type}, aggregation={self.aggregation!r}"
