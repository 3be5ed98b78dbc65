"""equivariance_error and audit: they measure, they catch, and they leave the model as it was."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor
from torch import nn as tnn

from eqsets import (
    DSS,
    FeatureTypeError,
    InvariantFeatures,
    SetNetwork,
    ShapeError,
    audit,
    element_group,
    equivariance_error,
    nn,
)
from eqsets.equivariance import relative_error

RING = element_group("cyclic", size=5)
X = torch.randn(2, 3, 5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Wrong(tnn.Module):
    """A tiny symmetry breaker: a small output must not hide it."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = tnn.Parameter(torch.arange(5.0)[:, None])

    def forward(self, x: Tensor) -> Tensor:
        return 1e-3 * torch.tanh(x * self.slope.to(x))


def test_small_outputs_cannot_hide() -> None:
    points = RING.feature_type(2)
    block = nn.Elementwise(Wrong(), points, points)
    report = equivariance_error(block, points, points)
    assert report.element > 0.1
    assert report.permutation == 0
    assert float(report) == report.max == report.joint or report.max == report.element
    assert "equivariance error" in str(report)


def test_modules_on_rows_and_plain_models() -> None:
    points = RING.feature_type(2)
    rows = RING.linear(points, points).double()
    assert equivariance_error(rows, points, points, set_axis=False).max < 1e-13

    class Model(tnn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.read = DSS(RING, 2, 4), nn.Readout(RING, 4, 3)
            self.head = tnn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.read(torch.relu(self.first(x))))

    model = Model().double()
    assert equivariance_error(model, points, InvariantFeatures(2)).max < 1e-13
    assert (
        equivariance_error(model, points, InvariantFeatures(2), alignment="independent").max > 1e-3
    )


def test_order_dependence_is_a_permutation_error() -> None:
    class First(tnn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, 0]

    points = RING.feature_type(2)
    report = equivariance_error(First(), points, points)
    assert report.permutation > 0.1
    assert report.element == 0


def test_nan_is_an_error_not_a_pass() -> None:
    class NotANumber(tnn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.nan

    points = RING.feature_type(2)
    assert not equivariance_error(NotANumber(), points, points).max <= 1


def test_modes_are_left_as_they_were() -> None:
    net = SetNetwork(RING, [2, 4, 2], dropout_rate=0.5)
    net.blocks.layers[1].eval()
    before = [part.training for part in net.modules()]
    equivariance_error(net, net.in_type, net.out_type)
    audit(net, X.float())
    assert [part.training for part in net.modules()] == before


def test_a_wrong_declaration_is_refused() -> None:
    layer = DSS(RING, 2, 3)
    with pytest.raises(ShapeError, match=r"gave \(2, 4, 5, 3\), expected a set \(B, N, 7\)"):
        equivariance_error(layer, layer.in_type, InvariantFeatures(7))

    class Pair(tnn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    with pytest.raises(ShapeError, match="returned tuple"):
        equivariance_error(Pair(), layer.in_type, layer.in_type)
    with pytest.raises(FeatureTypeError, match="Did you mean 'shared'"):
        equivariance_error(layer, layer.in_type, layer.out_type, alignment="share")


def test_relative_error_by_hand() -> None:
    assert relative_error(torch.zeros(3), torch.zeros(3)) == 0
    assert relative_error(torch.ones(4), torch.zeros(4)) == 2


def broken_model(position: int) -> nn.SetSequential:
    points = RING.feature_type(4)
    torch.manual_seed(0)
    layers: list[tnn.Module] = [DSS(RING, 2, 4), nn.nonlinearity(RING, 4), DSS(RING, 4, 4)]
    layers.insert(position, nn.Elementwise(Wrong(), points, points))
    return nn.SetSequential(*layers).double()


@pytest.mark.parametrize("position", [1, 2, 3])
def test_audit_names_the_layer_that_breaks(position: int) -> None:
    report = audit(broken_model(position), X)
    assert not report.ok
    assert report.culprit == f"layers.{position}"
    assert f"broken by: layers.{position}" in str(report)
    own = {row.name: row.own for row in report.layers}
    assert own[f"layers.{position}"] > 0.1
    assert all(
        error < 1e-12 for name, error in own.items() if name not in ("", f"layers.{position}")
    )
    assert json.loads(json.dumps(report.to_dict()))["culprit"] == f"layers.{position}"


def test_audit_finds_what_stands_between_declared_layers() -> None:
    points = RING.feature_type(4)

    class Model(tnn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = DSS(RING, 2, 4), DSS(RING, 4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x).cumsum(2))

    assert audit(Model().double(), X).culprit == "between 'first' and 'second'"
    whole = {"": (RING.feature_type(2), points)}
    assert audit(Model().double(), X, types=whole).culprit == "between 'first' and 'second'"


def test_audit_of_a_sound_model_and_of_a_model_in_float32() -> None:
    net = SetNetwork(RING, [2, 4, 4], normalization="element", readout=2)
    report = audit(net, X.float())
    assert report.ok
    assert report.culprit is None
    assert report.budget == 1e-4
    assert "no layer breaks" in str(report)
    independent = SetNetwork(RING, [2, 4, 4], alignment="independent", readout=2).double()
    assert audit(independent, X, alignment="independent").ok
    assert not audit(net.double(), X, alignment="independent").ok


def test_audit_needs_types_and_real_names() -> None:
    with pytest.raises(FeatureTypeError, match="found 0 layers"):
        audit(tnn.Linear(2, 2), X)
    points = RING.feature_type(2)
    with pytest.raises(FeatureTypeError, match=r"types for \['nose'\]"):
        audit(DSS(RING, 2, 2).double(), X, types={"nose": (points, points)})
