"""Broken modules on sets: each fails the one law of layers, validity or numerics named for it."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.features import FeatureType
from eqsets.generated import GeneratedSymmetry, cyclic
from eqsets.testing import Capabilities, ContractSpec, SetCase

RING = cyclic(5).feature_type(2)


def subject(
    build: Callable[[], nn.Module],
    in_type: FeatureType = RING,
    out_type: FeatureType | None = None,
    *,
    padded: bool = False,
    ragged: bool = False,
    bfloat16: bool = True,
    **facts: Any,
) -> ContractSpec:
    """Return the spec of one module on sets, which by default takes dense ones only."""
    claims = Capabilities(padded=padded, ragged=ragged, bfloat16=bfloat16)
    case = SetCase(
        getattr(build, "__name__", "module"),
        build,
        in_type,
        out_type or in_type,
        in_type.group or cyclic(5).group,
        capabilities=claims,
        **facts,
    )
    return ContractSpec(case.label, sets=(case,))


class Numbered(nn.Module):
    """Weighs each element by its position in the set."""

    def forward(self, x: Tensor) -> Tensor:
        position = torch.arange(1, x.shape[1] + 1, dtype=x.dtype, device=x.device)
        return x * position.reshape(-1, *[1] * (x.dim() - 2))


class QuietNonlinear(nn.Module):
    """Not equivariant on vectors, but so small that an absolute tolerance would not notice it."""

    def forward(self, x: Tensor) -> Tensor:
        return 1e-3 * x.tanh()


class BatchMean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True)


class Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 0 * x


class IgnoresTheSmallest(nn.Module):
    """Leaves out the element of smallest norm, which neither reordering nor the group shows."""

    def forward(self, x: Tensor) -> Tensor:
        loud = x.float().square().sum((2, 3), keepdim=True)
        return x * (loud > loud.amin(1, keepdim=True)) if x.shape[1] > 1 else x


class Weighted(nn.Module):
    """What is sound about the following ones."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(1) + 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x + x.mean(1, keepdim=True))


class Unused(Weighted):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Parameter(torch.ones(3))


class RootOfNegatives(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.where(x > 0, x.sqrt(), 0)


class InPlace(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x.mul_(0.5)
        return super().forward(2 * x)


class Float32Buffer(Weighted):
    """Keeps constants that should be 1 in float32, with an error in the last digit."""

    def __init__(self) -> None:
        super().__init__()
        ones = torch.tensor([[1.0], [1.0000001], [1.0], [0.9999999], [1.0]])
        self.register_buffer("ones", ones)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.ones


class Cancels(Weighted):
    """Adds large numbers and takes them away again."""

    def forward(self, x: Tensor) -> Tensor:
        large = 1e4 * torch.arange(5, dtype=x.dtype, device=x.device)[:, None]
        return super().forward((x + large) - large)


class NoBfloat16(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * torch.linalg.det(torch.eye(2, dtype=x.dtype))


class CountsInTheSame(Weighted):
    """Takes a mean by counting the elements in the dtype of their features."""

    def forward(self, x: Tensor) -> Tensor:
        ones, position = x.new_ones(x.shape[1]), torch.zeros(x.shape[1], dtype=torch.int64)
        count = x.new_zeros(1).index_add(0, position.to(x.device), ones)
        return self.weight * (x + x.sum(1, keepdim=True) / count)


def _third() -> Tensor:
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    return torch.linalg.matrix_exp(2 * pi / 3 * turn)[None]


VECTORS = GeneratedSymmetry(matrices=_third()).feature_type(2)

CONTROLS = {
    "EQL10-set-permutation": subject(Numbered),
    "EQL11-set-element-group": subject(QuietNonlinear, VECTORS),
    "EQL12-set-joint": subject(BatchMean),
    "EQV01-not-constant": subject(Zero),
    "EQV02-sees-every-element": subject(IgnoresTheSmallest),
    "EQV03-every-weight-learns": subject(Unused),
    "EQV04-finite-gradients": subject(RootOfNegatives),
    "EQV05-input-untouched": subject(InPlace),
    "EQN01-float64-is-tight": subject(Float32Buffer),
    "EQN02-float32-by-the-table": subject(Cancels, bfloat16=False),
    "EQN03-bfloat16-runs": subject(NoBfloat16),
    "EQN04-large-sets-keep-digits": subject(CountsInTheSame),
}
