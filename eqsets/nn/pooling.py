"""From a set to one element: the end of a set network that keeps the symmetry of an element."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from eqsets.aggregation import Aggregation
from eqsets.aggregation.attention_pool import weighted_sum
from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.layout import as_rows
from eqsets.modules import register_module
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.registry import element_group as resolve
from eqsets.sets import SetBatch
from eqsets.symmetry import ElementSymmetry

__all__ = ["SetPool", "no_weights", "reducing"]


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


def no_weights(owner: nn.Module, aggregation: Aggregation) -> FeatureTypeError:
    """Return the error where weights are asked for and the aggregation has none."""
    return FeatureTypeError(
        f"{type(owner).__name__} got return_weights=True with aggregation {aggregation!r}, "
        "expected one that weighs elements: 'attention'. Leave return_weights=False."
    )


def _attention(
    aggregation: Aggregation, symmetry: ElementSymmetry, in_type: FeatureType
) -> tuple[nn.Module | None, nn.Module | None]:
    """Return the invariants of an element and what weighs it by them, where there is attention."""
    if type(aggregation).element_weights is Aggregation.element_weights:
        return None, None
    invariant = symmetry.invariant(in_type)
    return invariant, aggregation.element_weights(invariant.features)  # type: ignore[arg-type]


@register_module("SetPool")
class SetPool(nn.Module):
    r"""Reduce a set to one element: :math:`y = \frac1n \sum_j x_j`, or the sum or maximum.

    Invariant to reordering, equivariant to the element group moving all elements together: a burst
    of photos becomes one photo.

    With ``"attention"``, :math:`y = \sum_j a_j x_j`, a convex combination of the elements. The
    weights are those of :class:`~eqsets.aggregation.GatedAttention`, computed from the invariants
    of each element; of several heads the mean.

    Arguments:
        element_group: name or symmetry.
        features: feature type, kept.
        aggregation: ``"mean"``, ``"sum"``, ``"max"``, ``"attention"``, or an Aggregation that
            reduces inputs.

    Raises:
        FeatureTypeError: the aggregation would break the symmetry of the type, or reduces nothing;
            for attention, the type has no invariant.

    Example:
        >>> import torch
        >>> SetPool("trivial", 4)(torch.ones(2, 3, 4)).shape
        torch.Size([2, 4])
        >>> pool = SetPool("trivial", 4, "attention")
        >>> y, weights = pool(torch.ones(2, 3, 4), return_weights=True)
        >>> weights[..., 0].sum(1)
        tensor([1., 1.], grad_fn=<SumBackward1>)
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
        self.invariant, self.weigh = _attention(self.aggregation, self.symmetry, self.in_type)

    def forward(
        self,
        x: Tensor | SetBatch,
        mask: Tensor | None = None,
        *,
        structure: Any = None,
        return_weights: bool = False,
    ) -> Any:
        """Reduce ``x: (B, N, *element)`` or a SetBatch to ``(B, *element)``.

        A :class:`~eqsets.PartBatch` becomes one with one element in each set.

        Arguments:
            x: the sets.
            mask: ``(B, N)`` bool, True = present, for a padded ``x``.
            structure: side information, for attention with symmetries that use it.
            return_weights: also return the weights of the elements, which sum to one over each set:
                ``(B, N, heads)``, zero at padding, or for a SetBatch one of rows ``(R, heads)``.

        Raises:
            ShapeError: shape of ``x`` or ``mask`` do not fit, or a set is empty.
            FeatureTypeError: weights are asked for, and the aggregation has none.
        """
        layout, rows = as_rows(x, mask, self.in_type, "SetPool")
        if self.weigh is None or self.invariant is None:
            if return_weights:
                raise no_weights(self, self.aggregation)
            return layout.restore_contexts(self.aggregation.reduce_input(layout, rows))
        side = self.symmetry.structure(structure)
        elements = side.readout_layout(layout)
        weights = self.weigh(elements, self.invariant(rows, *side.rows(layout)))
        each = side.spread_to_rows(layout, weights.mean(1))
        y = layout.restore_contexts(weighted_sum(layout, rows, each))
        return (y, elements.restore(weights.to(rows.dtype))) if return_weights else y

    def extra_repr(self) -> str:
        return f"{self.in_type}, aggregation={self.aggregation!r}"
