"""Feature types, their resolutions, and what is said about bad input."""

from __future__ import annotations

import pickle

import pytest
import torch

from eqsets import DSS, FeatureTypeError, SetNetwork, ShapeError, element_group
from eqsets.nn import Elementwise, SetSequential
from eqsets_translations import GridFeatures, Shifts, Translations

IMAGES = Translations()


def test_plain_use() -> None:
    assert DSS("translations", 3, 16, kernel_size=3)(torch.ones(2, 5, 3, 8, 9)).shape[2] == 16
    sound = DSS(element_group("translations", dims=1), 1, 8, kernel_size=9)
    assert sound(torch.ones(2, 5, 1, 30)).shape == (2, 5, 8, 30)
    volume = DSS(element_group("translations", dims=3), 1, 2, kernel_size=2)
    assert volume(torch.ones(1, 2, 1, 4, 5, 6)).shape == (1, 2, 2, 4, 5, 6)


def test_types_are_values() -> None:
    half = IMAGES.feature_type("16 /2")
    assert half == IMAGES.feature_type("16 / 2,2") == pickle.loads(pickle.dumps(half))
    assert half != IMAGES.feature_type(16)
    assert half.layout == (16, "H", "W")
    assert str(half) == "16 /2"
    assert str(IMAGES.feature_type("4 /2,1")) == "4 /2,1"
    assert eval(repr(half), {"GridFeatures": GridFeatures, "Shifts": Shifts}) == half
    assert half.group == Shifts((2, 2))
    assert IMAGES.feature_type(16).group == Shifts((1, 1))


def test_symmetries_are_values() -> None:
    given = Translations(1, "circular", stride=4, grid=16)
    assert eval(repr(given), {"element_group": element_group}) == given
    assert hash(given) == hash(pickle.loads(pickle.dumps(given)))


def test_shift_of_a_coarse_grid() -> None:
    x = torch.arange(4.0)[None]
    half = Translations(1, "circular").feature_type("1 /2")
    assert half.transform(torch.tensor([2]), x).tolist() == [[3, 0, 1, 2]]
    with pytest.raises(ShapeError, match=r"got a shift \[3\].*multiples of \[2\].*stride=2"):
        half.transform(torch.tensor([3]), x)
    with pytest.raises(ShapeError, match="whole numbers"):
        half.transform(torch.tensor([2.0]), x)


def test_shift_is_a_roll() -> None:
    x, g = torch.randn(3, 2, 5, 4), torch.tensor([[1, 0], [0, -2], [7, 3]])
    moved = IMAGES.feature_type(2).transform(g, x)
    for one, shift, result in zip(x, g.tolist(), moved, strict=True):
        assert torch.equal(result, one.roll(shift, (1, 2)))


def test_interior() -> None:
    x = torch.ones(1, 8, 10)
    assert IMAGES.feature_type(1).interior(x).shape == (1, 4, 6)
    assert Translations(2, "circular").feature_type(1).interior(x).shape == (1, 8, 10)


@pytest.mark.parametrize(
    ("given", "options", "steps"),
    [
        ((3, 4), {"stride": 2}, ("3", "4 /2")),
        ((3, 4), {"stride": (2, 1)}, ("3", "4 /2,1")),
        ((3, "4 /4"), {}, ("3", "4 /4")),
        (("3 /2", 4), {"stride": 2}, ("3 /2", "4 /4")),
        ((3, 4), {"stride": 2, "transposed": True}, ("3 /2", "4")),
        (("3 /4", 4), {"stride": 2, "transposed": True}, ("3 /4", "4 /2")),
        (("3 /2", 4), {}, ("3 /2", "4")),
        (("3 /2", "4 /2"), {"stride": 1}, ("3 /2", "4 /2")),
    ],
)
def test_resolutions(given: tuple, options: dict, steps: tuple[str, str]) -> None:
    layer = DSS("translations", *given, kernel_size=2, **options)
    assert (str(layer.in_type), str(layer.out_type)) == steps
    assert layer.in_type.group == layer.out_type.group


def test_network_of_two_resolutions() -> None:
    symmetry = Translations(stride=2)
    net = SetNetwork(symmetry, [3, "8 /2", 3], kernel_size=4)
    assert net(torch.ones(1, 2, 3, 8, 6)).shape == (1, 2, 3, 8, 6)


def test_pool_and_upsample_chain() -> None:
    pool = IMAGES.pool(IMAGES.feature_type(2), size=(2, 1))
    up = IMAGES.upsample(pool.out_type, factor=(2, 1), kind="linear")
    assert str(pool.out_type) == "2 /2,1"
    assert up.out_type == IMAGES.feature_type(2)
    net = SetSequential(*(Elementwise(part, part.in_type, part.out_type) for part in (pool, up)))
    assert net(torch.ones(1, 1, 2, 4, 3)).shape == (1, 1, 2, 4, 3)


BAD_SYMMETRIES = [
    ({"dims": 4}, r"got dims=4, expected 1 \(signals\), 2"),
    ({"dims": "2"}, "got dims='2'"),
    ({"padding_mode": "circulr"}, "Did you mean 'circular'"),
    ({"stride": 0}, "got stride=0, expected a whole number of at least 1"),
    ({"grid": (8,)}, r"got grid=\(8,\).*2 of them"),
]


@pytest.mark.parametrize(("options", "match"), BAD_SYMMETRIES, ids=str)
def test_bad_symmetry(options: dict, match: str) -> None:
    with pytest.raises(FeatureTypeError, match=match):
        Translations(**options)


@pytest.mark.parametrize("spec", [0, -1, True, 1.5, "x", "3 /0", "3 /2,2,2", None, ""], ids=str)
def test_bad_type(spec: object) -> None:
    with pytest.raises(FeatureTypeError, match=r"got the feature type .* expected a number"):
        IMAGES.feature_type(spec)


def test_type_of_another_symmetry() -> None:
    with pytest.raises(FeatureTypeError, match="expected features on a grid of 2 axes"):
        IMAGES.feature_type(Translations(1).feature_type(3))
    with pytest.raises(FeatureTypeError, match="padding_mode='zeros'"):
        DSS(IMAGES, Translations(2, "circular").feature_type(3), 3)


BAD_LAYERS = [
    ((3, 4), {"kernel": 3}, "knows no option 'kernel'.*Did you mean 'kernel_size'"),
    ((3, 4), {"kernel_size": 0}, "got kernel_size=0"),
    ((3, 4), {"kernel_size": (3, 3, 3)}, "2 of them, one for each axis"),
    ((3, 4), {"kernel_size": True}, "got kernel_size=True"),
    ((3, 4), {"dilation": -1}, "got dilation=-1"),
    ((3, 4), {"groups": 2}, "got groups=2 for 3 -> 4 channels"),
    ((3, 4), {"padding": -1}, "got padding=-1"),
    (("3 /2", "4 /2"), {"stride": 2}, "steps .* Leave stride out"),
    (("3 /2", "4 /3"), {}, "no convolution maps step"),
    ((3, "4 /2"), {"transposed": True}, "no convolution maps step"),
]


@pytest.mark.parametrize(("types", "options", "match"), BAD_LAYERS, ids=str)
def test_bad_layer(types: tuple, options: dict, match: str) -> None:
    with pytest.raises(FeatureTypeError, match=match):
        DSS(IMAGES, *types, **options)


def test_bad_pooling_and_upsampling() -> None:
    one = IMAGES.feature_type(1)
    with pytest.raises(FeatureTypeError, match="unknown pooling 'avg'"):
        IMAGES.pool(one, kind="avg")
    with pytest.raises(FeatureTypeError, match="Did you mean 'size'"):
        IMAGES.pool(one, siz=2)
    with pytest.raises(FeatureTypeError, match="Did you mean 'nearest'"):
        IMAGES.upsample(IMAGES.feature_type("1 /2"), kind="neares")
    with pytest.raises(FeatureTypeError, match=r"no grid is finer than one pixel.*'1 /2'"):
        IMAGES.upsample(one)


def test_bad_input() -> None:
    ring = Translations(2, "circular")
    one = ring.feature_type(1)
    with pytest.raises(ShapeError, match="at least 5 points"):
        ring.linear(one, one, kernel_size=3, dilation=2)(torch.ones(1, 1, 8, 4))
    with pytest.raises(ShapeError, match="a multiple of 2"):
        ring.linear(one, one, kernel_size=3, stride=2)(torch.ones(1, 1, 8, 7))
    with pytest.raises(ShapeError, match="multiples of the block"):
        ring.pool(one)(torch.ones(1, 1, 8, 7))
    with pytest.raises(FeatureTypeError, match="on a circular grid"):
        ring.linear(one, one, padding=1)
    with pytest.raises(ShapeError, match=r"expected x of shape \(B, N, 3, H, W\).*1 instead of 3"):
        DSS(IMAGES, 3, 4)(torch.ones(2, 2, 1, 8, 8))
    with pytest.raises(ShapeError, match="4 axes instead of 5"):
        DSS(IMAGES, 3, 4)(torch.ones(2, 3, 8, 8))
