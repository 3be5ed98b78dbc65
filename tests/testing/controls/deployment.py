"""Broken modules on sets: each fails the one law of deployment that it is named for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets import DSS
from eqsets.generated import cyclic
from tests.testing.controls.sets import Weighted, subject


class ExpandsInEval(Weighted):
    """Keeps an expanded copy of its weight while it is not training."""

    def train(self, mode: bool = True) -> ExpandsInEval:
        super().train(mode)
        self._buffers.pop("expanded", None)
        if not mode:
            self.register_buffer("expanded", self.weight.detach().clone())
        return self


class RandomConstant(Weighted):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.rand(()) + 1, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


class Settings:
    """A class that a file of weights has no business to import."""


class ExtraState(Weighted):
    def get_extra_state(self) -> Any:
        return Settings()

    def set_extra_state(self, state: Any) -> None:
        pass


class Lambda(Weighted):
    def __init__(self) -> None:
        super().__init__()
        self.then = lambda y: 2 * y

    def forward(self, x: Tensor) -> Tensor:
        return self.then(super().forward(x))


class NeverCopied(Weighted):
    def __deepcopy__(self, memo: dict[int, Any]) -> NeverCopied:
        return self


class OnlyWidens(Weighted):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.full((1,), 2.0))

    def _apply(self, fn: Any, recurse: bool = True) -> nn.Module:
        was_wide = self.scale.dtype == torch.float64
        super()._apply(fn, recurse)
        self.scale = self.scale.double() if was_wide else self.scale
        return self

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


class StaysBehind(Weighted):
    """Keeps a tensor that is neither parameter nor buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.full((1, 2), 2.0)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.table.to(x.dtype)


class BreaksGraph(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        return super().forward(x)


class Specialises(Weighted):
    """Takes a branch on the set size: harmless when compiled again for it, fixed when exported."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y + 0 if x.shape[1] == 3 else y


@torch.library.custom_op("eqsets_controls::turned", mutates_args=())
def turned(x: Tensor) -> Tensor:
    return x.mT.contiguous().mT


@turned.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x).contiguous()  # another memory layout than the operation returns


turned.register_autograd(lambda context, gradient: gradient)


class WrongLayout(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(turned(x))


class AddsNarrowToWide(Weighted):
    """Adds what autocast has narrowed, a product, into a tensor that it has not."""

    def forward(self, x: Tensor) -> Tensor:
        product = x @ torch.eye(2, dtype=x.dtype, device=x.device)
        positions = torch.arange(len(x), device=x.device)
        return super().forward(torch.zeros_like(x).index_add(0, positions, product))


class LeavesOut(Weighted):
    """Leaves a weight out of steps of training, by chance, as stochastic depth does."""

    def __init__(self) -> None:
        super().__init__()
        self.more = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        left_out = self.training and torch.rand(()) < 0.5
        return super().forward(x if left_out else self.more * x)


def exchanged() -> nn.Module:
    """Return a layer whose first branch was exchanged by hand after it was made."""
    layer = DSS(cyclic(5), 2, 2)
    layer.siamese = nn.Identity()
    return layer


CONTROLS = {
    "EQD01-state-dict-keys": subject(ExpandsInEval),
    "EQD02-state-dict-round-trip": subject(RandomConstant),
    "EQD03-weights-only": subject(ExtraState),
    "EQD04-pickle": subject(Lambda),
    "EQD05-deepcopy": subject(NeverCopied),
    "EQD06-number-type-moves": subject(OnlyWidens),
    "EQD07-device-moves": subject(StaysBehind),
    "EQD08-compiles-whole": subject(BreaksGraph),
    "EQD09-compiles-to-code": subject(WrongLayout),
    "EQD10-exports": subject(Specialises),
    "EQD11-autocast": subject(AddsNarrowToWide),
    "EQD12-plain-description": subject(exchanged),
    "EQD13-distributed": subject(LeavesOut),
}
