"""Broken uses of side information, and numbers that overflow: each fails the law of its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.generated import GeneratedSymmetry
from eqsets.testing import CollatedCase, ContractSpec
from tests.testing.controls.rows import RING, Function, _subject
from tests.testing.controls.sets import Weighted, subject


class FirstScale(nn.Module):
    """Scales elements by the number that is their structure; of several it takes the first."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(1) + 1)

    def forward(self, x: Tensor, structure: Tensor) -> Tensor:
        scale = structure.reshape(-1)[0] if structure.dim() else structure
        return self.weight * scale * (x + x.mean(1, keepdim=True))


class Scaled(GeneratedSymmetry):
    """A ring whose elements come with a number that turns leave as it is."""

    def transform_structure(self, g: Tensor, structure: Any) -> Any:
        return structure


def _scales(numbers: Sequence[Tensor], sets: int, size: int) -> Tensor:
    return torch.stack(list(numbers)).reshape(sets, size)


def _first_scale() -> ContractSpec:
    symmetry = Scaled(permutations=RING)
    spec = subject(
        FirstScale,
        symmetry.feature_type(2),
        symmetry=symmetry,
        structure=lambda generator: 1 + torch.rand((), generator=generator, dtype=torch.float64),
        stack=_scales,
        bfloat16=False,
    )
    return replace(spec, name="FirstScale")


class ByTheFirstSize(nn.Module):
    """Sums over examples of a batch, which it takes to be as large as the first."""

    def forward(self, examples: list[Tensor]) -> Tensor:
        size, rows = len(examples[0]), torch.cat(examples)
        sums = rows.new_zeros(len(examples), rows.shape[1])
        index = (torch.arange(len(rows)) // size).clamp(max=len(examples) - 1)
        return sums.index_add(0, index, rows)


def _examples(generator: torch.Generator) -> list[Tensor]:
    sizes = (2, 3, 1)
    return [torch.randn(n, 2, generator=generator, dtype=torch.float64) for n in sizes]


def _collated() -> ContractSpec:
    case = CollatedCase("sums", ByTheFirstSize, _examples, list)
    return ContractSpec("ByTheFirstSize", collated=(case,))


class SquaresInHalf(GeneratedSymmetry):
    """Has a norm that squares in the dtype of its input."""

    def norm(self, in_type, kind="element"):
        return super().norm(in_type, kind) if kind == "batch" else Function(_normalised)


def _normalised(x: Tensor) -> Tensor:
    return x * (x.square().mean((1, 2), keepdim=True) + 1e-5).rsqrt()


class MeanOfSum(Weighted):
    """Adds up in the dtype of its input, and then divides."""

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x + x.sum(1, keepdim=True) / x.shape[1])


class TimesBuffer(Weighted):
    """Multiplies a parameter by a buffer, and features by both."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("eye", torch.eye(2))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x @ (self.weight * self.eye)


class LogGamma(Weighted):
    """Uses a function that ONNX does not have."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.lgamma(1.5 + x.square())


CONTROLS = {
    "EQS15-structure-of-each-element": _first_scale(),
    "EQS16-batched-by-a-library": _collated(),
    "EQN07-rows-in-half-precision": _subject(SquaresInHalf),
    "EQN08-means-do-not-overflow": subject(MeanOfSum),
    "EQD17-sharded": subject(TimesBuffer),
    "EQD18-onnx": subject(LogGamma),
}
