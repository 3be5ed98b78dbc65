"""What products do for users: colour matching, molecules, side information, errors."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch

from eqsets import (
    DSS,
    ElementSymmetry,
    FeatureTypeError,
    GeneratedSymmetry,
    Product,
    SetNetwork,
    Sets,
    element_group,
    equivariance_error,
)

IMAGES = element_group("translations", padding_mode="circular")
COLOURS = element_group("symmetric", size=3) * IMAGES
ATOMS = element_group("permutations") * element_group("spatial")
RING = element_group("cyclic", size=3)
TURNS = GeneratedSymmetry(lie_algebra=[[[0.0, -1.0], [1.0, 0.0]]])
EDGES = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2]])


def test_shuffled_colours_shuffle_the_features() -> None:
    layer = DSS(COLOURS, 1, 4, kernel_size=3).double()
    x = torch.randn(2, 5, 3, 1, 8, 9, dtype=torch.float64)
    order = torch.tensor([2, 0, 1])
    y, moved = layer(x), layer(x[:, :, order].roll(3, -1))
    assert (moved - y[:, :, order].roll(3, -1)).norm() < 1e-12 * y.norm()
    assert not torch.allclose(layer(x[:, :, order]), y)


def test_strides_and_pooling_keep_track_of_the_resolution() -> None:
    half = COLOURS.pool(COLOURS.feature_type(2), size=2)
    assert str(half.out_type) == "1 points x 2 /2"
    assert half(torch.randn(2, 3, 2, 8, 8)).shape == (2, 3, 2, 4, 4)
    layer = DSS(COLOURS, 2, 4, kernel_size=4, stride=2)
    assert layer.out_type == COLOURS.feature_type("4 /2")


@pytest.mark.parametrize("conv", ["graph", "gcn", "sage"])
def test_molecules_with_bonds(conv: str) -> None:
    layer = DSS(ATOMS, "2x0e + 1x1o", "3x0e + 2x1o", first={"conv": conv}).double()
    for structure in (EDGES, (EDGES, None)):
        report = equivariance_error(layer, layer.in_type, layer.out_type, structure=structure)
        assert report.max < 1e-12
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64)
    assert not torch.allclose(layer(x, structure=EDGES), layer(x, structure=EDGES[:, :3]))


def test_molecules_of_any_size_without_bonds() -> None:
    layer = DSS(ATOMS, "2x0e + 1x1o", "3x0e + 2x1o")
    for atoms in (1, 4, 9):
        assert layer(torch.randn(2, 3, atoms, 5)).shape == (2, 3, atoms, 9)


@pytest.mark.parametrize("late", [False, True])
def test_matrices_of_few_points_do_what_modules_do(
    late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = IMAGES * RING if late else ATOMS
    spec, shape = (2, (3, 5, 6, 3, 2)) if late else ("2x0e + 1x1o", (3, 7, 5))
    layer = product.linear(product.feature_type(spec), product.feature_type(spec)).double()
    x = torch.randn(shape, dtype=torch.float64)
    few = layer(x)
    monkeypatch.setattr("eqsets.products.linear._FEW", 0)
    assert torch.allclose(layer(x), few, rtol=0, atol=1e-13)


def test_each_conformer_in_an_orientation_and_order_of_its_own() -> None:
    types = ["2x0e + 1x1o", "4x0e + 2x1o", "4x0e + 2x1o"]
    net = SetNetwork(ATOMS, types, readout=2, alignment="independent", normalization="element")
    net = net.double()
    assert equivariance_error(net, net.in_type, net.out_type).max < 1e-12


def test_a_convolution_may_come_first() -> None:
    late = IMAGES * element_group("symmetric", size=3)
    layer = DSS(late, 1, 4, first={"kernel_size": 3}).double()
    assert layer(torch.randn(1, 2, 8, 9, 3, 1).double()).shape == (1, 2, 8, 9, 3, 4)
    assert equivariance_error(layer, layer.in_type, layer.out_type).max < 1e-12


AXIS = GeneratedSymmetry(lie_algebra=[[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])


def turn(angle: float, size: int) -> torch.Tensor:
    tangent = torch.zeros(size, size, dtype=torch.float64)
    tangent[0, 1], tangent[1, 0] = -angle, angle
    return torch.linalg.matrix_exp(tangent)


@pytest.mark.parametrize("second", ["ring", "turns"])
def test_where_points_mix_features_are_gated_and_fixed_vectors_are_read(second: str) -> None:
    """By hand: laws of these products are among the slow tests."""
    both = AXIS * (RING if second == "ring" else TURNS)
    kind = both.feature_type(2)
    x = kind.sample(3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moves = turn(0.4, 3), torch.eye(3).double().roll(1, 0) if second == "ring" else turn(1.1, 2)

    def move(y: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ij,kl,ejlc->eikc", *moves, y)

    read = both.invariant(kind).double()
    torch.testing.assert_close(read(move(x)), read(x))
    assert read(x).shape == (3, read.features)
    if second == "ring":
        gate = both.nonlinearity(kind, "relu").double()
        torch.testing.assert_close(gate(move(x)), move(gate(x)))


def test_linear_invariants_need_no_lengths() -> None:
    """Shears change lengths: only invariants of the second that are not linear are refused."""
    shears = GeneratedSymmetry(lie_algebra=[[[0.0, 1.0], [0.0, 0.0]]])
    assert (shears * RING).invariant((shears * RING).feature_type(1)).features == 2
    with pytest.raises(FeatureTypeError, match="the first changes lengths"):
        (shears * TURNS).invariant((shears * TURNS).feature_type(1))


def test_products_are_values() -> None:
    again = pickle.loads(pickle.dumps(COLOURS))
    assert again == COLOURS == copy.deepcopy(COLOURS)
    kind = COLOURS.feature_type(2)
    assert again.feature_type(kind) == kind
    assert eval(repr(kind), {"element_group": element_group}) == kind
    assert COLOURS.feature_type((1, kind.second)) == kind == COLOURS.feature_type(kind.second)
    assert kind.with_channels(5) == COLOURS.feature_type(5)


def test_only_symmetries_multiply() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        _ = RING * 3
    with pytest.raises(FeatureTypeError, match="got 'cyclic' as its second factor, expected an"):
        Product(RING, "cyclic")  # type: ignore[arg-type]


BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: COLOURS.feature_type("much"), "got the feature type 'much'"),
    (lambda: COLOURS.feature_type((1, 2, 3)), "of 3 parts, expected"),
    (lambda: COLOURS.feature_type((2, 4)), r"one channel: channels belong to the second"),
    (lambda: COLOURS.feature_type((RING * IMAGES).feature_type(1)), "type of its own or of its"),
    (lambda: DSS(COLOURS, 1, 2, kernel=3), "knows no option 'kernel'"),
    (lambda: DSS(COLOURS, 1, 2, first={"conv": "gcn"}), "got the options"),
    (lambda: DSS(ATOMS, "1x0e", "1x0e")(torch.ones(1, 2, 5, 1), structure=(1, 2, 3)), "3 parts"),
    (lambda: DSS(RING * RING, 1, 1)(torch.ones(1, 1, 3, 3, 1), structure=EDGES), "takes no side"),
    # between vectors that turn and what does not there is no equivariant map
    (
        lambda: (TURNS * RING).linear(*kinds(TURNS * RING, (1, 1), ("1 trivial", 1))),
        "no equivariant",
    ),
    # if points mix, a running mean would have a direction, and pooling would separate components
    (lambda: (TURNS * RING).norm((TURNS * RING).feature_type(1), "batch"), "'batch' is not"),
    (lambda: (TURNS * IMAGES).pool((TURNS * IMAGES).feature_type(1)), "knows no pooling"),
    (lambda: COLOURS.norm(COLOURS.feature_type(1), "layer"), "unknown norm .layer."),
]


def kinds(symmetry: Product, *specs: object) -> list[object]:
    return [symmetry.feature_type(spec) for spec in specs]


@pytest.mark.parametrize(("make", "match"), BAD, ids=[match for _, match in BAD])
def test_what_cannot_be_composed(make: Callable[[], object], match: str) -> None:
    with pytest.raises(FeatureTypeError, match=match):
        make()


@pytest.mark.parametrize("conv", ["gin", "gat"])
def test_a_first_factor_without_a_finite_basis(conv: str) -> None:
    with pytest.raises(FeatureTypeError, match="not linear in its weights, so it has no finite"):
        DSS(ATOMS, "1x0e", "1x0e", first={"conv": conv})(torch.randn(1, 2, 5, 1), structure=EDGES)


def test_molecules_of_different_sizes_in_one_batch_are_refused() -> None:
    from torch_geometric.data import Batch, Data

    from eqsets_permutations.subgraphs.bags import OnBags, bag

    graphs = [Data(x=torch.ones(n, 1), edge_index=EDGES[:, :2]) for n in (5, 5)]
    layer = OnBags(DSS(ATOMS, "1x0e", "1x0e", first={"conv": "graph"}))
    with pytest.raises(FeatureTypeError, match="elements of one size in a batch"):
        layer(Batch.from_data_list([bag(graphs)]))


@pytest.mark.parametrize("compose", [lambda graphs: graphs * RING, Sets])
def test_side_information_is_prepared_once(
    compose: Callable[[ElementSymmetry], ElementSymmetry],
) -> None:
    """A network prepares it; what its layers get comes back as it is."""
    symmetry = compose(element_group("permutations"))
    prepared = symmetry.structure(torch.tensor([[0, 1], [1, 2]]))
    assert not isinstance(prepared, torch.Tensor)
    assert symmetry.structure(prepared) is prepared
