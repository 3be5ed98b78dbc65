"""SetUNet: equivariant to its total stride, for every symmetry that can pool and up-sample."""

from __future__ import annotations

import pytest
import torch

from eqsets import (
    FeatureTypeError,
    OptionError,
    SetBatch,
    SetUNet,
    ShapeError,
    element_group,
    equivariance_error,
    nn,
)
from eqsets.deep import UNet
from eqsets.testing import check

MASK = torch.tensor([[True, False, True], [True, True, True]])
CIRCULAR = {
    dims: element_group("translations", dims=dims, padding_mode="circular", stride=4)
    for dims in (1, 2, 3)
}
PLANAR = element_group("planar", rotations=4, reflections=True)


@pytest.mark.parametrize("kind", ["nearest", "linear"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_it_commutes_with_translations_by_its_total_stride(dims: int, kind: str) -> None:
    torch.manual_seed(0)
    net = SetUNet(CIRCULAR[dims], [2, 3, 4, 3], out_features=1, upsample={"kind": kind})
    net = net.double().eval()
    report = equivariance_error(net, net.in_type, net.out_type, samples=2, batch=1, size=2)
    assert report.max < 1e-12
    x = net.in_type.sample(1, 2, generator=torch.Generator().manual_seed(0)).double()
    shifted = net(x.roll(1, -1))
    assert not torch.allclose(shifted, net(x).roll(1, -1), atol=1e-4)  # the control


@pytest.mark.parametrize("side", [4, 7, 8, 9, 10, 13])
def test_it_commutes_with_quarter_turns_and_reflections_of_every_size(side: int) -> None:
    torch.manual_seed(0)
    types = [2, "2 regular", "1 regular + 1 irrep(1,1)", "2 regular"]
    net = SetUNet(PLANAR, types, kernel_size=3, normalization="element").double()
    in_type, out_type = (kind.with_sizes(side, side) for kind in (net.in_type, net.out_type))
    assert equivariance_error(net, in_type, out_type, samples=2, batch=1, size=2).max < 1e-12


def test_layouts_agree_and_padding_does_not_leak() -> None:
    torch.manual_seed(0)
    net = SetUNet(CIRCULAR[1], [2, 3, 4], depth=2, dropout_rate=0.1).double().eval()
    x = torch.randn(2, 3, 2, 8, dtype=torch.float64)
    padded = net(torch.where(MASK[..., None, None], x, torch.nan), MASK)
    ragged = net(SetBatch.from_list([x[0][MASK[0]], x[1]])).to_list()
    for b in range(2):
        assert torch.allclose(padded[b][MASK[b]], ragged[b], atol=1e-12)
        assert not padded[b][~MASK[b]].any()


def test_it_is_its_parts_by_hand() -> None:
    torch.manual_seed(0)
    net = SetUNet(element_group("translations", stride=4), [2, 3, 4, 5], set_pool="max").eval()
    body, x = net.body, torch.randn(1, 2, 2, 16, 12)
    fine = body.first(x)
    half = body.down[0](fine)
    low = body.bottom(body.down[1](half))
    y = body.join[0](torch.cat([body.up[0](low), half], 2))
    y = body.join[1](torch.cat([body.up[1](y), fine], 2))
    assert torch.equal(net(x), body.last(y))
    assert [str(part.in_type) for part in body.join] == ["8 /2", "6"]
    assert net(x).shape == (1, 2, 16, 12)


def test_grids_with_a_remainder() -> None:
    zeros = SetUNet(element_group("translations", stride=4), [2, 3, 4, 5])
    assert zeros(torch.randn(1, 2, 2, 13, 14)).shape == (1, 2, 2, 13, 14)
    with pytest.raises(ShapeError, match="expected multiples of the block"):
        SetUNet(CIRCULAR[1], [2, 3, 4, 5])(torch.randn(1, 2, 2, 10))


@pytest.mark.parametrize("name", ["trivial", "permutations", "spatial", "cyclic"])
def test_symmetries_without_coarser_elements_say_so(name: str) -> None:
    options = {"size": 4} if name == "cyclic" else {}
    types = ["points: 2x0e"] * 3 if name == "spatial" else [2, 2, 2]
    with pytest.raises(FeatureTypeError, match=r"knows no (pooling|up-sampling) inside an element"):
        SetUNet(element_group(name, **options), types)


@pytest.mark.parametrize(
    ("features", "options", "error", "message"),
    [
        ([3, 4], {}, FeatureTypeError, "at least three feature types"),
        ([3, 4, 4], {"depth": 0}, OptionError, "depth=0"),
        ([3, 4, 4], {"pool": {"size": 4}}, FeatureTypeError, "up-sampling in SetUNet"),
    ],
)
def test_bad_arguments_get_a_clear_error(
    features: list[int], options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SetUNet("translations", features, **options)


def test_parts_that_do_not_fit() -> None:
    with pytest.raises(OptionError, match="got 4 parts"):
        UNet(*[nn.norm("trivial", 2)] * 4)
    part = nn.Elementwise(torch.nn.Identity())
    with pytest.raises(FeatureTypeError, match="declares no in_type"):
        UNet(*[part] * 6)(torch.randn(1, 2, 3))


class Broken(type(PLANAR)):
    """Up-sampling by the nearest pixel, which is not unique: reflections fail."""

    def upsample(self, in_type, **options):
        class Nearest(torch.nn.Module):
            out_type = in_type

            def forward(self, x, size=None):
                side = 2 * x.shape[-1] - 1
                return torch.nn.functional.interpolate(x, size=(side, side), mode="nearest")

        return Nearest()


def test_the_law_of_pooling_sees_a_broken_up_sampling() -> None:
    right, wrong = (kind(4, reflections=True, grid=4) for kind in (type(PLANAR), Broken))
    reports = [check(one, profile="quick", only="EQL08-pool") for one in (right, wrong)]
    assert [report.ok for report in reports] == [True, False]
    assert "upsample" in reports[1].failures[0].describe()


def test_before_a_mean_over_the_set_the_last_layer_has_one_map() -> None:
    """Its differences would cancel, and their map would never learn."""
    torch.manual_seed(0)
    net = SetUNet(CIRCULAR[1], [2, 3, 4], set_pool="mean", activation="silu")
    net(torch.randn(2, 3, 2, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
