"""Symmetries whose modules take side information: the laws move it along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eqsets import ElementSymmetry, FeatureType
from eqsets.generated import symmetric
from eqsets.groups import SymmetricGroup
from eqsets.testing import Capabilities, ContractSpec, check

NODES = symmetric(4)


class Propagate(nn.Module):
    """Features of nodes, and the mean of those next to them: a graph convolution."""

    def __init__(self, in_type: FeatureType, out_type: FeatureType, bias: bool) -> None:
        super().__init__()
        self.own = nn.Linear(in_type.channels, out_type.channels, bias=bias)
        self.near = nn.Linear(in_type.channels, out_type.channels, bias=False)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        return self.own(x) + self.near(edges @ x)


class Read(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        return x.mean(1) + (edges @ x).square().mean(1)


@dataclass(frozen=True)
class Graphs(ElementSymmetry):
    """Graphs of four nodes that all elements of a set share, as adjacency matrices."""

    forgetful: bool = False
    structured = True

    @property
    def group(self) -> SymmetricGroup:
        return SymmetricGroup(4)

    def feature_type(self, spec: Any) -> FeatureType:
        return NODES.feature_type(spec)

    def linear(self, in_type, out_type, *, bias=True, **options):
        return Propagate(in_type, out_type, bias)

    def invariant(self, in_type):
        return Read(in_type.channels)

    def embed(self, features, out_type):
        return NODES.embed(features, out_type)

    def transform_structure(self, g: Tensor, structure: Tensor) -> Tensor:
        if self.forgetful:
            return structure
        back = g.argsort()
        return structure[back][:, back]


def spec(symmetry: ElementSymmetry) -> ContractSpec:
    def edges(generator: torch.Generator) -> Tensor:
        return torch.rand(4, 4, generator=generator, dtype=torch.float64)

    claims = Capabilities(complete=False, independent=False)
    return ContractSpec("graphs", symmetry=symmetry, structure=edges, capabilities=claims)


def test_the_structure_moves_with_the_elements() -> None:
    report = check(spec(Graphs()), profile="quick")
    assert report.ok, report
    ids = {result.id: result.status for result in report.results}
    assert ids["EQL01-linear-equivariance"] == ids["EQL12-set-joint"] == "passed"
    assert ids["EQC01-linear-is-complete"] == "skipped"


def test_a_structure_that_stays_behind_is_found() -> None:
    report = check(spec(Graphs(forgetful=True)), profile="quick")
    assert [result.id for result in report.failures] == [
        "EQL01-linear-equivariance",
        "EQL03-invariant",
    ]
