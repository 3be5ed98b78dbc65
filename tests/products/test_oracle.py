"""The fast layer of a product against theory, the generic solver, DSS, and a plain loop."""

from __future__ import annotations

import pytest
import torch

from eqsets import DSS, ElementSymmetry, GeneratedSymmetry, Product, element_group
from eqsets.products.mixing import Mixing, mixings_of

RING = element_group("cyclic", size=3)
TURNS = GeneratedSymmetry(lie_algebra=[[[0.0, -1.0], [1.0, 0.0]]])
PAIRS = [
    (element_group("symmetric", size=3), RING),
    (RING, element_group("symmetric", size=3)),
    (element_group("dihedral", size=4), RING),
    (TURNS, RING),
    (TURNS, TURNS),
    (RING, TURNS),
    (element_group("symmetric", size=2) * RING, element_group("trivial")),
]


def weights(layer: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in layer.parameters())


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=str)
def test_as_many_weights_as_there_are_maps(first: ElementSymmetry, second: ElementSymmetry) -> None:
    product = first * second
    kind = product.feature_type(1)
    layer = product.linear(kind, kind, bias=False)
    each = [one.basis(t, t).dimension for one, t in ((first, kind.first), (second, kind.second))]
    # the solver knows nothing of factors: it sees the generators of the product act on a tensor
    assert weights(layer) == product.basis(kind, kind).dimension == each[0] * each[1]


@pytest.mark.parametrize(
    "spec", [("1 pairs", 1), ("1 trivial", 1), ("1 pairs", "1 pairs")], ids=str
)
def test_other_types_of_the_first_factor(spec: tuple[str, object]) -> None:
    product = element_group("symmetric", size=2) * element_group("cyclic", size=2)
    source, target = product.feature_type(spec), product.feature_type(1)
    for a, b in ((source, target), (target, source), (source, source)):
        assert weights(product.linear(a, b, bias=False)) == product.basis(a, b).dimension


def test_the_layer_is_in_the_span_of_the_solved_basis() -> None:
    product = element_group("dihedral", size=4) * TURNS
    kind = product.feature_type(1)
    layer = product.linear(kind, kind, bias=False).double()
    eye = torch.eye(8, dtype=torch.float64)
    matrix = layer(eye.reshape(8, 4, 2, 1)).reshape(8, 8).mT.flatten().detach()
    basis = product.basis(kind, kind).dense().flatten(1)
    coefficients = torch.linalg.lstsq(basis.mT, matrix[:, None]).solution
    assert (basis.mT @ coefficients - matrix[:, None]).norm() < 1e-12 * matrix.norm()


def test_permuted_points_are_a_set() -> None:
    """Product with all permutations of 4 points: the DSS layer, weight by weight."""
    product = element_group("symmetric", size=4) * RING
    layer = product.linear(product.feature_type(2), product.feature_type(5)).double()
    dss = DSS(RING, 2, 5, aggregation="sum").double()
    own, shared = layer.layers
    with torch.no_grad():
        dss.siamese.weight.copy_(own.weight)
        dss.aggregate.weight.copy_(shared.weight / 2)  # the sum over 4 points, of unit size
        dss.siamese.bias.copy_(
            layer.bias(torch.ones(1, 1).double(), like=torch.zeros(1, 4, 3, 5))[0, 0, :1]
        )
    x = torch.randn(6, 4, 3, 2, dtype=torch.float64)
    assert torch.allclose(layer(x), dss(x), rtol=0, atol=1e-13)


def test_a_plain_loop_over_the_basis() -> None:
    """Sum of B_k (x) L_k, one point and one map at a time, with blocks of channels (groups=2)."""
    images = element_group("translations", padding_mode="circular", dims=1)
    product = element_group("dihedral", size=4) * images
    kind = product.feature_type(4)
    layer = product.linear(kind, kind, bias=False, kernel_size=3, groups=2).double()
    conv = torch.nn.functional.conv1d
    x = torch.randn(2, 4, 4, 7, dtype=torch.float64)
    expected = torch.zeros(2, 4, 4, 7, dtype=torch.float64)
    calls = mixings_of(product.maps(kind.first, kind.first), together=True)
    for mixing, one in zip(calls, layer.layers, strict=True):
        rows = mixing.constants.exact("matrix").reshape(mixing.distinct, mixing.count, 4)
        for point, row in enumerate(mixing.sources):
            for number in range(mixing.count):
                moved = torch.einsum("i,eicl->ecl", rows[row, number], x)
                padded = torch.nn.functional.pad(moved, (1, 1), mode="circular")
                expected[:, point] += conv(padded, one.weight[:, number :: mixing.count], groups=2)
    assert torch.allclose(layer(x), expected, rtol=0, atol=1e-13)


def test_equal_rows_are_computed_once_and_rows_of_zeros_not_at_all() -> None:
    rows = torch.tensor([[[1.0, 2.0, 0.0], [0.0, 1.0, 5.0]]]).double()  # one map, two rows
    x = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0)).double()
    got = Mixing(rows, (0, 0, -1, 1))(x, lambda mixed: mixed.sum(2))
    first, second = torch.einsum("oi,eic->oec", rows[0], x)
    expected = torch.stack([first, first, torch.zeros_like(first), second], 1)
    assert torch.allclose(got, expected, rtol=0, atol=1e-13)


def test_all_permutations_cost_one_call_more_for_all_points_together() -> None:
    product = element_group("symmetric", size=5) * RING
    kind = product.feature_type(1)
    calls = product.linear(kind, kind).mixings
    assert [(call.count, call.distinct) for call in calls] == [(1, 5), (1, 1)]
    many = element_group("cyclic", size=5) * RING
    calls = many.linear(many.feature_type(1), many.feature_type(1)).mixings
    assert sum(call.count for call in calls) == 5
    assert len(calls) == 2  # four shifts side by side as channels, and the sum


def test_the_actions_commute() -> None:
    product = element_group("symmetric", size=3) * (TURNS * RING)
    kind = product.feature_type(2)
    group, generator = kind.group, torch.Generator().manual_seed(0)
    one, two = (factor.sample(7, generator=generator) for factor in group.factors)
    static = [factor.identity(7) for factor in group.factors]
    first, second = group.pack(one, static[1]), group.pack(static[0], two)
    x = kind.sample(7, generator=generator, dtype=torch.float64)
    both = kind.transform(group.pack(one, two), x)
    a = kind.transform(first, kind.transform(second, x))
    b = kind.transform(second, kind.transform(first, x))
    assert torch.allclose(a, b, rtol=0, atol=1e-14)
    assert torch.allclose(a, both, rtol=0, atol=1e-14)
    assert not torch.allclose(both, x)


def test_factors_can_be_exchanged() -> None:
    """Where there is a dense matrix for both orders, they are the same maps on other axes."""
    one, two = Product(RING, TURNS), Product(TURNS, RING)
    assert one.basis(one.feature_type(1), one.feature_type(1)).dimension == 6
    assert two.basis(two.feature_type(1), two.feature_type(1)).dimension == 6
    assert one != two
    assert one == Product(RING, TURNS)
    assert hash(one) == hash(Product(RING, TURNS))
