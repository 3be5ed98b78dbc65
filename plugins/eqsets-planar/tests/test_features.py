"""How group elements move images and the components of fields."""

from __future__ import annotations

import pytest
import torch

from eqsets import FeatureTypeError, ShapeError
from eqsets_planar import Planar
from eqsets_planar.rotation import transform_image
from eqsets_planar.steerable import escnn_interface

SPEC = "2 trivial + 1 regular + 1 irrep(1)"


def test_quarter_turns_are_those_of_torch() -> None:
    x = torch.randn(2, 5, 5)
    fields = Planar(4, True).feature_type(2)
    turned = fields.transform(torch.tensor([[1, 0], [3, 0], [0, 1], [1, 1]]), x.expand(4, 2, 5, 5))
    flipped = x.flip(-1)
    expected = [torch.rot90(x, 1, (-2, -1)), torch.rot90(x, 3, (-2, -1)), flipped]
    expected.append(torch.rot90(flipped, 1, (-2, -1)))
    assert torch.equal(turned, torch.stack(expected))


@pytest.mark.parametrize("symmetry", [Planar(4), Planar(4, True), Planar(2, True)], ids=str)
def test_action_is_that_of_escnn(symmetry: Planar) -> None:
    fields = symmetry.feature_type(SPEC if symmetry.rotations == 4 else "2 regular + 1 irrep(1,1)")
    _, nn = escnn_interface.load()
    space = escnn_interface._space(symmetry.points, 3)
    reps = [
        escnn_interface._representation(space, symmetry.points, r)
        for n, r in fields.blocks
        for _ in range(n)
    ]
    x = torch.randn(1, fields.size, 5, 5)
    for e in space.fibergroup.elements:
        number = e.to("int")
        g = torch.tensor(number[::-1] if symmetry.reflections else number)
        theirs = nn.GeometricTensor(x, nn.FieldType(space, reps)).transform(e).tensor
        torch.testing.assert_close(fields.transform(g, x), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rotations", [1, 2, 3, 4, 8, None])
@pytest.mark.parametrize("reflections", [False, True])
def test_action_is_a_homomorphism(rotations: int | None, reflections: bool) -> None:
    symmetry = Planar(rotations, reflections)
    fields = symmetry.feature_type("2 irreps(1)" if rotations != 1 else "3 trivial")
    generator = torch.Generator().manual_seed(0)
    g, h = (symmetry.group.sample(6, generator=generator) for _ in range(2))
    x = fields.sample(6, generator=generator, dtype=torch.float64)
    once = fields.transform(symmetry.group.compose(g, h), x)
    twice = fields.transform(g, fields.transform(h, x))
    error = float((once - twice).norm() / once.norm())
    assert error < (1e-14 if symmetry.points.exact else 3e-3)
    one = symmetry.group.identity()
    assert float((fields.transform(one, x) - x).abs().max()) < 1e-14


def test_batches_broadcast() -> None:
    symmetry = Planar(4)
    fields = symmetry.feature_type(SPEC)
    x, g = fields.sample(2, 1), torch.tensor([0, 1, 3])
    assert fields.transform(g, x).shape == (2, 3, fields.size, 9, 9)
    each = torch.stack([fields.transform(k, x[:, 0]) for k in g], 1)
    assert torch.equal(fields.transform(g, x), each)


def test_other_angles_keep_constants_and_meet_smooth_content() -> None:
    flat = torch.full((1, 9, 9), 2.0, dtype=torch.float64)
    assert float((transform_image(flat, 0.1, False) - flat).abs().max()) < 1e-14
    position = torch.arange(33, dtype=torch.float64) - 16
    up, right = -position[:, None], position[None]

    def blob(a: float, b: float) -> torch.Tensor:
        return torch.exp(-((right - a) ** 2 + (up - b) ** 2) / 12.5)

    angle = torch.tensor(0.6, dtype=torch.float64)
    cos, sin = float(angle.cos()), float(angle.sin())
    turned = transform_image(blob(3.0, 1.0), 0.6 / (2 * torch.pi), False)
    assert float((turned - blob(3 * cos - sin, 3 * sin + cos)).abs().max()) < 1e-3


def test_images_that_are_not_square() -> None:
    x = torch.randn(3, 4, 6)
    half = Planar(2, True).feature_type(3)
    assert half.transform(torch.tensor([1, 1]), x).shape == x.shape
    with pytest.raises(ShapeError, match="4 x 6 pixels to turn by 90 degrees, expected a square"):
        Planar(4).feature_type(3).transform(torch.tensor(1), x)


def test_elements_of_another_group_are_refused() -> None:
    with pytest.raises(ShapeError, match="group elements of shape"):
        Planar(4, True).feature_type(3).transform(torch.tensor([0, 1, 2]), torch.zeros(3, 3, 3))


def test_channels_count_copies_of_the_whole() -> None:
    fields = Planar(4).feature_type("4 trivial + 2 regular")
    assert fields.channels == 2
    assert str(fields.with_channels(1)) == "2 trivial + 1 regular"
    halves = [fields.with_channels(1).sample(3) for _ in range(2)]
    both = fields.concatenate(halves)
    g = torch.tensor(1)
    moved = fields.concatenate([fields.with_channels(1).transform(g, half) for half in halves])
    assert torch.equal(fields.transform(g, both), moved)
    with pytest.raises(FeatureTypeError, match="cannot be given 0 channels"):
        fields.with_channels(0)


def test_pointwise_says_what_a_relu_may_act_on() -> None:
    d4 = Planar(4, True)
    assert d4.feature_type("2 regular + 1 quotient(2) + 3").pointwise
    assert not d4.feature_type("irrep(1,0)").pointwise
    assert d4.feature_type(3).channel_axis == -3
    assert d4.feature_type("3 regular").channel_axis is None


def test_samples_are_of_unit_size() -> None:
    for symmetry in (Planar(4), Planar(8)):
        x = symmetry.feature_type(3).sample(8, generator=torch.Generator().manual_seed(0))
        assert 0.8 < float(x.square().mean()) < 1.2
        assert Planar(symmetry.rotations, grid=11).feature_type(3).sample().shape == (3, 11, 11)
