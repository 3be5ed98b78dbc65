"""Edges of one's own, periodic cells, products of features and batch norm, against oracles."""

from __future__ import annotations

import itertools

import pytest
import torch
from e3nn import o3
from e3nn.nn import BatchNorm
from torch import nn

import eqsets
from eqsets import DSS, FeatureTypeError, OptionError, PartBatch, ShapeError, element_group
from eqsets_spatial import Cloud
from eqsets_spatial.layers.products import IrrepsProduct
from eqsets_spatial.neighbors import find_neighbours

SPACE = element_group("spatial")
TYPE = SPACE.feature_type("points: 2x0e + 1x1o")
CELL = torch.tensor([[4.0, 0.3, 0.0], [0.0, 4.5, 0.5], [0.2, 0.0, 5.0]]).double()
RING = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])


def layer(**options: object) -> DSS:
    torch.manual_seed(0)
    return DSS(SPACE, TYPE, TYPE, aggregation="none", **options).double()


def drawn(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(*shape, 5).double(), torch.randn(*shape, 3).double()


def test_given_edges_are_those_of_the_search() -> None:
    x, positions = drawn(1, 2, 6)
    network = layer(radius=2.0)
    near = find_neighbours(positions[:1, 0], 2.0, None)
    edges = torch.stack([near.sender, near.receiver])
    given = network(x[:, :1], structure=Cloud(positions[:, :1], edges))
    assert torch.allclose(given, network(x[:, :1], structure=positions[:, :1]))


@pytest.mark.parametrize("neighbors", [None, 3])
def test_a_periodic_cell_is_the_middle_of_many(neighbors: int | None) -> None:
    x, positions = drawn(1, 1, 4)
    network = layer(radius=1.9, neighbors=neighbors)
    periodic = network(x, structure=Cloud(5 * positions, cell=CELL))
    steps = torch.tensor(list(itertools.product((-1, 0, 1), repeat=3))).double()
    inside = 5 * positions[0, 0] @ torch.linalg.inv(CELL)
    inside = (inside - inside.floor()) @ CELL
    images = (inside[None] + (steps @ CELL)[:, None]).reshape(1, 1, -1, 3)
    many = network(x.repeat(1, 1, 27, 1), structure=images)
    middle = many.unflatten(2, (27, 4))[:, :, 13]
    assert torch.allclose(periodic, middle)


def test_shifts_are_those_of_the_nearest_image() -> None:
    x, positions = drawn(1, 2, 4)
    network = layer(edges=True)
    nearest = network(x, structure=Cloud(4 * positions, RING, cell=CELL))
    plain = positions[0, :, RING[0]] - positions[0, :, RING[1]]
    shifts = -(4 * plain @ torch.linalg.inv(CELL)).round()
    for k in range(2):
        cloud = Cloud(4 * positions[:, k : k + 1], RING, cell=CELL, shifts=shifts[k].long())
        assert torch.allclose(network(x[:, k : k + 1], structure=cloud)[:, 0], nearest[:, k])


@pytest.mark.parametrize("aggregation", ["none", "centered"])
def test_one_cloud_in_several_cells(aggregation: str) -> None:
    torch.manual_seed(0)
    network = DSS(SPACE, TYPE, TYPE, aggregation=aggregation, radius=1.9).double()
    x, positions = drawn(1, 1, 4)
    one, cells = 5 * positions[0, 0], torch.stack([CELL, 1.5 * CELL])
    both = network(x.expand(2, 2, -1, -1), structure=Cloud(one, cell=cells))
    for k in range(2):
        alone = network(x.expand(1, 2, -1, -1), structure=Cloud(one, cell=cells[k]))
        assert torch.allclose(both[k], alone[0])
    assert not torch.allclose(both[0], both[1])


def test_unequal_clouds_with_edges_and_cells() -> None:
    network = DSS(SPACE, TYPE, TYPE, edges=True, edge_features=2, degree=1).double()
    sizes = ((4, 4), (5, 5, 5))
    x, positions, index, start = [], [], [], 0
    for one in sizes:
        x.append([torch.randn(n, 5).double() for n in one])
        positions.append([torch.randn(n, 3).double() for n in one])
        for n in one:
            index.append(RING + start)
            start += n
    attr = torch.randn(4, 2).double()
    batch, points = PartBatch.from_list(x), PartBatch.from_list(positions)
    cells = torch.stack([CELL, 2 * CELL])
    cloud = Cloud(points, torch.cat(index, 1), attr.repeat(5, 1), cell=cells)
    y = network(batch, structure=cloud).to_list()
    padded, mask = batch.to_padded()
    wide = Cloud(points.to_padded()[0], RING, attr, cell=cells)
    z = network(padded, mask, structure=wide)
    for k, one in enumerate(sizes):
        dense = Cloud(torch.stack(positions[k])[None], RING, attr, cell=cells[k])
        expected = network(torch.stack(x[k])[None], structure=dense)[0]
        assert torch.allclose(torch.stack(y[k]), expected)
        assert torch.allclose(z[k, : len(one), : one[0]], expected)


def test_norms_of_other_names_are_refused() -> None:
    with pytest.raises(FeatureTypeError, match="batches"):
        SPACE.norm(SPACE.feature_type("3x0e + 2x1o"), "batches")


@pytest.mark.parametrize("spec", ["3x0e + 2x1o", "points: 2x1o + 1x0o + 2x2e"])
def test_batch_norm_is_that_of_e3nn(spec: str) -> None:
    kind = SPACE.feature_type(spec)
    ours, theirs = SPACE.norm(kind, "batch").double(), BatchNorm(kind.irreps).double()
    x = 3 * kind.sample(7, dtype=torch.float64) + 1
    for _ in range(2):
        assert torch.allclose(ours(x), theirs(x))
    present = torch.arange(9) < 7
    wide = torch.cat([x, torch.full_like(x[:2], 100.0)])
    assert torch.allclose(ours(wide, present)[:7], theirs(x))
    assert torch.allclose(ours.running_var, theirs.running_var)
    assert torch.allclose(ours.running_mean, theirs.running_mean)
    assert torch.allclose(ours.eval()(x), theirs.eval()(x))


def test_products_are_those_of_e3nn() -> None:
    kind, out = SPACE.feature_type("1x1o + 1x2e"), SPACE.feature_type("2x0e+1x1e+1x1o+2x2e+1x3o")
    product = IrrepsProduct(kind, out, channels=1).double()
    for part in (product.first, product.second):
        nn.init.ones_(part.weight)
    full = o3.FullTensorProduct(kind.irreps, kind.irreps).double()
    x = kind.sample(3, dtype=torch.float64)
    theirs = full(x, x)
    known = [theirs[:, s] for s in full.irreps_out.slices()]
    vectors = product._split(product.first(x))
    for number, (a, b, irrep) in enumerate(product._paths):
        table = product.couplings.get(f"path{number}", x)
        ours = torch.einsum("eua,abc,eub->ec", vectors[a], table, vectors[b])
        size = 2 * irrep[0] + 1
        assert any(
            p.shape == ours.shape and torch.allclose(p, ours, atol=1e-9) and p.abs().max() > 0
            for p in known
        ) or torch.allclose(ours, torch.zeros(3, size).double(), atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"edge_index": RING.float()}, r"\(2, 4\) of torch.float32, expected \(2, M\)"),
        ({"edge_index": RING.T}, r"\(4, 2\) of torch.int64"),
        ({"edge_index": [[0], [1]]}, "of type list"),
        ({"edge_attr": torch.ones(4, 2)}, "for None edges"),
        ({"edge_index": RING, "edge_attr": torch.ones(3, 2)}, "one row for each column"),
        ({"edge_index": RING, "edge_attr": torch.ones(4, 2).long()}, "floating point"),
        ({"edge_index": RING, "edge_attr": torch.full((4, 2), torch.nan)}, "NaN or infinity"),
        ({"edge_index": RING, "shifts": torch.ones(4, 3)}, "shifts and no cell"),
        ({"edge_index": RING, "shifts": torch.ones(4, 2), "cell": CELL}, r"expected \(4, 3\)"),
        ({"cell": torch.ones(3)}, r"lattice vectors as rows"),
        ({"cell": torch.ones(3, 3)}, "without volume"),
        ({"cell": torch.full((3, 3), torch.inf)}, "NaN or infinity"),
    ],
)
def test_bad_clouds_are_refused(arguments, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Cloud(torch.randn(4, 3), **arguments)


@pytest.mark.parametrize(
    ("options", "cloud", "message"),
    [
        ({"edges": True}, {}, "edges=True got none"),
        ({"edges": True}, {"edge_index": RING + 1}, "goes from 1 to 4, expected 0 to 3"),
        ({"edges": True, "edge_features": 2}, {"edge_index": RING}, "got 0 features of edges"),
        (
            {"edges": True},
            {"edge_index": RING, "edge_attr": torch.ones(4, 3)},
            "edge_features=0 got 3",
        ),
        ({"neighbors": 2}, {"edge_index": RING}, "neighbors=2, which searches"),
        ({"neighbors": 2}, {"cell": CELL}, "without a radius"),
        ({"radius": 3.0}, {"cell": CELL}, "smallest height is 3.9.*, expected a radius of at most"),
        ({"radius": 1.0}, {"cell": CELL.expand(3, 3, 3)}, "for 2 clouds in 1 sets"),
        (
            {"edges": True, "radial": lambda inputs, outputs: nn.Linear(inputs, 1)},
            {"edge_index": RING},
            "radial network .* returned",
        ),
    ],
)
def test_bad_structures_are_refused(options, cloud, message: str) -> None:
    x, positions = drawn(1, 2, 4)
    with pytest.raises(ShapeError, match=message):
        layer(**options)(x, structure=Cloud(positions, **cloud))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"edges": 1}, "expected radius=, neighbors= or edges=True"),
        ({"radius": 1.0, "edges": 1}, "edges=1, expected True or False"),
        ({"edges": True, "neighbors": 3}, "edges=True and neighbors=3"),
        ({"edges": True, "edge_features": -1}, "edge_features=-1, expected a whole number from 0"),
        ({"edges": True, "radial": 3}, "radial=3, expected a callable"),
        ({"edges": True, "radial": lambda inputs, outputs: None}, "returned NoneType"),
        ({"edge_features": 2}, "among them"),
    ],
)
def test_bad_options_are_refused(options, message: str) -> None:
    with pytest.raises(FeatureTypeError, match=message):
        layer(**options)


def test_edges_between_clouds_are_refused() -> None:
    x = PartBatch.from_list([[torch.randn(2, 5).double()] * 2])
    positions = PartBatch.from_list([[torch.randn(2, 3).double()] * 2])
    with pytest.raises(ShapeError, match="from one cloud to another"):
        layer(edges=True)(x, structure=Cloud(positions, torch.tensor([[0], [3]])))


def test_bad_products_are_refused() -> None:
    with pytest.raises(FeatureTypeError, match="no product of two features"):
        eqsets.nn.bilinear(SPACE, "2x1o", "1x3o")
    with pytest.raises(FeatureTypeError, match="both on points or neither"):
        eqsets.nn.bilinear(SPACE, "points: 2x1o", "1x0e")
    with pytest.raises(OptionError, match="channels=0"):
        IrrepsProduct(TYPE, TYPE, 0)
