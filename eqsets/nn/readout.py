"""From a set to one vector: the end of a set network that is invariant to both symmetries."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets.aggregation import Aggregation
from eqsets.aggregation.attention_pool import scale
from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError
from eqsets.features import InvariantFeatures
from eqsets.layout import as_rows
from eqsets.modules import register_module
from eqsets.nn.pooling import no_weights, reducing
from eqsets.registry import element_group as resolve
from eqsets.sets import SetBatch
from eqsets.solve.readout import widen_weight
from eqsets.symmetry import ElementSymmetry

__all__ = ["Readout"]


@register_module("Readout")
class Readout(nn.Module):
    r"""Read one vector from a set: invariants of each element, aggregated, then a linear map.

    .. math:: y = W \, \mathrm{agg}_j \, u(x_j) + b

    Invariant to reordering and to the element group, moving elements together or each by itself.
    With ``"attention"``, :math:`y = W [\sum_j a_{jk} u(x_j)]_k + b`, with the weights of
    :class:`~eqsets.aggregation.GatedAttention` and the sums of all heads next to each other.

    Arguments:
        element_group: name or symmetry.
        features: feature type of the input.
        out_features: length of the vector.
        aggregation: ``"mean"``, ``"sum"``, ``"max"``, ``"attention"``, or an Aggregation that
            reduces inputs.

    Raises:
        FeatureTypeError: the type has no invariant, the aggregation reduces nothing, or
            ``out_features`` is not a positive whole number.

    Example:
        >>> import torch
        >>> Readout("trivial", 4, 10)(torch.ones(2, 3, 4)).shape
        torch.Size([2, 10])
    """

    keeps_set = False

    def __init__(
        self,
        element_group: str | ElementSymmetry,
        features: Any,
        out_features: int,
        aggregation: str | Aggregation = "mean",
    ) -> None:
        super().__init__()
        if isinstance(out_features, bool) or not isinstance(out_features, int) or out_features < 1:
            raise FeatureTypeError(
                f"Readout got out_features={out_features!r}, expected a whole number of at least "
                "1: the length of the vector. Write for example 10."
            )
        self.symmetry = resolve(element_group)
        self.in_type = self.symmetry.feature_type(features)
        self.out_type = InvariantFeatures(out_features)
        self.aggregation = reducing(aggregation, "Readout")
        self.construction = Construction(
            Readout,
            self.symmetry,
            {"features": self.in_type},
            {"out_features": out_features, "aggregation": self.aggregation},
        )
        self.invariant = self.symmetry.invariant(self.in_type)
        count: int = self.invariant.features  # type: ignore[assignment]
        self.weigh = self.aggregation.element_weights(count)
        heads: int = 1 if self.weigh is None else self.weigh.heads  # type: ignore[assignment]
        self.linear = nn.Linear(heads * count, out_features)

    def forward(
        self,
        x: Tensor | SetBatch,
        mask: Tensor | None = None,
        *,
        structure: Any = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor | SetBatch]:
        """Read ``x: (B, N, *element)`` or a SetBatch into ``(B, out_features)``.

        Arguments and errors as for :meth:`eqsets.nn.SetPool.forward`.
        """
        layout, rows = as_rows(x, mask, self.in_type, "Readout")
        side = self.symmetry.structure(structure)
        read = self.invariant(rows, *side.rows(layout))
        elements = side.readout_layout(layout)
        if self.weigh is None:
            if return_weights:
                raise no_weights(self, self.aggregation)
            y: Tensor = self.linear(self.aggregation.reduce(elements, read))
            return y
        weights = self.weigh(elements, read)
        pooled = torch.cat([elements.sum(scale(read, each)) for each in weights.unbind(1)], 1)
        y = self.linear(pooled)
        return (y, elements.restore(weights)) if return_weights else y

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *args: Any
    ) -> None:
        widen_weight(state_dict, prefix + "linear.weight", self.linear.in_features)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, aggregation={self.aggregation!r}"
