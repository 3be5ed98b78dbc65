"""audit: it names the layer that breaks the symmetry, and restores the modes of the model."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor
from torch import nn as tnn

from eqsets import (
    DSS,
    FeatureTypeError,
    SetNetwork,
    ShapeError,
    audit,
    element_group,
    equivariance_error,
    nn,
)

RING = element_group("cyclic", size=5)
X = torch.randn(2, 3, 5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Wrong(tnn.Module):
    """A tiny symmetry breaker: a small output must not hide it."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = tnn.Parameter(torch.arange(5.0)[:, None])

    def forward(self, x: Tensor) -> Tensor:
        return 1e-3 * torch.tanh(x * self.slope.to(x))


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
            y: Tensor = self.second(self.first(x).cumsum(2))
            return y

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


def test_audit_restores_modes() -> None:
    net = SetNetwork(RING, [2, 4, 2], dropout_rate=0.5)
    net.blocks.layers[1].eval()
    before = [part.training for part in net.modules()]
    audit(net, X.float())
    assert [part.training for part in net.modules()] == before


def photos(*size: int) -> Tensor:
    return torch.randn(2, 3, 3, *size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(8, 8), (16, 12)])
def test_audit_and_equivariance_error_agree_where_a_grid_is_padded(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    net = SetNetwork("translations", [3, 8, 8, 3], kernel_size=3)
    for model in (net, DSS("translations", 3, 8)):
        assert model.in_type is not None
        assert model.out_type is not None
        report = audit(model, photos(*size))
        assert report.ok
        assert max(row.after for row in report.layers) < 1e-6
        assert equivariance_error(model, model.in_type, model.out_type).max < 1e-6
        assert report.margin
        assert report.border is not None
        if model is net or size == (8, 8):  # else no border is within reach of the interior
            assert report.border > 0.01
            assert f"changes the output by {report.border:.1e}" in str(report)
    around = SetNetwork(element_group("translations", padding_mode="circular"), [3, 8, 3])
    report = audit(around, photos(*size))
    assert report.ok
    assert report.border is None
    assert not report.margin


def test_audit_without_a_margin_names_the_border() -> None:
    torch.manual_seed(0)
    net = SetNetwork("translations", [3, 8, 8, 3], kernel_size=3)
    report = audit(net, photos(16, 16), margin=False)
    assert not report.ok
    assert report.border == report.layers[0].after > 0.01
    assert "the border of the grid is padded and counts here: margin=True" in str(report)
    assert report.to_dict()["margin"] is False
    fixed = SetNetwork(element_group("translations", grid=(16, 16)), [3, 8, 3])
    assert not audit(fixed, photos(16, 16)).margin


def test_audit_finds_a_layer_that_breaks_on_a_padded_grid() -> None:
    class Stripes(tnn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * (1 + torch.arange(x.shape[-1]) % 2)

    torch.manual_seed(0)
    symmetry = element_group("translations")
    four = symmetry.feature_type(4)
    net = nn.SetSequential(
        DSS(symmetry, 3, 4), nn.Elementwise(Stripes(), four, four), DSS(symmetry, 4, 2)
    )
    assert audit(net, photos(8, 8)).culprit == "layers.1"


def test_a_model_of_one_size_needs_no_margin() -> None:
    class Flat(tnn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = DSS("translations", 3, 2)
            self.linear = tnn.Linear(2 * 8 * 8, 2)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.linear(self.first(x).flatten(2))
            return y

    with pytest.raises(ShapeError, match=r"x \(2, 3, 3, 8, 8\) with a margin.*margin=False"):
        audit(Flat(), photos(8, 8))
    assert audit(Flat(), photos(8, 8), margin=False).border is not None
