"""Broken modules on sets: each fails the one law of layouts and masks that it is named for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from eqsets import DSS, SetBatch, ShapeError
from eqsets.aggregation import Sum
from eqsets.features import InvariantFeatures
from eqsets.generated import cyclic
from eqsets.layout import Layout
from eqsets.tensors.tracing import values_known
from eqsets.testing.oracles.dss import dss_by_loop
from tests.testing.controls.sets import Weighted, subject


def _behind(mask: Tensor, x: Tensor) -> Tensor:
    return mask.reshape(*mask.shape, *[1] * (x.dim() - 2))


class Masked(nn.Module):
    """A sound module with a mask, and the base of those that are not."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(1) + 1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        known = mask is not None and values_known(mask)
        if x.shape[1] == 0 or (known and not bool(mask.any(1).all())):
            raise ShapeError("a set is empty, expected at least one element")
        return self.mixed(x, x.new_ones(x.shape[:2]) > 0 if mask is None else mask)

    def mixed(self, x: Tensor, mask: Tensor) -> Tensor:
        seen = self.weight * self.select(x, mask)
        return torch.where(_behind(mask, x), seen + self.context(seen, mask), 0)

    def select(self, x: Tensor, mask: Tensor) -> Tensor:
        return torch.where(_behind(mask, x), x, 0)

    def context(self, x: Tensor, mask: Tensor) -> Tensor:
        return x.sum(1, keepdim=True)


class DividesBySlots(Masked):
    def context(self, x: Tensor, mask: Tensor) -> Tensor:
        return x.mean(1, keepdim=True)


class MultipliesByMask(Masked):
    def select(self, x: Tensor, mask: Tensor) -> Tensor:
        return x * _behind(mask, x)


class NormOfPadding(Masked):
    def context(self, x: Tensor, mask: Tensor) -> Tensor:
        return x.square().sum((2, 3), keepdim=True).sqrt().sum(1, keepdim=True)


class TakesEmpty(Masked):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.mixed(x, x.new_ones(x.shape[:2]) > 0 if mask is None else mask)


class FirstSlots(Masked):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None:
            mask = torch.arange(x.shape[1]) < mask.sum(1, keepdim=True)
        return super().forward(x, mask)


class ForgetsContext(nn.Module):
    """Sees the set where it is dense, and only single rows where it is ragged."""

    def forward(self, x: Tensor | SetBatch) -> Tensor | SetBatch:
        if isinstance(x, SetBatch):
            return x.replace(2 * x.values)
        return x + x.mean(1, keepdim=True)


@dataclass(frozen=True)
class MeanCalledSum(Sum):
    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.mean(rows)


class Variance(Weighted):
    """Divides by n - 1."""

    def forward(self, x: Tensor) -> Tensor:
        spread = (x - x.mean(1, keepdim=True)).square().sum(1, keepdim=True) / (x.shape[1] - 1)
        return super().forward(x) + spread


class RemembersSize(Weighted):
    size: int | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.size = self.size or x.shape[1]
        if x.shape[1] != self.size:
            raise RuntimeError(f"made for {self.size} elements")
        return super().forward(x)


class LabelsOneMaximum(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        loud = x.float().square().sum((2, 3))
        winner = nn.functional.one_hot(loud.argmax(1), x.shape[1]).to(x.dtype)
        return super().forward(x) * (1 + winner[..., None, None])


class BatchInvariant(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x.square().mean()


class TwoNotThree(Weighted):
    """Declared to return three invariants, and returns two."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).mean(2)


_RING = cyclic(5)
_MISNAMED = partial(DSS, _RING, 2, 2, aggregation=MeanCalledSum())

CONTROLS = {
    "EQS01-dense-is-padded": subject(DividesBySlots, padded=True),
    "EQS02-dense-is-ragged": subject(ForgetsContext, ragged=True),
    "EQS03-plain-loop": subject(_MISNAMED, padded=True, ragged=True, oracle=dss_by_loop),
    "EQS04-padding-never-leaks": subject(MultipliesByMask, padded=True),
    "EQS05-padding-has-no-gradient": subject(NormOfPadding, padded=True),
    "EQS06-single-element": subject(Variance),
    "EQS07-any-size": subject(RemembersSize),
    "EQS08-empty-set": subject(TakesEmpty, padded=True),
    "EQS09-scattered-mask": subject(FirstSlots, padded=True),
    "EQS10-duplicates": subject(LabelsOneMaximum),
    "EQS11-sets-are-strangers": subject(BatchInvariant),
    "EQS12-declared-type": subject(TwoNotThree, out_type=InvariantFeatures(3)),
}
