"""The contract of families without any plugin: parameters, products, what is refused."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

import eqsets
from eqsets import GroupError, OptionError, ShapeError, TransformationFamily
from eqsets.families import AdditiveGroup, Images, Parameter, ProductFamily, Signals
from eqsets.groups import CyclicGroup
from eqsets.testing import check


@dataclass(frozen=True)
class Squares(Images):
    """Images that are as high as wide, of the size that rolls need."""

    pixels: int = 32

    @property
    def default_size(self) -> tuple[int, int]:  # type: ignore[override]
        return (self.pixels, self.pixels)


@dataclass(frozen=True)
class Rolls(TransformationFamily):
    """Rows go around, by whole pixels: the smallest family there is."""

    pixels: int = 32
    name: str = "roll"
    axis: int = -1

    @property
    def domain(self) -> Squares:
        return Squares(pixels=self.pixels)

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return (Parameter.discrete(self.name, "pixels", self.pixels),)

    @property
    def group(self) -> CyclicGroup:
        return CyclicGroup(self.pixels)

    def element(self, eta: Tensor) -> Tensor:
        return self.wrap(eta)[..., 0].long()

    def parameters(self, g: Tensor) -> Tensor:
        return g[..., None].double()

    def act(self, g: Tensor, x: Tensor, *, order: int = 1, fill: float = -1.0) -> Tensor:
        self.check(x, order)
        position = torch.arange(self.pixels, device=x.device) - g[..., None]
        shape = [self.pixels if axis == self.axis else 1 for axis in (-3, -2, -1)]
        index = (position % self.pixels).reshape(*g.shape, *shape)
        batch = self.batch_with(g, x)
        x, index = x.expand(*batch, *x.shape[-3:]), index.expand(*batch, *shape)
        return torch.take_along_dim(x, index, dim=self.axis)

    def exact(self, size, *batch, generator=None) -> Tensor:
        return self.group.sample(*batch, generator=generator)


@pytest.mark.slow
def test_a_family_of_one_screen_keeps_all_laws() -> None:
    report = check(Rolls(), profile="quick")
    assert report.ok, report


@pytest.mark.parametrize(
    "name", ["affine", "c4", "d4", "reflections", "hsv", "rotation+hue", "hue+affine-no-shear"]
)
def test_batches_that_do_not_broadcast_are_refused(name: str) -> None:
    family = eqsets.transformation(name)
    g, x = family.element(family.sample(3)), torch.zeros(4, 3, 8, 8)
    with pytest.raises(
        ShapeError, match=r"got \(3,\) group elements for \(4,\) images.*g\[:, None\]"
    ):
        family.act(g, x)
    assert family.act(g[:, None], x).shape == (3, 4, 3, 8, 8)
    assert family.act(g, x[:1]).shape == family.act(g, x[:3]).shape == (3, 3, 8, 8)


def test_products_keep_all_laws_and_lie_side_by_side() -> None:
    across, down = Rolls(8, "across"), Rolls(8, "down", axis=-2)
    both = across * down
    assert both == ProductFamily(across, down)
    assert both.names == ("across", "down")
    assert both.periodic == (8.0, 8.0)
    report = check(both, profile="quick")
    assert report.ok, report
    g = both.element(torch.tensor([3.0, -2.0]))
    assert g.tolist() == [3, 6]
    assert both.parameters(g).tolist() == [3, 6]


def test_products_are_flat_and_the_last_factor_acts_first() -> None:
    one, two, three = (Rolls(4, name) for name in "abc")
    assert (one * two) * three == one * (two * three) == ProductFamily(one, two, three)
    seen = []

    @dataclass(frozen=True)
    class Records(Rolls):
        def act(self, g, x, *, order=1, fill=-1.0) -> Tensor:
            seen.append(self.name)
            return super().act(g, x, order=order, fill=fill)

    product = Records(4, "last") * Records(4, "first")
    product.act(product.group.identity(), torch.zeros(1, 4, 4))
    assert seen == ["first", "last"]


def test_families_multiply_with_families_only() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        Rolls() * 3
    with pytest.raises(OptionError, match=r"parameters roll \(roll twice\)"):
        Rolls() * Rolls()
    with pytest.raises(OptionError, match="product of 1 families"):
        ProductFamily(Rolls())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("two words", "pixels", 0.0, 1.0), "called 'two words', expected an identifier"),
        (("a", "pixels", 1.0, 1.0), r"range \(1.0, 1.0\).*expected low < high"),
        (("a", "pixels", 0.0, 1.0, -2.0), "period -2.0, expected low < high and a positive"),
        (("a", "pixels", 0.0, 1.0, 3.0, 3), r"discrete parameter 'a'.*expected \(0.0, 2.0, 3.0\)"),
    ],
)
def test_bad_parameters_are_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Parameter(*arguments)  # type: ignore[arg-type]


def test_bounds_narrow_what_is_sampled() -> None:
    generator = torch.Generator().manual_seed(0)
    eta = Rolls().sample(100, generator=generator, bounds=torch.tensor([[2.0, 3.0]]))
    assert sorted(eta.unique().tolist()) == [2, 3]
    with pytest.raises(ShapeError, match=r"bounds of shape \(2, 2\), expected \(1, 2\)"):
        Rolls().sample(bounds=torch.zeros(2, 2))


def test_wrapping_keeps_derivatives() -> None:
    circle = Parameter("angle", "turns", -0.5, 0.5, period=1.0)
    value = torch.tensor([0.75, -3.25], requires_grad=True)
    wrapped = circle.wrap(value)
    assert wrapped.tolist() == [-0.25, -0.25]
    wrapped.sum().backward()
    assert value.grad is not None
    assert value.grad.tolist() == [1, 1]


def test_families_of_different_elements_do_not_multiply() -> None:
    @dataclass(frozen=True)
    class OfSignals(Rolls):
        domain = Signals()  # type: ignore[assignment]

    @dataclass(frozen=True)
    class Grey(Rolls):
        domain = Images(1)  # type: ignore[assignment]

    with pytest.raises(OptionError, match=r"families of Squares.* and of Signals"):
        Rolls(name="a") * OfSignals(name="b")
    with pytest.raises(OptionError, match="images with 3 and with 1 channels"):
        eqsets.transformation("hue") * Grey()
    both = eqsets.transformation("rotation") * Grey()
    assert both.domain == Images(1)
    assert both.takes_fill
    assert both.interpolates
    assert not Grey().interpolates


def test_fill_goes_to_the_factors_that_take_it() -> None:
    @dataclass(frozen=True)
    class NoFill(Rolls):
        def act(self, g: Tensor, x: Tensor, *, order: int = 1) -> Tensor:  # type: ignore[override]
            return super().act(g, x, order=order)

    family = eqsets.transformation("translation") * NoFill(4)
    assert not NoFill(4).takes_fill
    g = family.element(torch.tensor([10.0, 0.0, 0.0]))
    x = torch.zeros(1, 4, 4)
    assert family.act(g, x, fill=0.5).unique().tolist() == [0.5]
    assert family.act(g, x).unique().tolist() == [-1.0]


def test_a_role_is_one_of_those_that_are_known() -> None:
    assert Parameter("delay", "s", 0.0, 1.0, role="shift").in_role("scale", "shift")
    assert not Parameter("delay", "s", 0.0, 1.0).in_role("shift")
    with pytest.raises(OptionError, match=r"the role 'shifts'.*Did you mean 'shift'"):
        Parameter("delay", "s", 0.0, 1.0, role="shifts")


def test_the_old_name_of_check_still_works() -> None:
    with pytest.warns(DeprecationWarning, match=r"write family\.check"):
        Rolls().check_images(torch.zeros(1, 4, 4))


@pytest.mark.parametrize(
    ("periods", "message"), [((), r"periods=\(\)"), ((0.0,), "a positive period or None")]
)
def test_bad_periods_are_refused(periods: tuple[float, ...], message: str) -> None:
    with pytest.raises(GroupError, match=message):
        AdditiveGroup(periods)


def test_an_additive_group_keeps_the_laws_of_groups() -> None:
    report = check(AdditiveGroup((1.0, None, 3.0)), profile="quick")
    assert report.ok, report
