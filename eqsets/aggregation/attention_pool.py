r"""Attention pooling: a learned weighted mean over the set, whose weights show what decided.

.. math:: a_j = \mathrm{softmax}_j \; w^T \big( \tanh(V u_j) \odot \sigma(U u_j) \big)

with :math:`u_j` the invariants of element :math:`j`, so that no group element changes a weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from eqsets.aggregation.aggregation import Aggregation
from eqsets.aggregation.context import Context
from eqsets.errors import OptionError
from eqsets.features import FeatureType
from eqsets.layout import Layout
from eqsets.layout.precision import widened
from eqsets.sets import SetBatch
from eqsets.structure import Structure
from eqsets.symmetry import ElementSymmetry
from eqsets.tensors.storage import append_axes

__all__ = [
    "ElementWeights",
    "GatedAttention",
    "positive",
    "scale",
    "set_softmax",
    "weighted_sum",
]


@dataclass(frozen=True)
class GatedAttention(Aggregation):
    r"""The weighted mean of Ilse et al.: one learned weight for each element and head.

    In a pool, :math:`z = \sum_j a_j x_j`. In a layer, each head has a second map of its own, which
    runs once a set: :math:`L_1 x_i + \sum_k L_2^k \sum_j a_{jk} x_j`; with independent alignment,
    :math:`L_1 x_i + E \, [\sum_j a_{jk} u(x_j)]_k`. The cost is :math:`O(n)`.

    References:
        Attention-based Deep Multiple Instance Learning, Ilse, Tomczak, Welling, ICML 2018,
        https://arxiv.org/abs/1802.04712: equation 8 (``gated=False``), equation 9 (``gated=True``).

    Arguments:
        heads: number of weights of an element.
        hidden_features: number of rows of V and U.
        gated: whether to multiply by the gate :math:`\sigma(U u_j)`.

    Raises:
        OptionError: a number is not a whole number of at least 1.

    Example:
        >>> from eqsets.nn import SetPool
        >>> y, weights = SetPool("trivial", 4, "attention")(
        ...     torch.randn(2, 5, 4), return_weights=True
        ... )
        >>> y.shape, weights.shape
        (torch.Size([2, 4]), torch.Size([2, 5, 1]))
    """

    heads: int = 1
    hidden_features: int = 64
    gated: bool = True

    def __post_init__(self) -> None:
        positive(self, "heads", "hidden_features")

    @property
    def reduces_input(self) -> bool:
        return True

    def element_weights(self, features: int) -> ElementWeights:
        return ElementWeights(features, self.heads, self.hidden_features, gated=self.gated)

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
        invariant = symmetry.invariant(in_type)
        weigh = self.element_weights(invariant.features)  # type: ignore[arg-type]
        if alignment == "independent":
            shared = symmetry.shared_invariant(in_type)
            embedding = symmetry.embed(self.heads * shared.features, out_type)  # type: ignore[operator, arg-type]
            return WeightedInvariantContext(invariant, weigh, shared, embedding)
        maps = [
            symmetry.linear(in_type, out_type, bias=bias and not head, **layer_options)
            for head in range(self.heads)
        ]
        return WeightedContext(invariant, weigh, maps)


class ElementWeights(nn.Module):
    r"""Weigh the elements of a set by their invariants: ``(E, features) -> (E, heads)``.

    The weights of each head are positive, and sum to one over each set.
    """

    def __init__(self, features: int, heads: int, hidden_features: int, *, gated: bool) -> None:
        super().__init__()
        self.heads = heads
        self.value = nn.Linear(features, hidden_features)
        self.gate = nn.Linear(features, hidden_features) if gated else None
        self.score = nn.Linear(hidden_features, heads, bias=False)  # softmax would cancel a bias

    def forward(self, layout: Layout, invariants: Tensor) -> Tensor:
        """Map ``invariants: (E, features)`` to weights ``(E, heads)``, zero at absent elements."""
        # In float32: gradients of the scores cancel over a set; half precision would lose digits.
        wide = widened(invariants)
        hidden = _wide_linear(self.value, wide).tanh()
        if self.gate is not None:
            hidden = hidden * _wide_linear(self.gate, wide).sigmoid()
        return set_softmax(layout, _wide_linear(self.score, hidden))


def _wide_linear(layer: nn.Linear, x: Tensor) -> Tensor:
    bias = None if layer.bias is None else widened(layer.bias)
    return linear(x, widened(layer.weight), bias)


class WeightedContext(Context):
    r"""The context :math:`\sum_k L_2^k \sum_j a_{jk} x_j`, one a set.

    Arguments:
        invariant: the invariants that weights are computed from.
        weigh: computes the weights.
        maps: the maps :math:`L_2^k`, one for each head.
    """

    def __init__(self, invariant: nn.Module, weigh: nn.Module, maps: list[nn.Module]) -> None:
        super().__init__()
        self.read, self.weigh, self.maps = invariant, weigh, nn.ModuleList(maps)

    def weights(self, layout: Layout, rows: Tensor, structure: Structure) -> Tensor | SetBatch:
        """Return the weights of the elements, ``(B, N, heads)`` or a SetBatch of ``(E, heads)``."""
        weights = _weights(self.weigh, self.read, layout, rows, structure)
        return structure.readout_layout(layout).restore(weights.to(rows.dtype))

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        each = _weights(self.weigh, self.read, layout, rows, structure)
        weights = structure.spread_to_rows(layout, each)
        side = structure.sets(layout)
        contexts = [
            mapped(weighted_sum(layout, rows, weight), *side)
            for mapped, weight in zip(self.maps, weights.unbind(1), strict=True)
        ]
        return torch.stack(contexts).sum(0) if len(contexts) > 1 else contexts[0]


class WeightedInvariantContext(Context):
    r"""The context :math:`E \, [\sum_j a_{jk} u(x_j)]_k`, for elements that move by themselves.

    Arguments:
        invariant: the invariants that weights are computed from.
        weigh: computes the weights.
        shared: the invariants :math:`u` that elements share.
        embedding: the map :math:`E`.
    """

    reads_local = True

    def __init__(
        self, invariant: nn.Module, weigh: nn.Module, shared: nn.Module, embedding: nn.Module
    ) -> None:
        super().__init__()
        self.read, self.weigh = invariant, weigh
        self.invariant, self.aggregate = shared, embedding

    weights = WeightedContext.weights

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        if local is None:
            raise AssertionError("a context that reads the local output is called with it")
        shared = self.invariant(rows, *structure.rows(layout))
        of = structure.invariant_layout(layout, shared)
        weights = _weights(self.weigh, self.read, layout, rows, structure)
        weights = structure.spread_to_rows(layout, weights) if of is layout else weights
        reduced = torch.cat([weighted_sum(of, shared, each) for each in weights.unbind(1)], -1)
        context: Tensor = self.aggregate(reduced, *structure.sets(layout), like=local)
        return context


def _weights(
    weigh: nn.Module, read: nn.Module, layout: Layout, rows: Tensor, structure: Structure
) -> Tensor:
    """Return the weights of the elements, ``(E, heads)``."""
    weights: Tensor = weigh(structure.readout_layout(layout), read(rows, *structure.rows(layout)))
    return weights


def set_softmax(layout: Layout, scores: Tensor) -> Tensor:
    """Return the softmax over each set of ``scores: (E, heads)``, zero at absent elements.

    Weights of scores in half precision are float32: gradients of the scores are differences of
    gradients of the weights, and would lose their digits.
    """
    wide = widened(scores)
    if layout.present is not None:
        wide = wide.masked_fill(~layout.present[:, None], -torch.inf)
    weights = (wide - layout.spread(layout.max(wide).detach())).exp()
    return weights / layout.spread(layout.sum(weights))


def scale(rows: Tensor, weight: Tensor) -> Tensor:
    """Return ``rows: (R, *element)``, each multiplied by its number of ``weight: (R,)``."""
    return rows * append_axes(weight, rows)


def weighted_sum(layout: Layout, rows: Tensor, weight: Tensor) -> Tensor:
    """Return the sum over each set of ``rows: (R, *element)`` times ``weight: (R,)``."""
    return layout.sum(scale(rows, weight)).to(rows.dtype)


def positive(owner: object, *names: str) -> None:
    """Raise :class:`~eqsets.OptionError` unless these attributes are whole numbers from 1."""
    for name in names:
        value = getattr(owner, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise OptionError(
                f"{type(owner).__name__} got {name}={value!r}, expected a whole number of at "
                f"least 1. Write for example {name}=4."
            )
