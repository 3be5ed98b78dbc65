"""Broken modules on sets: each fails the one law of gradients or training that it is named for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets import SetBatch
from eqsets.generated import GeneratedSymmetry
from tests.testing.controls.layouts import Masked
from tests.testing.controls.rows import RING, SWAP, Function, _subject
from tests.testing.controls.sets import Weighted, subject


class DetachedContext(nn.Module):
    """Detaches what elements share: the numbers are right, the gradients are not."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(()) + 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x + x.mean(1, keepdim=True).detach())


class _Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0].detach() * gradient


class OnceDifferentiable(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(_Square.apply(x))


class RaggedDetached(Weighted):
    """Right where it is dense; where it is ragged, half of the gradient of the context is lost."""

    def forward(self, x: Tensor | SetBatch) -> Tensor | SetBatch:
        if not isinstance(x, SetBatch):
            return super().forward(x)
        means = torch.stack([one.mean(0) for one in x.to_list()])[x.index]
        return x.replace(self.weight * (x.values + 0.5 * means + 0.5 * means.detach()))


def by_loop(module: nn.Module, elements: list[Tensor]) -> list[Tensor]:
    mean = torch.stack(elements).mean(0)
    return [module.weight * (x + mean) for x in elements]


class DoublesInTraining(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (2 if self.training else 1)


class CountsPadding(Masked):
    """Keeps a running mean over all positions, padding included."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x: Tensor | SetBatch, mask: Tensor | None = None) -> Tensor | SetBatch:
        if isinstance(x, SetBatch):
            wide, present = x.to_padded()
            y = self.mixed(wide, present)
            if self.training:
                self.mean = x.values.mean()
            rows = y[present]
            index = torch.argsort(torch.argsort(x.index, stable=True), stable=True)
            return x.replace(rows[index])
        y = super().forward(x, mask)
        if self.training:
            self.mean = y.mean() if mask is None else self.select(x, mask).mean()
        return y


class OtherForLargeSets(Masked):
    """Takes another branch for sets of more than 32 elements."""

    def context(self, x: Tensor, mask: Tensor) -> Tensor:
        total = x.sum(1, keepdim=True)
        return total if x.shape[1] <= 32 else 1.01 * total


class HalfDetached(GeneratedSymmetry):
    def invariant(self, in_type):
        return Function(half_detached, features=in_type.channels)


class InPieces(GeneratedSymmetry):
    def invariant(self, in_type):
        return Function(in_pieces, features=in_type.channels)


class OneUnseen(GeneratedSymmetry):
    def invariant(self, in_type):
        return Function(without_last, features=in_type.channels)


class OneMask(GeneratedSymmetry):
    def dropout(self, in_type, p):
        return DropsEverywhere(p)


class DropsEverywhere(nn.Module):
    """Drops the same channels of all elements."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        selected = nn.functional.dropout(torch.ones_like(x[:1, :1]), self.p, self.training)
        return x * selected


class NoRoot(GeneratedSymmetry):
    def norm(self, in_type, kind="element"):
        return Function(without_root)


class Exchanged(GeneratedSymmetry):
    """Gives tanh for relu."""

    def nonlinearity(self, in_type, name="relu"):
        return super().nonlinearity(in_type, "tanh" if name == "relu" else name)


def half_detached(x: Tensor) -> Tensor:
    return 0.5 * x.mean(1) + 0.5 * x.mean(1).detach()


def in_pieces(x: Tensor) -> Tensor:
    return torch.cat([x[:66].mean(1), 2 * x[66:].mean(1)])


def without_last(x: Tensor) -> Tensor:
    return x[:, :3].mean(1)


def without_root(x: Tensor) -> Tensor:
    return x / (x.square().mean((1, 2), keepdim=True) + 1e-5)


CONTROLS = {
    "EQV06-gradients-are-derivatives": subject(DetachedContext),
    "EQV07-second-derivatives": subject(OnceDifferentiable),
    "EQV08-row-gradients": _subject(HalfDetached),
    "EQV09-gradients-of-the-loop": subject(RaggedDetached, ragged=True, oracle=by_loop),
    "EQV10-training-is-evaluation": subject(DoublesInTraining),
    "EQS13-layouts-in-training": subject(CountsPadding, padded=True, ragged=True),
    "EQS14-many-sets": subject(OtherForLargeSets, padded=True),
    "EQL09-dropout-distribution": _subject(OneMask, permutations=RING),
    "EQL13-norm-normalises": _subject(NoRoot),
    "EQL14-rows-are-independent": _subject(InPieces),
    "EQL15-invariant-sees-everything": _subject(OneUnseen, permutations=SWAP),
    "EQL16-nonlinearity-by-name": _subject(Exchanged),
}
