r"""Map each element, then aggregate: the order of much published code on graphs.

.. math:: L(X)_i = L_1 x_i + \max_j L_2 x_j
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from eqsets.aggregation.aggregation import Aggregation, Max
from eqsets.aggregation.context import Context, InvariantContext
from eqsets.features import FeatureType
from eqsets.layout import Layout
from eqsets.structure import Structure
from eqsets.symmetry import ElementSymmetry

__all__ = ["MappedMax"]


@dataclass(frozen=True)
class MappedMax(Aggregation):
    r"""Map each element by :math:`L_2`, then take the componentwise maximum over the set.

    :math:`\max_j L_2 x_j` compares combinations of channels and of neighbouring pixels, where
    :math:`L_2 \max_j x_j` (``"max"``) compares each component of the input. The sum and the mean
    commute with :math:`L_2`, so for these the order does not matter. The second map runs once for
    each element: the cost is twice that of :math:`L_1`. With independent alignment, a linear map of
    the invariants comes first: :math:`E \max_j W u(x_j)`.

    Attributes:
        reduction: what reduces a set of mapped elements to one.

    Example:
        >>> import torch
        >>> from eqsets import DSS
        >>> layer = DSS("translations", 3, 8, kernel_size=3, aggregation="mapped-max")
        >>> layer(torch.randn(2, 5, 3, 9, 9)).shape
        torch.Size([2, 5, 8, 9, 9])
    """

    reduction: ClassVar[Aggregation] = Max()

    def build(
        self,
        symmetry: ElementSymmetry,
        in_type: FeatureType,
        out_type: FeatureType,
        *,
        alignment: str = "shared",
        bias: bool = False,
        **layer_options: Any,
    ) -> Context:
        if alignment == "independent":
            invariant = MappedInvariant(symmetry.shared_invariant(in_type))
            embedding = symmetry.embed(invariant.features, out_type)
            return InvariantContext(self.reduction, invariant, embedding, of_local=False)
        self.reduction.check(out_type)
        linear = symmetry.linear(in_type, out_type, bias=bias, **layer_options)
        return ElementwiseContext(self.reduction, linear)


class ElementwiseContext(Context):
    r"""The context :math:`\mathrm{agg}_j \, L_2 x_j`.

    Arguments:
        reduction: reduces a set to one element.
        linear: the map :math:`L_2`.
    """

    def __init__(self, reduction: Aggregation, linear: nn.Module) -> None:
        super().__init__()
        self.reduction, self.aggregate = reduction, linear

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        mapped: Tensor = self.aggregate(rows, *structure.rows(layout))
        return self.reduction.reduce(layout, mapped)


class MappedInvariant(nn.Module):
    """Invariants, then a linear map of them.

    Arguments:
        invariant: the invariants.

    Attributes:
        features: number of outputs, that of the invariants.
    """

    def __init__(self, invariant: nn.Module) -> None:
        super().__init__()
        self.features: int = invariant.features  # type: ignore[assignment]
        self.invariant = invariant
        self.linear = nn.Linear(self.features, self.features, bias=False)

    def forward(self, x: Tensor, *side: Any) -> Tensor:
        """Map ``x: (E, *element)`` to ``(E, ..., features)``."""
        y: Tensor = self.linear(self.invariant(x, *side))
        return y
