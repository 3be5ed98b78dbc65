"""Broken uses of elements of unequal sizes: each fails the law of its name."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from eqsets import FeatureType
from eqsets.layout import PaddedParts, Parts, as_rows
from eqsets.testing import ContractSpec, PartCase


class Nodes(FeatureType):
    """Two channels on each of any number of nodes."""

    layout = ("P", 2)
    has_parts = True

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return x[g.argsort()]

    def sample(self, *batch: int, generator=None, dtype=None) -> Tensor:
        return torch.randn(*batch, 3, 2, generator=generator, dtype=dtype)


class MeanOverPadding(nn.Module):
    """Centres the nodes of an element, by a mean over padded nodes where there are any."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(1) + 1)

    def forward(self, x, mask=None):
        layout, rows = as_rows(x, mask, Nodes(), "MeanOverPadding")
        rows = self.weight * rows
        if not isinstance(layout, Parts):
            return layout.restore(rows - rows.mean(1, keepdim=True))
        total = layout.parts.sum(rows)
        if isinstance(layout, PaddedParts):
            mean = total / layout.mask.shape[2]
        else:
            mean = total / layout.parts.sizes[:, None, None]
        return layout.restore(rows - layout.parts.spread(mean))


class ByPosition(nn.Module):
    """Scales each node by its position, which reordering the nodes changes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(1) + 1)

    def forward(self, x, mask=None):
        layout, rows = as_rows(x, mask, Nodes(), "ByPosition")
        if isinstance(layout, Parts):
            position = layout.parts.within[:, None, None]
        else:
            position = torch.arange(rows.shape[1])[:, None]
        return layout.restore(self.weight * position * rows)


def _subject(build: type[nn.Module]) -> ContractSpec:
    case = PartCase(
        "nodes",
        build,
        Nodes(),
        ((3, 4), (2,)),
        lambda nodes, generator: torch.randperm(nodes, generator=generator),
        alignment="independent",
    )
    return ContractSpec(build.__name__, parted=(replace(case, out_type=case.in_type),))


CONTROLS = {
    "EQS17-unequal-parts": _subject(MeanOverPadding),
    "EQS18-unequal-parts-move": _subject(ByPosition),
}
