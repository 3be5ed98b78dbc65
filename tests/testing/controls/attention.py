"""Broken attention: each fails the one law of weights that it is named for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.testing.controls.layouts import Masked
from tests.testing.controls.sets import RING, subject


class Pooled(Masked):
    """Sound attention pooling with a mask, and the base of that which is not."""

    def forward(
        self, x: Tensor, mask: Tensor | None = None, *, return_weights: bool = False
    ) -> Any:
        seen = super().forward(x, mask)  # checks for empty sets, and zeros at padding
        present = x.new_ones(x.shape[:2]) > 0 if mask is None else mask
        scores = torch.where(present, self.scores(seen), -torch.inf)
        weights = self.normalised(scores)[..., None]
        y = (weights[..., None] * seen).sum(1)
        return (y, self.reported(weights, x)) if return_weights else y

    def context(self, x: Tensor, mask: Tensor) -> Tensor:
        return torch.zeros_like(x[:, :1])

    def scores(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))

    def normalised(self, scores: Tensor) -> Tensor:
        return scores.softmax(1)

    def reported(self, weights: Tensor, x: Tensor) -> Tensor:
        return weights


class SigmoidOfEach(Pooled):
    def normalised(self, scores: Tensor) -> Tensor:
        return scores.sigmoid()


class PaddingReported(Pooled):
    """Reports the weights of positions, without the mask."""

    def reported(self, weights: Tensor, x: Tensor) -> Tensor:
        return torch.where(weights > 0, weights, 0.1)


class SharperInLargeSets(Pooled):
    """A temperature that depends on the number of elements."""

    def normalised(self, scores: Tensor) -> Tensor:
        count = (scores > -torch.inf).sum(1, keepdim=True)
        return (scores * (1 + count.log())).softmax(1)


class ReportsOneCoordinate(Pooled):
    """The output is sound, and the reported weights are those of a coordinate."""

    def reported(self, weights: Tensor, x: Tensor) -> Tensor:
        first = torch.where(weights[..., 0] > 0, x[:, :, 0, 0], -torch.inf)
        return first.softmax(1)[..., None]


CONTROLS = {
    law_id: subject(build, RING, padded=True, reduces=True, weighs=True)
    for law_id, build in {
        "EQW01-weights-sum-to-one": SigmoidOfEach,
        "EQW02-weights-in-all-layouts": PaddingReported,
        "EQW03-repeated-elements": SharperInLargeSets,
        "EQW04-weights-are-invariant": ReportsOneCoordinate,
    }.items()
}
