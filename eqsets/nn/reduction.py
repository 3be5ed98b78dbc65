"""From invariants of elements to one vector a set, and what each element contributes to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.aggregation import Aggregation, Max, Mean, NoAggregation, Sum
from eqsets.aggregation.attention_pool import scale
from eqsets.errors import FeatureTypeError
from eqsets.layout import Layout

__all__ = ["SetReduction"]


class SetReduction(nn.Module):
    """Aggregate invariants ``(R, features)`` over each set; heads of attention lie side by side.

    Arguments:
        aggregation: reduces a set.
        features: number of invariants of an element.

    Attributes:
        features: number of invariants of a set.
        weigh: computes weights of elements, for attention; else ``None``.
    """

    def __init__(self, aggregation: Aggregation, features: int) -> None:
        super().__init__()
        self.aggregation = aggregation
        self.weigh = aggregation.element_weights(features)
        heads: int = 1 if self.weigh is None else self.weigh.heads  # type: ignore[assignment]
        self.features = heads * features

    def forward(self, layout: Layout, rows: Tensor) -> Tensor:
        """Map ``rows: (R, features)`` to ``(B, self.features)``."""
        if self.weigh is None:
            return self.aggregation.reduce(layout, rows)
        return layout.sum(self.contributions(layout, rows)).to(rows.dtype)

    def contributions(self, layout: Layout, rows: Tensor) -> Tensor:
        r"""Return ``(R, self.features)`` whose sum over each set is its aggregate.

        The mean consists of :math:`x_i / n`, attention of :math:`a_i x_i`; of the maximum, the
        elements that attain it have equal shares, in each component, and the others 0.

        Raises:
            FeatureTypeError: an aggregation whose parts are not known.
        """
        if self.weigh is not None:
            weights: Tensor = self.weigh(layout, rows)
            return torch.cat([scale(rows, each) for each in weights.unbind(1)], 1)
        if isinstance(self.aggregation, Sum | NoAggregation):
            return rows
        present = layout.present
        ones = rows.new_ones(rows.shape[0]) if present is None else present.to(rows.dtype)
        ones = ones[:, None]
        if isinstance(self.aggregation, Mean):
            return rows / layout.spread(layout.sum(ones))
        if isinstance(self.aggregation, Max):
            largest = layout.spread(layout.max(rows))
            attains = torch.where(rows == largest, ones, 0)
            return rows * attains / layout.spread(layout.sum(attains))
        raise FeatureTypeError(
            "scores of the elements are known for the aggregations 'attention', 'max', 'mean', "
            f"'none' and 'sum', got {self.aggregation!r}. Use one of these, or leave "
            "return_scores=False."
        )

    def extra_repr(self) -> str:
        return f"{self.aggregation!r}"
