"""From a set to one vector: the end of a set network that is invariant to both symmetries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from eqsets.aggregation import Aggregation, NoAggregation
from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError
from eqsets.features import InvariantFeatures
from eqsets.layout import Layout, as_rows
from eqsets.modules import register_module
from eqsets.nn.element_readout import element_readout
from eqsets.nn.pooling import no_weights, reducing
from eqsets.nn.reduction import SetReduction
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.registry import element_group as resolve
from eqsets.rows import part_arguments
from eqsets.sets import SetBatch
from eqsets.solve.readout import widen_weight
from eqsets.symmetry import ElementSymmetry

__all__ = ["Aggregations", "Readout", "reductions"]

Aggregations: TypeAlias = str | Aggregation | Sequence[str | Aggregation]


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
        aggregation: over the set: ``"mean"``, ``"sum"``, ``"max"``, ``"attention"``, another
            Aggregation that reduces inputs, several of these (``("mean", "max")``, one after the
            other), or ``"none"``: a vector for each element, ``(B, N, out_features)``.
        element: :math:`u`, over the points of an element: ``"mean"`` (the invariants of the
            symmetry), ``"max"``, ``"mean+max"``, or ``"attention"`` (gated, Ilse et al. 2018).

    Raises:
        FeatureTypeError: the type has no such invariant, an aggregation reduces nothing, or
            ``out_features`` is not a positive whole number.

    Example:
        >>> import torch
        >>> readout = Readout("trivial", 4, 10, "max")
        >>> readout(torch.ones(2, 3, 4)).shape
        torch.Size([2, 10])
        >>> y, scores = readout(torch.ones(2, 3, 4), return_scores=True)
        >>> torch.allclose(scores.sum(1) + readout.linear.bias, y, atol=1e-6)
        True
    """

    def __init__(
        self,
        element_group: str | ElementSymmetry,
        features: Any,
        out_features: int,
        aggregation: Aggregations = "mean",
        *,
        element: str = "mean",
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
        self.aggregation = reductions(aggregation)
        self.keeps_set = isinstance(self.aggregation, NoAggregation)
        self.element = element
        self.construction = Construction(
            Readout,
            self.symmetry,
            {"features": self.in_type},
            {"out_features": out_features, "aggregation": self.aggregation, "element": element},
        )
        self.invariant = element_readout(self.symmetry, self.in_type, element)
        count: int = self.invariant.features  # type: ignore[assignment]
        several = self.aggregation if isinstance(self.aggregation, tuple) else (self.aggregation,)
        self.reductions = nn.ModuleList(SetReduction(each, count) for each in several)
        self.linear = nn.Linear(sum(each.features for each in self._each), out_features)

    @property
    def _each(self) -> list[SetReduction]:
        return [each for each in self.reductions if isinstance(each, SetReduction)]

    def forward(
        self,
        x: Tensor | SetBatch,
        mask: Tensor | None = None,
        *,
        structure: Any = None,
        return_weights: bool = False,
        return_scores: bool = False,
    ) -> Any:
        r"""Read ``x: (B, N, *element)`` or a SetBatch into ``(B, out_features)``.

        Arguments:
            x: sets of elements.
            mask: which are present, ``(B, N)``.
            structure: side information, where the symmetry takes it.
            return_weights: also return the weights of attention, which sum to one over each set,
                ``(B, N, heads)`` or ragged; see :meth:`eqsets.nn.SetPool.forward`.
            return_scores: also return what each element contributes, ``(B, N, out_features)`` or
                ragged: :math:`y = b + \sum_j s_j`. An element that is never the maximum has 0.

        Raises:
            ShapeError: shape of ``x`` or ``mask`` do not fit, or a set is empty.
            FeatureTypeError: weights without attention, or scores of an aggregation whose parts
                are not known.
        """
        layout, rows = as_rows(x, mask, self.in_type, "Readout")
        side = self.symmetry.structure(structure)
        inner = part_arguments(self.invariant, layout.parts)
        read = self.invariant(rows, *side.rows(layout), **inner)
        elements = side.readout_layout(layout)
        results = [self._from_invariants(elements, read)]
        if return_weights:
            results.append(self._weights(elements, read))
        if return_scores:
            parts = torch.cat([each.contributions(elements, read) for each in self._each], -1)
            scores = torch.nn.functional.linear(parts, self.linear.weight)
            results.append(elements.restore(scores))
        return results[0] if len(results) == 1 else tuple(results)

    def _from_invariants(self, elements: Layout, read: Tensor) -> Tensor | SetBatch:
        if self.keeps_set:
            return elements.restore(self.linear(read))
        y: Tensor = self.linear(torch.cat([each(elements, read) for each in self._each], -1))
        return y

    def _weights(self, elements: Layout, read: Tensor) -> Tensor | SetBatch:
        weights = [each.weigh(elements, read) for each in self._each if each.weigh is not None]
        if not weights:
            raise no_weights(self, self._each[0].aggregation)
        return elements.restore(torch.cat(weights, 1))

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *args: Any
    ) -> None:
        if self.element == "mean" and len(self._each) == 1 and self._each[0].weigh is None:
            widen_weight(state_dict, prefix + "linear.weight", self.linear.in_features)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def extra_repr(self) -> str:
        return (
            f"{self.in_type} -> {self.out_type}, aggregation={self.aggregation!r}, "
            f"element={self.element!r}"
        )


def reductions(given: Aggregations) -> Aggregation | tuple[Aggregation, ...]:
    """Return the aggregations of a read-out: one, or several.

    Raises:
        FeatureTypeError: one of them reduces nothing.
    """
    if isinstance(given, str | Aggregation):
        one = resolve_aggregation(given)
        return one if isinstance(one, NoAggregation) else reducing(one, "Readout")
    if not given:
        raise FeatureTypeError(
            f"Readout got aggregation={given!r}, expected at least one. Write for example 'mean'."
        )
    return tuple(reducing(each, "Readout") for each in given)
