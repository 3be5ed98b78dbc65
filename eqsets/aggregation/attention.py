r"""Attention between the elements of a set, exact in the symmetry of an element.

.. math:: L(X)_i = L_1 x_i + \sum_k \sum_j a_{ijk} V_k x_j, \qquad
          a_{ijk} = \mathrm{softmax}_j \, \langle Q_k u(x_i), K_k u(x_j) \rangle / \sqrt d

The scores are functions of invariants :math:`u`, so no group element changes a weight, and the
values :math:`V_k x_j` are equivariant. With independent alignment elements can share only
invariants: :math:`L(X)_i = L_1 x_i + E \, [\sum_j a_{ijk} u(x_j)]_k`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.aggregation.aggregation import Aggregation
from eqsets.aggregation.attention_pool import GatedAttention, positive
from eqsets.aggregation.context import Context
from eqsets.aggregation.set_attention import SetAttention
from eqsets.errors import FeatureTypeError, OptionError
from eqsets.features import FeatureType
from eqsets.layout import Layout
from eqsets.sets import SetBatch
from eqsets.structure import Structure
from eqsets.symmetry import ElementSymmetry

__all__ = ["Attention"]


@dataclass(frozen=True)
class Attention(Aggregation):
    r"""Each element attends to all elements of its set.

    Heads share the channels of the output where these divide evenly by the number of heads: each
    :math:`V_k` maps to its share. Else, and for types without channels (irreps), each head has a
    map to the whole output, and the heads are added. In a pool, ``"attention"`` stands for
    :class:`GatedAttention`.

    The cost of the weighted sums is :math:`O(n^2)`, with ``inducing=m`` :math:`O(nm)`: m learned
    queries attend to the elements, and the elements to the m summaries.

    ``layer(x, return_weights=True)`` also returns :math:`a_{ijk}` as ``(B, N, N, heads)``, zero at
    padding; for a SetBatch, one of rows ``(R, N, heads)`` with N the size of the largest set, where
    entry j is the j-th row of the set. With inducing points, these are the products of both steps.

    References:
        Attention Is All You Need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762,
        equation 1; Set Transformer, Lee et al., ICML 2019, https://arxiv.org/abs/1810.00825.

    Arguments:
        heads: number of heads.
        inducing: number of learned queries, at least 2 (one would give all elements the same).
        key_features: length of queries and keys, for each head.
        fused: let torch choose a fused kernel of its scaled_dot_product_attention: on GPUs without
            an :math:`n \times n` matrix in memory, and with first derivatives only. By default the
            kernel that has derivatives of all orders.

    Raises:
        OptionError: a number is not a whole number, or too small.

    Example:
        >>> from eqsets import DSS
        >>> layer = DSS("trivial", 3, 8, aggregation=Attention(heads=2))
        >>> y, weights = layer(torch.randn(2, 5, 3), return_weights=True)
        >>> y.shape, weights.shape
        (torch.Size([2, 5, 8]), torch.Size([2, 5, 5, 2]))
    """

    heads: int = 4
    inducing: int | None = None
    key_features: int = 16
    fused: bool = False

    def __post_init__(self) -> None:
        positive(self, "heads", "key_features")
        if self.inducing is not None:
            positive(self, "inducing")
            if self.inducing < 2:
                raise OptionError(
                    f"Attention got inducing={self.inducing}, expected at least 2: from one "
                    "summary all elements receive the same. Use GatedAttention() for one summary."
                )

    @property
    def reduces_input(self) -> bool:
        return True

    def element_weights(self, features: int) -> nn.Module:
        if self != Attention():
            raise FeatureTypeError(
                f"a pool got {self!r}, whose elements attend to each other, expected 'attention' "
                "or GatedAttention(heads=...), which give each element one weight a head."
            )
        return GatedAttention().element_weights(features)

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
        count: int = invariant.features  # type: ignore[assignment]
        attend = SetAttention(count, self.heads, self.inducing, self.key_features, fused=self.fused)
        if alignment == "independent":
            shared = symmetry.shared_invariant(in_type)
            embedding = symmetry.embed(self.heads * shared.features, out_type)  # type: ignore[operator, arg-type]
            return InvariantAttentionContext(invariant, attend, shared, embedding)
        share = _share(out_type, self.heads)
        values = [
            symmetry.linear(
                in_type,
                out_type if share is None else share,
                bias=bias and (share is not None or not head),
                **layer_options,
            )
            for head in range(self.heads)
        ]
        return AttentionContext(invariant, attend, values, None if share is None else out_type)


class AttentionContext(Context):
    r"""The context :math:`\sum_k \sum_j a_{ijk} V_k x_j`, one for each element.

    Arguments:
        invariant: the invariants that weights are computed from.
        attend: computes the weighted sums.
        values: the maps :math:`V_k`, one for each head.
        joined: the type whose shares the heads are, or ``None`` where they are added.
    """

    per_element = True

    def __init__(
        self,
        invariant: nn.Module,
        attend: SetAttention,
        values: list[nn.Module],
        joined: FeatureType | None,
    ) -> None:
        super().__init__()
        self.read, self.attend, self.joined = invariant, attend, joined
        self.values = nn.ModuleList(values)

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        side = structure.rows(layout)
        read = structure.spread_to_rows(layout, self.read(rows, *side))
        heads = [value(rows, *side) for value in self.values]
        flat = torch.stack([head.reshape(head.shape[0], -1) for head in heads], 1)
        attended: Tensor = self.attend(layout, read, flat)
        attended = attended.reshape(flat.shape[:2] + heads[0].shape[1:])
        if self.joined is None:
            return attended.sum(1)
        return self.joined.concatenate(attended.unbind(1))

    def weights(self, layout: Layout, rows: Tensor, structure: Structure) -> Tensor | SetBatch:
        """Return the weights: dense and padded ``(B, N, N, heads)``, ragged ``(R, N, heads)``."""
        read = structure.spread_to_rows(layout, self.read(rows, *structure.rows(layout)))
        return layout.restore(self.attend.weights(layout, read))


class InvariantAttentionContext(Context):
    r"""The context :math:`E \, [\sum_j a_{ijk} u(x_j)]_k`, for elements that move by themselves.

    Arguments:
        invariant: the invariants that weights are computed from.
        attend: computes the weighted sums.
        shared: the invariants :math:`u` that elements share.
        embedding: the map :math:`E`.
    """

    per_element = reads_local = True

    def __init__(
        self, invariant: nn.Module, attend: SetAttention, shared: nn.Module, embedding: nn.Module
    ) -> None:
        super().__init__()
        self.read, self.attend = invariant, attend
        self.invariant, self.aggregate = shared, embedding

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        if local is None:
            raise AssertionError("a context that reads the local output is called with it")
        side, read = structure.rows(layout), self.read(rows, *structure.rows(layout))
        shared = self.invariant(rows, *side)
        flat = shared.reshape(shared.shape[0], 1, -1).expand(-1, self.attend.heads, -1)
        of = structure.invariant_layout(layout, shared)
        read = structure.spread_to_rows(layout, read) if of is layout else read
        attended = self.attend(of, read, flat)
        heads = attended.reshape(attended.shape[:2] + shared.shape[1:]).unbind(1)
        context: Tensor = self.aggregate(torch.cat(heads, -1), *side, like=local)
        return context

    def weights(self, layout: Layout, rows: Tensor, structure: Structure) -> Tensor | SetBatch:
        """Return the weights: dense and padded ``(B, N, N, heads)``, ragged ``(E, N, heads)``."""
        read, elements = self.read(rows, *structure.rows(layout)), structure.readout_layout(layout)
        return elements.restore(self.attend.weights(elements, read))


def _share(out_type: FeatureType, heads: int) -> FeatureType | None:
    """Return the share of a head in the channels of the output, where they divide evenly."""
    try:
        return (
            None
            if out_type.channels % heads
            else out_type.with_channels(out_type.channels // heads)
        )
    except FeatureTypeError:  # no channels to share
        return None
