"""Frames that hold of any family: the identity, all of finitely many, and products."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

import eqsets
from eqsets import OptionError, TransformationFamily
from eqsets.families import (
    AdditiveGroup,
    DiscreteFrame,
    IdentityFrame,
    Parameter,
    Pose,
    ProductFrame,
    Signals,
)


@dataclass(frozen=True)
class Gain(TransformationFamily):
    """Signals are multiplied, and perhaps mirrored: no frame of its own."""

    discrete_as_well: bool = False
    domain = Signals()  # type: ignore[assignment]

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        gain = Parameter("gain", "log factor", -0.5, 0.5, role="value")
        flip = Parameter.discrete("flip", "reflections", 2, "reflection")
        return (gain, flip) if self.discrete_as_well else (gain,)

    @property
    def group(self) -> AdditiveGroup:
        return AdditiveGroup(self.periodic)

    def element(self, eta: Tensor) -> Tensor:
        return self.wrap(eta)

    def parameters(self, g: Tensor) -> Tensor:
        return self.wrap(g)

    def act(self, g: Tensor, x: Tensor, *, order: int = 1) -> Tensor:
        self.check(x, order)
        return x * g[..., :1, None].exp().to(x.dtype)


def test_a_family_without_a_frame_gets_the_identity() -> None:
    frame, x = Gain().frame(), torch.randn(3, 2, 8)
    assert isinstance(frame, IdentityFrame)
    pose = frame(x)
    assert pose.g.tolist() == [[0.0]] * 3
    assert pose.confidence.tolist() == [0.0] * 3
    assert frame.loss(pose, (pose.g, pose.g)) is None


def test_finitely_many_transformations_are_tried() -> None:
    family = eqsets.transformation("d4")
    frame = family.frame()
    assert isinstance(frame, DiscreteFrame)
    x = torch.rand(4, 1, 9, 9, generator=torch.Generator().manual_seed(0)) - 0.5
    canonical = family.act(family.group.inverse(frame(x).g), x)
    for g in family.group.elements():
        moved = family.act(g.expand(4, *g.shape), x)
        again = family.act(family.group.inverse(frame(moved).g), moved)
        assert torch.equal(again, canonical)


def test_two_discrete_factors_are_tried_together() -> None:
    family = eqsets.transformation("c4") * eqsets.transformation("reflections")
    assert isinstance(family.frame(), DiscreteFrame)
    mixed = eqsets.transformation("c4+hue").frame()
    assert isinstance(mixed, ProductFrame)
    pose = mixed(torch.rand(2, 3, 8, 8))
    assert len(pose.extra) == 2


def test_discrete_and_continuous_parameters_in_one_factor_are_refused() -> None:
    with pytest.raises(OptionError, match="discrete and continuous parameters in one factor"):
        Gain(discrete_as_well=True).frame()


@pytest.mark.parametrize("name", ["rotation", "hue", "c4", "rotation+hue"])
def test_half_precision_is_computed_in_float32(name: str) -> None:
    family = eqsets.transformation(name)
    x = family.domain.sample(2, generator=torch.Generator().manual_seed(0)).float()
    x = x[:, :1].expand(2, 3, 32, 32) if x.shape[1] == 2 else x
    pose: Pose = family.frame()(x.bfloat16())
    assert not pose.g.is_floating_point() or pose.g.dtype.itemsize >= 4
    expected = family.frame()(x.bfloat16().float())
    assert float(family.group.distance(pose.g, expected.g).max()) < 1e-6
    g = family.element(family.sample(2).bfloat16())
    assert not g.is_floating_point() or g.dtype.itemsize >= 4


def test_a_frame_follows_the_background_that_is_asked_for() -> None:
    x = torch.full((1, 1, 16, 16), -0.2)
    x[..., 3:6, 9:13] = 1.0
    family = eqsets.transformation("translation")
    near, far = (family.frame(background=b)(x).g[0, :2, 2] for b in (-0.2, -1.0))
    assert near.abs().max() > 2 * far.abs().max()


def test_the_loss_of_a_product_is_the_sum_of_those_of_its_factors() -> None:
    class Learned(IdentityFrame):
        def loss(self, pose: Pose, views: tuple[Tensor, Tensor]) -> Tensor:
            return views[1].sum()

    family = eqsets.transformation("rotation+hue")
    factors = [eqsets.transformation(name) for name in ("rotation", "hue")]
    frame = ProductFrame([Learned(one) for one in factors], family.group)  # type: ignore[arg-type]
    g = family.group.sample(3, generator=torch.Generator().manual_seed(0))
    pose = Pose(g, torch.ones(3), (None, None))
    expected = sum(part.sum() for part in family.group.unpack(g))  # type: ignore[attr-defined]
    assert frame.loss(pose, (g, g)) == pytest.approx(float(expected))
