"""Broken symmetries: each makes one kind of module wrongly, and fails the one law meant for it."""

from __future__ import annotations

from math import pi, prod
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.features import FeatureType, InvariantFeatures
from eqsets.generated import GeneratedSymmetry
from eqsets.rows import InvariantPart
from eqsets.testing import Capabilities, ContractSpec

RING = [[1, 2, 3, 0]]
SWAP = [[1, 0, 2, 3]]  # four points in three orbits


class Function(nn.Module):
    """A function as a module, with attributes."""

    def __init__(self, function: Any, **attributes: Any) -> None:
        super().__init__()
        self.function = function
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        return self.function(x)


class Dense(nn.Module):
    """Every component by a weight of its own: the layer of no symmetry."""

    def __init__(self, in_type: FeatureType, out_type: FeatureType, bias: bool) -> None:
        super().__init__()
        self.layout = out_type.layout
        self.linear = nn.Linear(prod(in_type.layout), prod(out_type.layout), bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1)).reshape(-1, *self.layout)


class Scalars(nn.Module):
    """Only multiples of the identity: equivariant, and far from complete."""

    def __init__(self, in_type: FeatureType, out_type: FeatureType, bias: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(in_type.channels, out_type.channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


class Unshared(GeneratedSymmetry):
    def linear(self, in_type, out_type, *, bias=True, **options):
        return Dense(in_type, out_type, bias)


class Bent(GeneratedSymmetry):
    def linear(self, in_type, out_type, *, bias=True, **options):
        straight = super().linear(in_type, out_type, bias=bias)
        return nn.Sequential(straight, nn.LeakyReLU(0.7))


class OnePoint(GeneratedSymmetry):
    def invariant(self, in_type):
        return Function(first_point, features=in_type.channels)


class PeekingPart(GeneratedSymmetry):
    """Takes the first point for what all points share."""

    def invariant_part(self, out_type):
        return FirstPoint()


class FirstPoint(InvariantPart):
    def read(self, x: Tensor, *side: object) -> Tensor:
        return x[:, :1]


class OneIndex(GeneratedSymmetry):
    def embed(self, features, out_type):
        return Written(features, out_type)


class Written(nn.Module):
    def __init__(self, features: int, out_type: FeatureType) -> None:
        super().__init__()
        self.linear = nn.Linear(features, out_type.channels, bias=False)

    def forward(self, invariants: Tensor, *, like: Tensor) -> Tensor:
        position = torch.eye(like.shape[1], dtype=like.dtype, device=like.device)[0]
        return self.linear(invariants)[:, None] * position[:, None]


class PointNorm(GeneratedSymmetry):
    def norm(self, in_type, kind="element"):
        norm = nn.LayerNorm([int(size) for size in in_type.layout])
        nn.init.normal_(norm.weight)
        return Ignoring(norm)


class Ignoring(nn.Module):
    """Call a norm without telling it who is present."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        return self.norm(x)


class Componentwise(GeneratedSymmetry):
    def nonlinearity(self, in_type, name="relu"):
        return nn.Tanh()


class Holes(GeneratedSymmetry):
    def dropout(self, in_type, p):
        return nn.Dropout(p)


class Halved(GeneratedSymmetry):
    def pool(self, in_type, **options):
        return Function(first_half, out_type=InvariantFeatures(in_type.channels))


class Incomplete(GeneratedSymmetry):
    def linear(self, in_type, out_type, *, bias=True, **options):
        return Scalars(in_type, out_type, bias)


class Biasless(GeneratedSymmetry):
    def linear(self, in_type, out_type, *, bias=True, **options):
        return super().linear(in_type, out_type, bias=False)


class PoorContext(GeneratedSymmetry):
    """Complete, but not for the branch that sees the set: that one is built without a bias."""

    def linear(self, in_type, out_type, *, bias=True, **options):
        return super().linear(in_type, out_type) if bias else Scalars(in_type, out_type, False)


class OneOrbit(GeneratedSymmetry):
    def invariant(self, in_type):
        return Function(total, features=in_type.channels)


def first_point(x: Tensor) -> Tensor:
    return x[:, 0]


def first_half(x: Tensor) -> Tensor:
    return x[:, : x.shape[1] // 2].amax(1)


def total(x: Tensor) -> Tensor:
    return x.sum(1)


def _subject(
    kind: type[GeneratedSymmetry], *, independent: bool = False, **generators: Any
) -> ContractSpec:
    symmetry = kind(**generators or {"permutations": RING})
    types = (symmetry.feature_type(1), symmetry.feature_type(2))
    claims = Capabilities(independent=independent)
    return ContractSpec(
        kind.__name__,
        symmetry=symmetry,
        types=types,
        aggregations=("sum",),
        capabilities=claims,
    )


def _third() -> Tensor:
    angle = torch.tensor(2 * pi / 3, dtype=torch.float64)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])[None]


CONTROLS = {
    "EQL01-linear-equivariance": _subject(Unshared),
    "EQL02-linear-is-affine": _subject(Bent),
    "EQL03-invariant": _subject(OnePoint, independent=True),
    "EQL04-embedding": _subject(OneIndex, independent=True),
    "EQL05-norm": _subject(PointNorm),
    "EQL06-nonlinearity": _subject(Componentwise, matrices=_third()),
    "EQL07-dropout": _subject(Holes),
    "EQL08-pool": _subject(Halved),
    "EQL17-invariant-part": _subject(PeekingPart),
    "EQC01-linear-is-complete": _subject(Incomplete),
    "EQC02-bias-is-complete": _subject(Biasless),
    "EQC03-shared-set-layer-is-complete": _subject(PoorContext),
    "EQC04-independent-set-layer-is-complete": _subject(
        OneOrbit, permutations=SWAP, independent=True
    ),
}
