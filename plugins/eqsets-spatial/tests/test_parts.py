"""Clouds of unequal numbers of points: norms, pools, neighbours and contexts see their own points.

The contract compares whole layers; here is each module, against one cloud at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import eqsets
from eqsets import DSS, PartBatch, SetNetwork, ShapeError, element_group, nn
from eqsets.layout import Parts
from eqsets_spatial.neighbors import find_neighbours

SPACE = element_group("spatial")
TYPE = SPACE.feature_type("points: 2x0e + 1x1o")
SIZES = ((3, 5), (4, 1, 6))


@pytest.fixture
def clouds(double: None) -> tuple[PartBatch, PartBatch]:
    torch.manual_seed(0)
    return tuple(  # type: ignore[return-value]
        PartBatch.from_list([[torch.randn(n, d) for n in one] for one in SIZES]) for d in (5, 3)
    )


@pytest.fixture
def double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


MODULES: dict[str, Callable[[], torch.nn.Module]] = {
    "norm": lambda: nn.norm(SPACE, TYPE),
    "gate": lambda: nn.nonlinearity(SPACE, TYPE),
    "mean pool": lambda: nn.pool(SPACE, TYPE),
    "sum pool": lambda: nn.pool(SPACE, TYPE, reduce="sum"),
    "invariant": lambda: nn.invariant(SPACE, TYPE),
    "linear": lambda: nn.Elementwise(SPACE.linear(TYPE, TYPE), TYPE, TYPE),
    "read-out of elements": lambda: nn.Readout(SPACE, TYPE, 3, "none", element="mean+max"),
    "dropout": lambda: nn.dropout(SPACE, TYPE, 0.5).eval(),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_see_their_own_points(name: str, clouds: tuple[PartBatch, PartBatch]) -> None:
    module, (x, _) = MODULES[name](), clouds
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    flat = [element for one in x.to_list() for element in one]
    alone = [module(element[None, None])[0, 0] for element in flat]
    y = module(x)
    if isinstance(y, PartBatch):
        assert torch.allclose(y.values, torch.cat(alone))
    else:
        assert torch.allclose(y.values, torch.stack(alone))
    dense, mask = x.to_padded()
    padded = module(torch.where(mask[..., None], dense, torch.nan), mask)
    there = mask if isinstance(y, PartBatch) else mask.any(-1)
    assert torch.allclose(padded[there], y.values)
    assert not padded[~there].any()


@pytest.mark.parametrize(("radius", "neighbors"), [(1.5, None), (None, 2), (2.0, 3), (None, None)])
def test_neighbours_are_those_of_each_cloud(radius, neighbors, clouds) -> None:
    positions = clouds[1]
    near = find_neighbours(positions.values, radius, neighbors, Parts.of(positions.inner).parts)
    start, edges, actual = 0, [], {}
    for cloud in (element for one in positions.to_list() for element in one):
        own = find_neighbours(cloud[None], radius, neighbors)
        for a, b, w, d in zip(
            own.sender.tolist(), own.receiver.tolist(), own.envelope, own.distance, strict=True
        ):
            if w > 0:
                edges.append((a + start, b + start, float(w), float(d)))
        start += len(cloud)
    for a, b, w, d in zip(
        near.sender.tolist(), near.receiver.tolist(), near.envelope, near.distance, strict=True
    ):
        if w > 0:
            actual[a, b] = (float(w), float(d))
    assert sorted(actual) == sorted((a, b) for a, b, _, _ in edges)
    assert all(actual[a, b] == pytest.approx((w, d)) for a, b, w, d in edges)


def test_dropout_drops_copies_of_a_whole_cloud(clouds) -> None:
    torch.manual_seed(0)
    x = clouds[0].map(torch.ones_like)
    y = nn.dropout(SPACE, TYPE, 0.5)(x)
    for cloud in (element for one in y.to_list() for element in one):
        assert torch.equal(cloud, cloud[:1].expand_as(cloud))
    assert 0 < float((y.values == 0).double().mean()) < 1


def test_a_pool_over_the_set_gives_one_cloud() -> None:
    x = PartBatch.from_list([[torch.full((3, 5), float(k)) for k in (1, 3)], [torch.ones(4, 5)]])
    for pool in (nn.SetPool(SPACE, TYPE), nn.SetPool(SPACE, TYPE, "attention")):
        y = pool(x)
        assert [[len(cloud) for cloud in one] for one in y.to_list()] == [[3], [4]]
        dense, mask = x.to_padded()
        assert torch.allclose(pool(dense, mask)[mask.any(1)], y.values)
    assert torch.equal(nn.SetPool(SPACE, TYPE)(x)[0][0], torch.full((3, 5), 2.0))


def test_gradients_reach_positions(clouds) -> None:
    x, positions = clouds
    positions.requires_grad_()
    network = SetNetwork(
        element_group("spatial", correspondence=False),
        [TYPE, TYPE],
        alignment="independent",
        radius=3.0,
        readout=1,
    )
    (force,) = torch.autograd.grad(network(x, structure=positions).sum(), positions.values)
    assert bool(force.isfinite().all())
    assert float(force.abs().sum()) > 0


def _layer(**options: object) -> DSS:
    return DSS(SPACE, TYPE, TYPE, radius=2.0, **options).double()


@pytest.mark.parametrize("aggregation", ["centered", "sum", "attention", "sridhar"])
def test_shared_alignment_of_different_clouds_is_refused(aggregation: str, clouds) -> None:
    x, positions = clouds
    with pytest.raises(ShapeError, match=r"different numbers of parts \(1 to 6 in the batch\)"):
        _layer(aggregation=aggregation)(x, structure=positions)
    with pytest.raises(ShapeError, match="correspondence=False"):
        _layer(alignment="independent")(x, structure=positions)
    with pytest.raises(ShapeError, match="different numbers of parts"):
        nn.SetPool(SPACE, TYPE)(x)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (lambda p: p.values[:4], r"positions of shape \(4, 3\) and torch.float64 for 19 points"),
        (lambda p: p.values.long(), "torch.int64 for 19 points"),
        (lambda p: p.map(lambda v: v * torch.nan), "hold NaN or infinity"),
        (lambda p: p[[1, 0]], "expected the same points of the same clouds"),
        (lambda p: p.to_list(), "structure of type list"),
        (lambda p: None, "got no positions"),
    ],
)
def test_bad_positions_are_refused(structure, message: str, clouds) -> None:
    x, positions = clouds
    with pytest.raises(ShapeError, match=message):
        _layer(aggregation="none")(x, structure=structure(positions))


def test_padded_positions_of_another_shape_are_refused(clouds) -> None:
    x, mask = clouds[0].to_padded()
    with pytest.raises(ShapeError, match="expected floating point ones"):
        _layer(aggregation="none")(x, mask, structure=torch.randn(2, 3, 5, 3))


def test_correspondence_is_a_bool() -> None:
    with pytest.raises(eqsets.FeatureTypeError, match="correspondence='no'"):
        element_group("spatial", correspondence="no")


def test_different_clouds_share_means_over_points(double: None) -> None:
    """A set of two clouds by hand: only means over whole clouds pass from one to the other."""
    space = element_group("spatial", correspondence=False)
    layer = DSS(space, "points: 2", "points: 2", alignment="independent")
    a, b = torch.randn(3, 2), torch.randn(5, 2)

    def run(first: Tensor, second: Tensor) -> Tensor:
        return layer(PartBatch.from_list([[first, second]])).to_list()[0][0]

    assert torch.allclose(run(a, b), run(a, b[torch.randperm(5)]))
    assert not torch.allclose(run(a, b), run(a, 2 * b))
