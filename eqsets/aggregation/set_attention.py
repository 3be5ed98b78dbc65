r"""Attention among the elements of a set, for all layouts: scores, softmax, weighted sums.

.. math:: y_i = \sum_j \mathrm{softmax}_j \big( \langle q_i, k_j \rangle / \sqrt d \big) \, v_j

Requirements that shaped this module:

- values are plain vectors here: whoever calls it makes them from features, and features from them;
- absent elements get weight zero, whatever they hold;
- with inducing points nothing of size :math:`n^2` is computed or stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from eqsets.errors import ShapeError
from eqsets.layout import Dense, Layout, Padded, Parts, Ragged
from eqsets.sets.selection import positions, set_sizes
from eqsets.tensors.storage import append_axes
from eqsets.tensors.tracing import values_known

__all__ = ["FoldedSets", "SetAttention"]


@dataclass(frozen=True, eq=False)
class FoldedSets:
    """Rows as ``(B, N, ...)``, and back.

    Sets of different sizes are padded. While a program is traced their sizes are not known: then
    all rows are one block ``(1, R, ...)``, in which a row sees those of its set.

    Attributes:
        layout: of the rows.
        present: ``(B, N)`` bool, or ``None`` where all elements are present.
        index: row of each element that is present, and its set and position, where it was padded.
        block: ``(R,)``, the set of each row, where all rows are one block.
    """

    layout: Layout
    present: Tensor | None = None
    index: tuple[Tensor, Tensor, Tensor] | None = None
    block: Tensor | None = None

    @classmethod
    def of(cls, layout: Layout) -> FoldedSets:
        """Return how the rows of a layout are folded."""
        if isinstance(layout, Parts):
            layout.require_corresponding()
        if isinstance(layout, Ragged):
            batch = layout.source
            if not values_known(batch.index):
                return cls(layout, block=batch.index)
            sizes = set_sizes(batch.index, batch.num_sets)
            there = torch.arange(int(sizes.max()), device=sizes.device) < sizes[:, None]
            return cls(layout, there, positions(batch.index, sizes))
        return cls(layout, layout.mask if isinstance(layout, Padded) else None)

    def fold(self, rows: Tensor) -> Tensor:
        """Return ``rows: (R, ...)`` as ``(B, N, ...)``, zero at absent elements."""
        if self.block is not None:
            return rows[None]
        if self.index is not None and self.present is not None:
            order, owner, position = self.index
            empty = rows.new_zeros(*self.present.shape, *rows.shape[1:])
            return empty.index_put((owner, position), rows[order])
        if not isinstance(self.layout, Dense):
            raise AssertionError(f"{type(self.layout).__name__} is neither dense nor ragged")
        folded = self.layout.fold(rows)
        if self.present is None:
            return folded
        return torch.where(append_axes(self.present, folded), folded, 0)

    def unfold(self, folded: Tensor) -> Tensor:
        """Return ``(B, N, ...)`` as rows ``(R, ...)``."""
        if self.index is not None:
            order, owner, position = self.index
            return folded[owner, position][order.argsort()]
        return folded.reshape(self.layout.num_rows, *folded.shape[2:])


class SetAttention(nn.Module):
    """Let the elements of a set attend to each other, by their invariants.

    Queries and keys are linear in the invariants of the elements. With ``inducing=m``, m learned
    queries attend to the elements, and the elements to the m summaries.

    References:
        Set Transformer: A Framework for Attention-based Permutation-Invariant Neural Networks, Lee
        et al., ICML 2019, https://arxiv.org/abs/1810.00825, section 3.1 (inducing points).

    Arguments:
        features: number of invariants of an element.
        heads: number of heads.
        inducing: number of learned queries, or ``None``.
        key_features: length of queries and keys, for each head.
        fused: whether torch may choose a fused kernel.
    """

    def __init__(
        self,
        features: int,
        heads: int,
        inducing: int | None,
        key_features: int,
        *,
        fused: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.key_features, self.fused = heads, key_features, fused
        width = heads * key_features
        self.query = nn.Linear(features, width)
        self.key = nn.Linear(features, width, bias=False)  # softmax would cancel its bias
        self.summary_key: nn.Linear | None = None
        self.inducing: nn.Parameter | None = None
        if inducing is not None:
            self.summary_key = nn.Linear(features, width, bias=False)
            self.inducing = nn.Parameter(torch.randn(heads, inducing, key_features))

    def forward(self, layout: Layout, invariants: Tensor, values: Tensor) -> Tensor:
        """Return the weighted sums of values for each row, ``(R, heads, dim)``.

        Arguments:
            layout: which rows form a set.
            invariants: ``(R, features)``.
            values: ``(R, heads, dim)``.
        """
        sets = FoldedSets.of(layout)
        folded = self._heads(sets, values.reshape(values.shape[0], -1))
        return self._unfold(sets, self._attend(sets, invariants, folded))

    def weights(self, layout: Layout, invariants: Tensor) -> Tensor:
        """Return how much each row attends to each element of its set, ``(R, N, heads)``.

        Raises:
            ShapeError: sets of different sizes while a program is traced.
        """
        sets = FoldedSets.of(layout)
        if sets.block is not None:
            raise ShapeError(
                "the weights of sets of different sizes were asked for while a program is traced, "
                "where sizes are not known, expected a padded batch. Use batch.to_padded(size)."
            )
        folded = self._heads(sets, self.query(invariants))
        batch, _, size, _ = folded.shape
        eye = torch.eye(size, dtype=folded.dtype, device=folded.device)
        eye = eye.expand(batch, self.heads, size, size)
        weights: Tensor = self._unfold(sets, self._attend(sets, invariants, eye))
        return weights.mT

    def _attend(self, sets: FoldedSets, invariants: Tensor, values: Tensor) -> Tensor:
        query = self._heads(sets, self.query(invariants))
        key = self._heads(sets, self.key(invariants))
        seen = _seen(sets)
        if self.inducing is None or self.summary_key is None:
            return self._sums(query, key, values, seen)
        batch, dim = key.shape[0], values.shape[-1]
        learned = self.inducing.expand(batch, *self.inducing.shape).to(key.dtype)
        back = None
        if sets.block is not None:  # each set has its own copies of the learned queries
            count, many = sets.layout.num_sets, learned.shape[2]
            learned = learned.repeat(1, 1, count, 1)
            owner = torch.arange(count, device=key.device).repeat_interleave(many)
            back = sets.block[:, None] == owner
            seen = back.mT
        second = self._heads(sets, self.summary_key(invariants))
        together = torch.cat([values, second.to(values.dtype)], -1)
        summary = self._sums(learned, key, together, seen)
        summaries, keys = summary.split([dim, self.key_features], -1)
        return self._sums(query, keys, summaries, back)

    def _sums(self, query: Tensor, key: Tensor, values: Tensor, seen: Tensor | None) -> Tensor:
        if self.fused:
            return scaled_dot_product_attention(query, key, values, attn_mask=seen)
        with sdpa_kernel(SDPBackend.MATH):  # fused kernels have no second derivatives
            return scaled_dot_product_attention(query, key, values, attn_mask=seen)

    def _heads(self, sets: FoldedSets, rows: Tensor) -> Tensor:
        """Return ``rows: (R, heads * dim)`` as ``(B, heads, N, dim)``."""
        folded = sets.fold(rows)
        batch, size, width = folded.shape
        return folded.reshape(batch, size, self.heads, width // self.heads).transpose(1, 2)

    def _unfold(self, sets: FoldedSets, attended: Tensor) -> Tensor:
        return sets.unfold(attended.transpose(1, 2))


def _seen(sets: FoldedSets) -> Tensor | None:
    """Return which elements a query may see, ``(B, 1, 1, N)`` or ``(R, R)``; ``None`` for all."""
    if sets.block is not None:
        return sets.block[:, None] == sets.block
    return None if sets.present is None else sets.present[:, None, None]
