"""Sets of sets: DSS inside DSS, with the laws of what the members are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import eqsets
from eqsets import (
    DSS,
    ElementSymmetry,
    FeatureTypeError,
    GeneratedSymmetry,
    SetBatch,
    SetNetwork,
    Sets,
    ShapeError,
    element_group,
    equivariance_error,
)
from eqsets.groups import CyclicGroup, OrthogonalGroup, wreath_product
from eqsets.testing import check, parametrize_with_checks
from eqsets.testing.trial import randomness

RING = element_group("cyclic", size=2)
SETS = [
    Sets(element_group("cyclic", size=3), size=2),
    Sets(RING, size=2, alignment="independent"),
    Sets(element_group("translations", dims=1, padding_mode="circular", grid=4), size=2),
]


@pytest.mark.slow
@parametrize_with_checks(SETS, profile="quick")
def test_laws(check):
    check()


GROUPS = [wreath_product(CyclicGroup(3), 2), wreath_product(OrthogonalGroup(2), 3)]


@pytest.mark.slow
@parametrize_with_checks(GROUPS, profile="quick")
def test_laws_of_wreath_products(check):
    check()


DEEP: list[ElementSymmetry] = [
    Sets(Sets(RING, size=2)),
    Sets(element_group("symmetric", size=2) * RING, alignment="independent"),
    element_group("symmetric", size=2) * Sets(RING, size=2),
    Sets(element_group("permutations", nodes=3)),
]
ONLY = ["EQA02-homomorphism", "EQL01-linear-equivariance", "EQL03-invariant", "EQL07-dropout"]
ONLY += ["EQL12-set-joint", "EQC01-linear-is-complete", "EQS01-dense-is-padded"]


@pytest.mark.slow
@pytest.mark.parametrize("symmetry", DEEP, ids=str)
def test_laws_of_what_is_composed_again(symmetry: ElementSymmetry) -> None:
    report = check(symmetry, profile="quick", only=ONLY)
    assert report.ok, report


def test_members_that_share_lengths_are_declared_not_linear() -> None:
    loose = Sets("spatial", alignment="independent")
    only = ["EQL01-linear-equivariance", "EQL02-linear-is-affine"]
    assert [r.status for r in check(loose, profile="quick", only=only).results] == [
        "passed",
        "expected failure",
    ]
    report = check(Sets("spatial"), profile="quick", only="EQL02-linear-is-affine")
    assert report.results[0].status == "passed"


def test_the_solver_sees_the_continuous_part_of_a_wreath_product() -> None:
    """Two vectors with independent rotations: identity and quarter turn of both, no more."""
    pair = Sets(
        GeneratedSymmetry(group=OrthogonalGroup(2, special=True)), 2, alignment="independent"
    )
    kind = pair.feature_type(1)
    assert pair.basis(kind, kind).dimension == 2
    together = Sets(pair.inner, 2)
    kind = together.feature_type(1)
    assert together.basis(kind, kind).dimension == 4


@pytest.mark.parametrize("alignment", ["shared", "independent"])
def test_a_plain_loop(alignment: str) -> None:
    """Two levels of sums, written out: over the members, and over the elements."""
    with randomness(0):
        series = Sets(RING, alignment=alignment, aggregation="sum")
        layer = DSS(series, 2, 3, aggregation="mean").double()
    x = torch.randn(2, 3, 4, 2, 2, dtype=torch.float64)
    own, shared = layer.siamese.layer, layer.aggregate.layer

    def inside(dss: DSS, members: Tensor) -> Tensor:  # (M, 2, 2) to (M, 2, 3)
        rows = []
        for one in members:
            y = dss.siamese(one[None])
            for other in members:
                read = other[None] if dss.invariant is None else dss.invariant(other[None])
                more = {} if dss.invariant is None else {"like": y}
                y = y + dss.aggregate(read, **more)
            rows.append(y[0])
        return torch.stack(rows)

    for batch, elements in enumerate(x):
        context = inside(shared, torch.stack(list(elements)).mean(0))
        for index, members in enumerate(elements):
            expected = inside(own, members) + context
            assert torch.allclose(layer(x)[batch, index], expected, rtol=0, atol=1e-12)


def test_series_of_bursts_of_images() -> None:
    images = element_group("translations", padding_mode="circular")
    layer = DSS(Sets(images, size=4), 3, 8, kernel_size=3).double()
    x = torch.randn(2, 3, 4, 3, 8, 9, dtype=torch.float64)
    y = layer(x)
    assert y.shape == (2, 3, 4, 8, 8, 9)
    order, within = torch.tensor([2, 0, 1]), torch.tensor([3, 1, 0, 2])
    moved = layer(x[:, order][:, :, within].roll((2, -3), (-2, -1)))
    expected = y[:, order][:, :, within].roll((2, -3), (-2, -1))
    assert (moved - expected).norm() < 1e-12 * y.norm()


def test_the_second_map_inside_an_element_has_options_of_its_own() -> None:
    series = Sets("translations", context={"kernel_size": 1})
    layer: Any = DSS(series, 3, 8, kernel_size=5)
    for level in (layer.siamese.layer, layer.aggregate.layer):
        assert level.siamese.weight.shape[-2:] == (5, 5)
        assert level.aggregate.weight.shape[-2:] == (1, 1)
    assert series != Sets("translations")
    assert eqsets.from_dict(eqsets.to_dict(layer)).symmetry == series
    with pytest.raises(FeatureTypeError, match=r"context=1.*expected a dict"):
        Sets("translations", context=1)  # type: ignore[arg-type]


def test_elements_of_any_number_of_members_and_ragged_sets_of_them() -> None:
    layer = DSS(Sets(RING), 2, 3)
    for members in (1, 2, 5):
        assert layer(torch.randn(2, 3, members, 2, 2)).shape == (2, 3, members, 2, 3)
    batch = SetBatch.from_list([torch.randn(3, 4, 2, 2), torch.randn(1, 4, 2, 2)])
    assert layer(batch).values.shape == (4, 4, 2, 3)


def test_networks() -> None:
    series = Sets(element_group("cyclic", size=4), size=3)
    for alignment in ("shared", "independent"):
        net = SetNetwork(series, [1, 4, 4], readout=2, alignment=alignment).double()
        assert equivariance_error(net, net.in_type, net.out_type).max < 1e-12


def test_graph_structure_is_one_for_all_members() -> None:
    graphs = Sets(element_group("permutations"))
    edges = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]])
    layer = DSS(graphs, 2, 3, conv="graph").double()
    report = equivariance_error(layer, layer.in_type, layer.out_type, structure=edges)
    assert report.max < 1e-12


def test_a_network_of_graphs_reads_their_invariants_with_their_edges() -> None:
    graphs = Sets(element_group("permutations"))
    edges = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]])
    net = SetNetwork(graphs, [2, 3], readout=2, conv="graph").double()
    report = equivariance_error(net, net.in_type, net.out_type, structure=edges)
    assert report.max < 1e-12
    x = net.in_type.sample(2, 3, dtype=torch.float64)
    assert not torch.allclose(net(x, structure=edges), net(x, structure=edges[:, :2]))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Sets(RING, alignment="parallel"), "alignment='parallel'.*independent"),
        (lambda: Sets(RING, size=0), "size=0, expected a whole number of at least 1"),
        (lambda: Sets(RING, size=True), "size=True, expected"),
        (lambda: Sets(RING).feature_type("many"), "got the feature type 'many'"),
        (lambda: Sets(RING).feature_type(Sets(RING, 3).feature_type(1)), "type of its own or"),
        (lambda: Sets(RING).linear(*[Sets(RING).feature_type(1)] * 2, kernel_size=3), "options"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_cannot_be_composed(make: Callable[[], object], match: str) -> None:
    with pytest.raises(FeatureTypeError, match=match):
        make()


def test_a_fixed_number_of_members_is_checked() -> None:
    with pytest.raises(ShapeError, match="3 instead of 2"):
        DSS(Sets(RING, size=2), 1, 1)(torch.randn(2, 2, 3, 2, 1))


def test_members_without_a_group_element_in_common_share_no_edges() -> None:
    loose = Sets(element_group("permutations"), size=2, alignment="independent")
    with pytest.raises(FeatureTypeError, match="alignment='shared'"):
        loose.transform_structure(loose.group.identity(), torch.zeros(2, 1).long())
