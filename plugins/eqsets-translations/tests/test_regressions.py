"""What users of the reference implementation ran into, one test for each defect.

The numbers are those of the list of defects in the notes on the paper's code.
"""

from __future__ import annotations

import pytest
import torch

from eqsets import DSS, SetNetwork, ShapeError, equivariance_error
from eqsets.nn import Elementwise, SetSequential
from eqsets_translations import Translations

SIGNALS = Translations(1, "circular")


def test_1_circular_padding_keeps_the_size() -> None:
    # torch changed what padding_mode="circular" adds; kernels as long as the signal, as published
    for size in (100, 50):
        layer = DSS(SIGNALS, 1, 4, kernel_size=size, stride=2)
        assert layer(torch.ones(2, 3, 1, size)).shape == (2, 3, 4, size // 2)
    # 25 points are no multiple of 2: there the published network loses its symmetry
    with pytest.raises(ShapeError, match="a multiple of 2"):
        DSS(SIGNALS, 1, 4, kernel_size=25, stride=2)(torch.ones(2, 3, 1, 25))


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1)])
def test_3_4_single_sets_and_single_elements(shape: tuple[int, int]) -> None:
    net = SetNetwork("translations", [3, 4, 2], normalization="batch", kernel_size=3)
    assert net(torch.randn(*shape, 3, 8, 8)).shape == (*shape, 2, 8, 8)


def test_5_any_set_size() -> None:
    layer = DSS(SIGNALS, 1, 4, kernel_size=3)
    assert [layer(torch.ones(1, n, 1, 10)).shape[1] for n in (1, 10, 25)] == [1, 10, 25]


@pytest.mark.parametrize("side", [56, 63, 83, 96])
def test_6_any_image_size(side: int) -> None:
    net = SetNetwork("translations", [3, 4, 4], readout=1, kernel_size=3)
    assert net(torch.ones(1, 2, 3, side, side)).shape == (1, 1)


def test_7_no_padding_and_not_contiguous() -> None:
    layer = DSS("translations", 3, 4, kernel_size=3, padding=0)
    x = torch.randn(2, 3, 9, 8, 5).permute(0, 1, 4, 3, 2)[:, :, :3]
    assert layer(x).shape == (2, 3, 4, 6, 7)
    torch.testing.assert_close(layer(x), layer(x.contiguous()))


def test_10_pooling_sees_every_point() -> None:
    images = Translations()
    pool = images.pool(images.feature_type(1), size=8)
    x = torch.zeros(1, 1, 8, 8)
    x[..., 4, 4] = 1
    assert pool(x).flatten().tolist() == [1]


def test_11_strides_keep_the_symmetry_that_they_claim() -> None:
    signals = Translations(1, "circular", stride=8, grid=96)
    layers = [
        DSS(signals, "1", "4 /2", kernel_size=5),
        DSS(signals, "4 /2", "4 /4", kernel_size=4),
        DSS(signals, "4 /4", "2 /8", kernel_size=3),
    ]
    net = SetSequential(*layers).double()
    assert str(net.out_type) == "2 /8"
    assert equivariance_error(net, net.in_type, net.out_type).max < 1e-12


def test_19_the_context_is_not_repeated_in_memory() -> None:
    # no copy of the context for every element: what the layer returns is all that is as large
    layer, x = DSS("translations", 4, 4, kernel_size=1), torch.randn(2, 50, 4, 8, 8)
    with torch.no_grad(), torch.profiler.profile(profile_memory=True) as record:
        layer(x)
    allocated = [event.nbytes() for event in record.profiler.kineto_results.events()]
    large = [size for size in allocated if size >= x.numel() * x.element_size()]
    assert len(large) <= 3  # channels last, the own branch, the sum


def test_elementwise_torch_modules() -> None:
    # the escape hatch: any torch module on (E, *element)
    wrapped = Elementwise(torch.nn.Conv2d(3, 8, 3))
    assert wrapped(torch.ones(2, 5, 3, 16, 16)).shape == (2, 5, 8, 14, 14)


def test_a_transposed_kernel_as_large_as_a_circular_grid_wraps_once() -> None:
    """More points from the other side than are needed would exceed the smallest grid."""
    layer = DSS(Translations(1, "circular"), "1 /4", 1, kernel_size=9)
    assert layer(torch.ones(1, 2, 1, 9)).shape == (1, 2, 1, 36)
