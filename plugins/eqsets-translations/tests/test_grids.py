"""Grids that are not square: one axis at a time, transposes, pooling and up-sampling by loops."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from eqsets_translations import Convolution, Translations

GRID = (6, 12)
KERNELS, STRIDES = ((3, 2), (2, 5), (1, 4)), ((1, 2), (3, 1), (2, 3))


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def layer(dims: int, padding_mode: str, **options: object) -> Convolution:
    symmetry = Translations(dims, padding_mode)
    one = symmetry.feature_type(1)
    module = symmetry.linear(one, one, bias=False, **options).double()
    assert isinstance(module, Convolution)
    return module


@pytest.mark.parametrize("padding_mode", ["circular", "zeros"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), list(product(KERNELS, STRIDES)))
def test_axes_are_those_of_two_signals(
    kernel: tuple[int, int], stride: tuple[int, int], transposed: bool, padding_mode: str
) -> None:
    """A product of two kernels on a product of two signals is the product of their outputs."""
    both = layer(2, padding_mode, kernel_size=kernel, stride=stride, transposed=transposed)
    taps, signals, outputs = [], [], []
    for axis in (0, 1):
        options = {"kernel_size": kernel[axis], "stride": stride[axis], "transposed": transposed}
        one = layer(1, padding_mode, **options)
        taps.append(one.weight.detach()[0, 0])
        signals.append(draw(GRID[axis], seed=axis))
        outputs.append(one(signals[-1][None, None])[0, 0])
    nn.init.zeros_(both.weight)
    with torch.no_grad():
        both.weight[0, 0] = torch.outer(*taps)
    y = both(torch.outer(*signals)[None, None])[0, 0]
    torch.testing.assert_close(y, torch.outer(*outputs))


@pytest.mark.parametrize("padding_mode", ["circular", "zeros"])
@pytest.mark.parametrize(("kernel", "stride"), list(product(range(1, 6), range(1, 4))))
def test_kernels_are_centred(kernel: int, stride: int, padding_mode: str) -> None:
    """Plain kernels have their middle at the point, transposed ones in the middle of the block."""
    for transposed in (False, True):
        module = layer(1, padding_mode, kernel_size=kernel, stride=stride, transposed=transposed)
        nn.init.ones_(module.weight)
        inputs = torch.eye(12, dtype=torch.float64)[:, None]
        matrix = module(inputs)[:, 0].detach()  # [input, output]
        if transposed:
            # a kernel that is smaller than its block begins where the block does
            reached, middle = matrix[5], 5 * stride + (min(stride, kernel + 1) - 1) / 2
        else:
            reached, middle = matrix[:, 2], 2.0 * stride
        if middle + kernel / 2 > len(reached):
            continue
        (positions,) = reached.nonzero(as_tuple=True)
        assert len(positions) == kernel
        assert abs(float(positions.double().mean()) - middle) <= 0.5


@pytest.mark.parametrize(("kernel", "stride"), list(product((1, 3, 5, 8), range(1, 4))))
def test_a_transposed_kernel_as_long_as_the_circle(kernel: int, stride: int) -> None:
    """On a grid that is repeated, a circular map gives what it gives on one period, repeated."""
    module = layer(1, "circular", kernel_size=kernel, stride=stride, transposed=True)
    period = draw(1, 1, 8)
    expected = module(period).repeat(1, 1, 3)
    torch.testing.assert_close(module(period.repeat(1, 1, 3)), expected)


@pytest.mark.parametrize("kind", ["max", "mean"])
@pytest.mark.parametrize("size", [(2, 3), (3, 1), (1, 4)])
def test_pooling_is_a_loop_over_blocks(kind: str, size: tuple[int, int]) -> None:
    symmetry = Translations()
    pool = symmetry.pool(symmetry.feature_type(2), kind=kind, size=size)
    x = draw(3, 2, *GRID)
    y = pool(x)
    assert y.shape[2:] == (GRID[0] // size[0], GRID[1] // size[1])
    for row, column in product(*map(range, y.shape[2:])):
        at = [slice(i * s, (i + 1) * s) for i, s in zip((row, column), size, strict=True)]
        block = x[:, :, at[0], at[1]].flatten(2)
        expected = block.amax(-1) if kind == "max" else block.mean(-1)
        torch.testing.assert_close(y[:, :, row, column], expected)


@pytest.mark.parametrize("padding_mode", ["circular", "zeros"])
@pytest.mark.parametrize("kind", ["nearest", "linear"])
@pytest.mark.parametrize("factor", [(2, 3), (1, 2), (4, 1)])
def test_upsampling_is_a_loop_over_points(
    factor: tuple[int, int], kind: str, padding_mode: str
) -> None:
    symmetry = Translations(padding_mode=padding_mode)
    upsample = symmetry.upsample(symmetry.feature_type("1 /12"), factor=factor, kind=kind)
    x = draw(1, 1, 4, 6)
    y = upsample(x)
    assert y.shape[2:] == (4 * factor[0], 6 * factor[1])
    weights = [matrix(size, f, kind, padding_mode) for size, f in zip((4, 6), factor, strict=True)]
    torch.testing.assert_close(y[0, 0], weights[0] @ x[0, 0] @ weights[1].T)


def matrix(size: int, factor: int, kind: str, padding_mode: str) -> Tensor:
    """Return what each new point takes from the old ones; pixels are squares, not their corners."""
    rows = torch.zeros(size * factor, size, dtype=torch.float64)
    for new in range(size * factor):
        if kind == "nearest":
            rows[new, new // factor] = 1
            continue
        position = (new + 0.5) / factor - 0.5
        low = int(position // 1)
        for old, weight in ((low, low + 1 - position), (low + 1, position - low)):
            at = old % size if padding_mode == "circular" else min(max(old, 0), size - 1)
            rows[new, at] += weight
    return rows
