"""The convolution against slow and obvious versions: loops, dense matrices, the solver."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from eqsets import DSS, GeneratedSymmetry
from eqsets_translations import Convolution, Translations


def by_loops(layer: Convolution, x: Tensor) -> Tensor:
    """Return the sum over kernel points, one at a time, on a circular or zero-padded grid."""
    (source, target), grid = layer.weight.shape[1::-1], x.shape[2:]
    circular = layer.in_type.padding_mode == "circular"
    sizes = [-(-size // step) for size, step in zip(grid, layer.stride, strict=True)]
    y = torch.zeros(len(x), target, *sizes, dtype=x.dtype)
    reach = [d * (k - 1) // 2 for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    for p in product(*map(range, sizes)):
        for q in product(*map(range, layer.kernel_size)):
            at = [
                s * a + d * b - left
                for s, a, d, b, left in zip(layer.stride, p, layer.dilation, q, reach, strict=True)
            ]
            if circular:
                at = [position % size for position, size in zip(at, grid, strict=True)]
            elif any(not 0 <= position < size for position, size in zip(at, grid, strict=True)):
                continue
            for c, o in product(range(source), range(target)):
                y[:, o, *p] += layer.weight[o, c, *q] * x[:, c, *at]
    if layer.bias is not None:
        y += layer.bias.reshape(-1, *[1] * len(grid))
    return y


OPTIONS = [
    {"kernel_size": 3},
    {"kernel_size": 4},
    {"kernel_size": (2, 3)},
    {"kernel_size": 3, "dilation": 2},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 2, "stride": (1, 3)},
]


@pytest.mark.parametrize("padding_mode", ["circular", "zeros"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_loops(options: dict, padding_mode: str) -> None:
    symmetry = Translations(2, padding_mode)
    layer = symmetry.linear(symmetry.feature_type(2), symmetry.feature_type(3), **options).double()
    x = torch.randn(2, 2, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), by_loops(layer, x))


@pytest.mark.parametrize("padding_mode", ["circular", "zeros"])
@pytest.mark.parametrize(
    "options",
    [{"kernel_size": k, "stride": s} for k, s in product((1, 2, 3, 4, 5), (1, 2, 3))],
    ids=str,
)
def test_transposed_puts_the_kernel_at_every_point(options: dict, padding_mode: str) -> None:
    symmetry = Translations(1, padding_mode)
    one = symmetry.feature_type(1)
    layer = symmetry.linear(one, one, transposed=True, bias=False, **options).double()
    kernel, stride = layer.weight.detach()[0, 0], options["stride"]
    results = []
    with torch.no_grad():
        for position in (2, 3):
            dirac = torch.zeros(1, 1, 6, dtype=torch.float64)
            dirac[..., position] = 1
            y = layer(dirac)[0, 0]
            start = int(y.nonzero()[0])
            expected = torch.zeros(6 * stride, dtype=torch.float64)
            expected[start : start + len(kernel)] = kernel
            torch.testing.assert_close(y, expected)
            results.append(start)
    assert results[1] - results[0] == stride


def test_circular_layer_is_a_circulant_matrix() -> None:
    symmetry = Translations(1, "circular")
    one = symmetry.feature_type(1)
    layer = symmetry.linear(one, one, kernel_size=5, bias=False).double()
    with torch.no_grad():
        matrix = layer(torch.eye(5, dtype=torch.float64)[:, None])[:, 0].T
        taps = layer.weight[0, 0]
    for row, column in product(range(5), range(5)):
        assert matrix[row, column] == taps[(column - row + 2) % 5]


@pytest.mark.parametrize("grid", [(5,), (3, 2), (2, 3, 2)], ids=str)
def test_full_kernel_reaches_what_the_solver_finds(grid: tuple[int, ...]) -> None:
    symmetry = Translations(len(grid), "circular", grid=grid)
    one = symmetry.feature_type(1)
    positions = torch.arange(torch.Size(grid).numel()).reshape(grid)
    rolls = [positions.roll(1, axis).flatten().argsort() for axis in range(len(grid))]
    generated = GeneratedSymmetry(permutations=rolls, points=grid, channels_first=True)
    points = generated.feature_type(1)
    solved = generated.linear(points, points, bias=False).double()
    layer = symmetry.linear(one, one, kernel_size=grid, bias=False).double()
    diracs = torch.eye(positions.numel(), dtype=torch.float64).reshape(-1, 1, *grid)
    maps = []
    for module, weight in ((layer, layer.weight), (solved, solved.weight)):
        results = []
        for position in range(weight.numel()):
            with torch.no_grad():
                weight.zero_().view(-1)[position] = 1
                results.append(module(diracs).flatten())
        maps.append(torch.stack(results))
    rank = [torch.linalg.matrix_rank(part) for part in (*maps, torch.cat(maps))]
    assert rank == [positions.numel()] * 3


def test_published_image_block() -> None:
    """The paper's block as its text writes it, with valid convolutions, against DSS."""
    layer = DSS("translations", 3, 32, aggregation="sum", kernel_size=3, padding=0).double()
    x = torch.randn(2, 5, 3, 10, 9, dtype=torch.float64)
    own, shared = layer.siamese, layer.aggregate
    expected = torch.zeros(2, 5, 32, 8, 7, dtype=torch.float64)
    for b, i in product(range(2), range(5)):
        total = sum(x[b, j] for j in range(5))
        expected[b, i] = torch.conv2d(x[b, i], own.weight, own.bias) + torch.conv2d(
            total, shared.weight
        )
    torch.testing.assert_close(layer(x), expected)


def test_published_parameter_count() -> None:
    """1,734,594 weights of the reference's image selection: two biases and two norms a layer.

    Here a layer has one bias and one norm, which is all that its sum needs.
    """
    from eqsets import SetNetwork, deep_sets

    blocks = ((3, 32, 32, 64), (64, 64, 64, 128), (128, 128, 128, 256))
    count, published = 0, 0
    for widths in blocks:
        block = SetNetwork(
            "translations", widths, normalization="batch", activation="elu", kernel_size=3
        )
        # the last layer of a SetNetwork has no norm: its two numbers a channel are added here
        count += sum(p.numel() for p in block.parameters()) + 2 * widths[-1]
        published += 3 * sum(widths[1:])  # the second bias, and the second norm
    head = deep_sets([256, 256, 128, 1])
    count += sum(p.numel() for p in head.parameters())
    published += 256 + 128 + 1
    assert count + published == 1_734_594


@pytest.mark.parametrize("padding_mode", ["circular", "zeros"])
@pytest.mark.parametrize(("kernel_size", "stride"), [(1, 3), (1, 5), (2, 4), (3, 5), (1, 4)])
def test_transposed_kernels_smaller_than_the_stride_are_in_the_middle(
    kernel_size: int, stride: int, padding_mode: str
) -> None:
    symmetry = Translations(1, padding_mode)
    one = symmetry.feature_type(1)
    options = {"kernel_size": kernel_size, "stride": stride}
    layer = symmetry.linear(one, one, transposed=True, **options).double()
    dirac = torch.zeros(1, 1, 4, dtype=torch.float64)
    dirac[..., 2] = 1
    with torch.no_grad():
        y = layer(dirac)[0, 0] - layer.bias
        old = layer.state_dict()
    rest = stride - kernel_size
    start = 2 * stride + rest // 2
    expected = torch.zeros(4 * stride, dtype=torch.float64)
    expected[start : start + kernel_size] = layer.weight.detach()[0, 0]
    torch.testing.assert_close(y, expected)
    old._metadata[""]["version"] = 1
    if rest // 2:
        with pytest.warns(UserWarning, match="moved by"):
            layer.load_state_dict(old)
    else:
        layer.load_state_dict(old)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_invariants_are_means_over_all_points(dims: int) -> None:
    symmetry = Translations(dims, "circular")
    x = torch.randn(2, 3, *(2, 3, 4)[:dims], generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        symmetry.invariant(symmetry.feature_type(3))(x), x.flatten(2).mean(2)
    )
