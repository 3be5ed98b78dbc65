"""Side information as one object: its views, how it moves, and plugins of version 0.1."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eqsets import DSS, ElementSymmetry, FeatureType, FeatureTypeError, SetNetwork, element_group
from eqsets.generated import symmetric
from eqsets.groups import Group
from eqsets.layout import Layout, as_rows
from eqsets.nested import Sets
from eqsets.structure import NO_STRUCTURE, SharedStructure, Structure

NODES = symmetric(4)
LINKS = torch.tensor([[0, 0, 2], [1, 2, 3]])  # no permutation of the nodes keeps them
X = torch.randn(2, 3, 4, 2, generator=torch.Generator().manual_seed(0))


def matrix(seed: int = 0) -> Tensor:
    return torch.rand(4, 4, generator=torch.Generator().manual_seed(seed))


class Mix(nn.Module):
    """A map along the edges of an adjacency matrix ``(4, 4)`` or one for each row."""

    def __init__(self, in_type: FeatureType, out_type: FeatureType) -> None:
        super().__init__()
        self.linear = nn.Linear(in_type.channels, out_type.channels)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        mapped: Tensor = self.linear(edges @ x)
        return mapped


class Graphs(ElementSymmetry):
    """The simple case: all elements share a matrix, and modules take it as it is."""

    structured = True

    @property
    def group(self) -> Group:
        return NODES.group

    def feature_type(self, spec: Any) -> FeatureType:
        return NODES.feature_type(spec)

    def linear(
        self, in_type: FeatureType, out_type: FeatureType, *, bias: bool = True, **options: Any
    ) -> nn.Module:
        return Mix(in_type, out_type)

    def transform_structure(self, g: Tensor, structure: Any) -> Any:
        back = g.argsort()
        return structure[back][:, back]


class Matrices(Structure):
    """One matrix for each set, ``(B, 4, 4)``."""

    def __init__(self, matrices: Tensor) -> None:
        self.matrices = matrices

    @property
    def given(self) -> Tensor:
        return self.matrices

    def rows(self, layout: Layout) -> tuple[Tensor]:
        return (layout.spread(self.matrices),)

    def sets(self, layout: Layout) -> tuple[Tensor]:
        return (self.matrices,)

    def transform(self, g: Tensor) -> Matrices:
        back = g.argsort()
        return Matrices(self.matrices[:, back][:, :, back])


class GraphsOfSets(Graphs):
    """The general case: ``structure`` returns an object of one's own."""

    calls = 0

    def structure(self, given: Any) -> Structure:
        if given is None or isinstance(given, Structure):
            return super().structure(given)
        type(self).calls += 1
        return Matrices(given)

    def transform_structure(self, g: Tensor, structure: Any) -> Any:
        return ElementSymmetry.transform_structure(self, g, structure)


def dss(symmetry: ElementSymmetry) -> DSS:
    torch.manual_seed(0)
    return DSS(symmetry, 2, 3, aggregation="sum")


def by_loop(layer: DSS, matrices: Tensor) -> Tensor:
    """Each element by itself: one matrix for each set."""
    return torch.stack(
        [
            torch.stack(
                [
                    layer.siamese(x[None], a)[0] + layer.aggregate(members.sum(0)[None], a)[0]
                    for x in members
                ]
            )
            for members, a in zip(X, matrices, strict=True)
        ]
    )


def test_a_shared_structure_is_given_to_modules_as_it_is() -> None:
    layer, edges = dss(Graphs()), matrix()
    got = layer(X, structure=edges)
    assert torch.allclose(got, by_loop(layer, edges.expand(2, 4, 4)), atol=1e-6)


def test_a_structure_has_a_view_of_rows_and_one_of_sets() -> None:
    layer, each = dss(GraphsOfSets()), torch.stack([matrix(1), matrix(2)])
    assert torch.allclose(layer(X, structure=each), by_loop(layer, each), atol=1e-6)
    assert not torch.allclose(layer(X, structure=each), by_loop(layer, each.flip(0)))


@pytest.mark.parametrize("symmetry", [Graphs(), GraphsOfSets()], ids=lambda s: type(s).__name__)
def test_layers_are_equivariant_where_the_structure_moves_along(symmetry: Graphs) -> None:
    layer, g = dss(symmetry), torch.tensor([1, 3, 0, 2])
    edges = matrix() if type(symmetry) is Graphs else torch.stack([matrix(1), matrix(2)])
    moved = layer(
        NODES.feature_type(2).transform(g, X), structure=symmetry.transform_structure(g, edges)
    )
    expected = NODES.feature_type(3).transform(g, layer(X, structure=edges))
    assert torch.allclose(moved, expected, atol=1e-6)
    unmoved = layer(NODES.feature_type(2).transform(g, X), structure=edges)
    assert not torch.allclose(unmoved, expected, atol=1e-2)


def test_a_network_makes_the_structure_once() -> None:
    GraphsOfSets.calls = 0
    network = SetNetwork(GraphsOfSets(), [2, 3, 3, 3], activation="tanh")
    network(X, structure=torch.stack([matrix(1), matrix(2)]))
    assert GraphsOfSets.calls == 1


def test_no_structure_gives_no_arguments() -> None:
    layout, _ = as_rows(X, None, None, "test")
    for symmetry in (NODES, Graphs(), element_group("permutations"), Sets(NODES)):
        side = symmetry.structure(None)
        assert side is symmetry.structure(side) is NO_STRUCTURE
        assert side.rows(layout) == side.sets(layout) == ()
        assert side.readout_layout(layout) is layout
        assert side.given is side.transform(symmetry.group.identity()).given is None
    for symmetry in (NODES, NODES * NODES, Sets(NODES)):
        with pytest.raises(FeatureTypeError, match=r"takes no side information, got .*Tensor"):
            symmetry.structure(LINKS)
        with pytest.raises(FeatureTypeError, match="no side information"):
            symmetry.structure(SharedStructure(LINKS))


GRAPHS, SPACE = element_group("permutations", nodes=4), element_group("spatial")
POSITIONS = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
MOVED = {
    "graphs": (GRAPHS, LINKS),
    "clouds": (SPACE, POSITIONS),
    "clouds of each element": (SPACE, POSITIONS.expand(2, 3, 4, 3)),
    "graphs in space": (GRAPHS * SPACE, (LINKS, None)),
    "sets of graphs": (Sets(GRAPHS, 3), LINKS),
    "sets of graphs, in any order": (symmetric(2) * Sets(GRAPHS, 3), LINKS),
}


@pytest.mark.parametrize("name", MOVED)
def test_a_group_element_acts_on_the_structure(name: str) -> None:
    symmetry, given = MOVED[name]
    layout, _ = as_rows(X, None, None, "test")
    generator = torch.Generator().manual_seed(7)
    g, h = (symmetry.group.sample(generator=generator) for _ in range(2))
    side = symmetry.structure(given)
    assert symmetry.structure(side) is side
    together = side.transform(symmetry.group.compose(g, h))
    one_by_one = side.transform(h).transform(g)
    public = symmetry.structure(
        symmetry.transform_structure(g, symmetry.transform_structure(h, given))
    )
    plain = [contents(one.rows(layout)) for one in (together, one_by_one, public)]
    for other in plain[1:]:
        assert all(torch.allclose(a, b) for a, b in zip(plain[0], other, strict=True))
    assert plain[0]
    back = contents(side.rows(layout))
    assert not all(torch.allclose(a, b) for a, b in zip(plain[0], back, strict=True))


def contents(value: Any) -> list[Tensor]:
    """Return the tensors in arguments of modules; edges in the order of their numbers."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple):
        return [tensor for part in value for tensor in contents(part)]
    index = getattr(value, "index", None)
    if isinstance(index, Tensor):
        return [torch.sort(index[0] * 1000 + index[1]).values]
    return contents(value.rows(as_rows(X, None, None, "t")[0])) if value is not None else []


def test_methods_of_version_0_1_are_adapted_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="overrides prepare_structure, row_structure, set_"):

        class Old(Graphs):
            def prepare_structure(self, structure: Any) -> Any:
                return super().prepare_structure(structure)

            def row_structure(self, structure: Any, layout: Layout) -> Any:
                return layout.spread(structure)

            def set_structure(self, structure: Any, layout: Layout) -> Any:
                return structure

            def transform_structure(self, g: Tensor, structure: Any) -> Any:
                return Matrices(structure).transform(g).given

    old, new, each = Old(), GraphsOfSets(), torch.stack([matrix(1), matrix(2)])
    assert torch.equal(dss(old)(X, structure=each), dss(new)(X, structure=each))
    g = torch.tensor([1, 3, 0, 2])
    moved, expected = (s.structure(each).transform(g).given for s in (old, new))
    assert torch.equal(moved, expected)
    assert old.structure(None) is NO_STRUCTURE
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        class New(Graphs):  # overrides none of them
            pass


def test_calls_of_version_0_1_work_with_a_warning() -> None:
    layout, _ = as_rows(X, None, None, "test")
    each = torch.stack([matrix(1), matrix(2)])
    with pytest.warns(DeprecationWarning, match="prepare_structure is replaced"):
        prepared = GraphsOfSets().prepare_structure(each)
    with pytest.warns(DeprecationWarning, match="row_structure is replaced"):
        assert torch.equal(GraphsOfSets().row_structure(prepared, layout), layout.spread(each))
    with pytest.warns(DeprecationWarning, match="set_structure is replaced"):
        assert torch.equal(GraphsOfSets().set_structure(each, layout), each)
    with pytest.warns(DeprecationWarning, match="readout_layout is replaced"):
        assert GraphsOfSets().readout_layout(each, layout) is layout
    with pytest.raises(FeatureTypeError, match="no side information"):
        NODES.check_structure(each)
