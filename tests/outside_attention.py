"""Attention as an aggregation: one third-party file, with public names of eqsets only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from eqsets import Aggregation, ElementSymmetry, FeatureType, FeatureTypeError, register_aggregation
from eqsets.aggregation.context import Context
from eqsets.layout import Layout
from eqsets.structure import Structure


@register_aggregation
@dataclass(frozen=True)
class Attention(Aggregation):
    """Weighted sums over the set, one for each head, which every element mixes in its own way."""

    heads: int = 2

    def build(
        self,
        symmetry: ElementSymmetry,
        in_type: FeatureType,
        out_type: FeatureType,
        *,
        alignment: str = "shared",
        bias: bool = False,
        **layer_options: Any,
    ) -> AttentionContext:
        if alignment != "shared":
            raise FeatureTypeError(f"{self!r} got alignment={alignment!r}, expected 'shared'.")
        linear = symmetry.linear(in_type, out_type, bias=bias, **layer_options)
        return AttentionContext(self.heads, symmetry.invariant(in_type), linear)


class AttentionContext(Context):
    per_element = True

    def __init__(self, heads: int, invariant: nn.Module, linear: nn.Module) -> None:
        super().__init__()
        self.invariant, self.aggregate = invariant, linear
        self.score = nn.Linear(invariant.features, heads, bias=False)  # type: ignore[arg-type]
        self.mix = nn.Linear(invariant.features, heads)  # type: ignore[arg-type]

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        side = structure.rows(layout)
        read = self.invariant(rows, *side)
        score = self.score(read)
        weight = (score - layout.spread(layout.max(score)).detach()).exp()
        weight = weight / layout.spread(layout.sum(weight))  # softmax over the set, (R, heads)
        mixed = self.mix(read).softmax(-1)
        per_head = [
            _scale(layout.spread(layout.sum(_scale(rows, w))), m)
            for w, m in zip(weight.unbind(1), mixed.unbind(1), strict=True)
        ]
        context: Tensor = self.aggregate(sum(per_head), *side)
        return context


def _scale(rows: Tensor, factor: Tensor) -> Tensor:
    return rows * factor.reshape(-1, *[1] * (rows.dim() - 1))
