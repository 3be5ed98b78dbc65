"""equivariance_error: it measures, it catches, and it restores the modes of the module."""

from __future__ import annotations

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
    element_group,
    equivariance_error,
    nn,
)
from eqsets.equivariance import relative_error

RING = element_group("cyclic", size=5)


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
            y: Tensor = self.head(self.read(torch.relu(self.first(x))))
            return y

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
    assert net.in_type is not None
    assert net.out_type is not None
    equivariance_error(net, net.in_type, net.out_type)
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


class Flat(tnn.Module):
    """A model of one size: images of 10 by 12 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = tnn.Linear(3 * 10 * 12, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x.flatten(2))
        return y.mean(1)


def test_sizes_of_samples_for_models_of_one_size() -> None:
    photo, two = element_group("translations").feature_type(3), InvariantFeatures(2)
    with pytest.raises(ShapeError, match=r"Flat failed on samples \(2, 4, 3, .*element_sizes="):
        equivariance_error(Flat(), photo, two)
    report = equivariance_error(Flat(), photo, two, element_sizes=(10, 12))
    assert report.element > 0.01
    assert report.permutation < 1e-5
    with pytest.raises(FeatureTypeError, match=r"sizes \(10,\) for samples, expected 2"):
        equivariance_error(Flat(), photo, two, element_sizes=(10,))
    points = RING.feature_type(2)
    with pytest.raises(FeatureTypeError, match="has no free axis"):
        equivariance_error(DSS(RING, 2, 2), points, points, element_sizes=(7,))
    assert points.with_sizes() is points


@pytest.mark.parametrize(
    ("name", "sizes", "layout"),
    [
        ("translations", (9, 14), (3, 9, 14)),
        ("planar", (11, 11), (3, 11, 11)),
        ("permutations", (7,), (7, 3)),
    ],
)
def test_types_with_free_axes_draw_samples_of_given_sizes(
    name: str, sizes: tuple[int, ...], layout: tuple[int, ...]
) -> None:
    symmetry = element_group(name)
    given = symmetry.feature_type(3)
    sized = given.with_sizes(*sizes)
    assert sized == given
    assert sized.sample(2).shape == (2, *layout)
    with pytest.raises(FeatureTypeError, match="expected"):
        given.with_sizes(2, 3, 4, 5)
    product = element_group("cyclic", size=2) * symmetry
    assert product.feature_type(3).with_sizes(*sizes).sample().shape == (2, *layout)
