"""Independent alignment in centred coordinates: the invariant part of every kind of features."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import eqsets
from eqsets import DSS, FeatureTypeError, GeneratedSymmetry, SetBatch, element_group
from eqsets import equivariance_error as error_of
from eqsets.aggregation.centered import InvariantCenteredContext
from eqsets.groups import MatrixGroup, OrthogonalGroup
from eqsets.rows import ConstantPart, InvariantPart

RING = element_group("cyclic", size=4)
NODES = element_group("permutations", nodes=4)
ROTATIONS = GeneratedSymmetry(group=OrthogonalGroup(3))
CASES: dict[str, tuple[Any, ...]] = {
    "trivial": ("trivial", 2, 4),
    "cyclic": (RING, 2, 4),
    "several orbits": (GeneratedSymmetry(permutations=[[1, 0, 2, 3]]), 2, 4),
    "matrices": (GeneratedSymmetry(matrices=[[[0.0, 1.0, 0], [1.0, 0, 0], [0, 0, 1.0]]]), 2, 3),
    "sum of types": (GeneratedSymmetry(permutations=[[1, 2, 0]]), 2, "1 points + 2 trivial"),
    "grid": (element_group("grid-rotations", height=3, width=3), 2, 3),
    "images": ("translations", 2, 4),
    "nodes": (NODES, 2, 4),
    "pairs": (NODES, "2 pairs", "3 pairs"),
    "nodes and pairs": (NODES, "2 nodes", "3 pairs"),
    "product": (element_group("symmetric", size=3) * RING, 1, 2),
    "product of nodes and irreps": (NODES * element_group("spatial"), "2x0e + 1x1o", "2x0e + 1x1o"),
    "product of colours and images": (
        element_group("symmetric", size=3) * element_group("translations"),
        1,
        2,
    ),
    "sets of sets": (eqsets.Sets(RING, 3), 1, 2),
    "sets of sets that move": (eqsets.Sets(RING, 3, alignment="independent"), 1, 2),
    "sets of irreps": (eqsets.Sets("spatial", 3), "2x0e + 1x1o", "2x0e + 1x1o"),
    "scalars": ("spatial", 3, 4),
    "scalars and vectors": ("spatial", "3x0e + 2x1o", "2x0e + 1x1o"),
    "clouds": ("spatial", "points: 3x0e + 2x1o", "points: 2x0e + 1x1o"),
    "fields": ("planar", "2 trivial", "1 regular"),
    "fields of several kinds": (
        element_group("planar", rotations=4, reflections=True),
        "2 trivial + 1 irrep(1,1)",
        "1 trivial + 2 regular + 1 irrep(1,1)",
    ),
}
WITHOUT: dict[str, tuple[Any, ...]] = {
    "vectors": ("spatial", "2x0e + 1x1o", "2x1o"),
    "rotations": (ROTATIONS, 2, 4),
    "fields": ("planar", "2 trivial", "3 irrep(1)"),
}
MASK = torch.tensor([[True, False, True], [True, True, True]])


def layer_of(case: tuple[Any, ...], **options: Any) -> DSS:
    torch.manual_seed(0)
    options = {"alignment": "independent", "aggregation": "centered", **options}
    layer = DSS(*case, **options).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def sets(layer: DSS, size: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return layer.in_type.sample(2, size, generator=generator, dtype=torch.float64)


def part_of(layer: DSS) -> InvariantPart:
    part = layer.symmetry.invariant_part(layer.out_type)
    assert part is not None
    return part


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_part_is_a_projection_onto_what_embeddings_reach(case: tuple[Any, ...]) -> None:
    layer = layer_of(case)
    part, symmetry, kind = part_of(layer), layer.symmetry, layer.out_type
    generator = torch.Generator().manual_seed(0)
    x = kind.sample(3, generator=generator, dtype=torch.float64)
    once = part(x).expand_as(x)
    assert torch.allclose(part(once).expand_as(x), once, atol=1e-12)
    g = (kind.group or symmetry.group).sample(3, generator=generator)
    assert torch.allclose(part(kind.transform(g, x)).expand_as(x), once, atol=1e-9)
    write = symmetry.embed(2, kind).double()
    nn.init.normal_(next(iter(write.parameters())))
    written = write(torch.randn(3, 2, generator=generator).double(), like=x).expand_as(x)
    assert torch.allclose(part(written).expand_as(x), written, atol=1e-12)


def test_the_part_is_the_mean_over_the_group() -> None:
    for name in ("cyclic", "several orbits", "matrices", "grid"):
        layer = layer_of(CASES[name])
        kind = layer.out_type
        x = kind.sample(3, dtype=torch.float64)
        moved = [kind.transform(g.expand(3, *g.shape), x) for g in layer.symmetry.group.elements()]
        mean = sum(moved) / len(moved)
        assert torch.allclose(part_of(layer)(x).expand_as(x), mean, atol=1e-12)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_layer_is_equivariant_and_the_same_in_all_layouts(case: tuple[Any, ...]) -> None:
    layer = layer_of(case)
    assert isinstance(layer.context, InvariantCenteredContext)
    report = error_of(layer, layer.in_type, layer.out_type, alignment="independent")
    assert report.max < 1e-9
    x = sets(layer)
    hole = MASK.reshape(2, 3, *[1] * (x.dim() - 2))
    padded = layer(torch.where(hole, x, torch.nan), MASK)
    ragged = layer(SetBatch.from_list([x[0][MASK[0]], x[1]])).to_list()
    for b in range(2):
        expected = layer(x[b][MASK[b]][None])[0]
        assert torch.allclose(padded[b][MASK[b]], expected, atol=1e-9)
        assert torch.allclose(ragged[b], expected, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_one_element_keeps_no_shared_part_of_the_local_map(name: str) -> None:
    """The invariant part of the output is that of B alone, the rest is that of A."""
    layer = layer_of(CASES[name])
    part, x = part_of(layer), sets(layer, 1)
    before = layer(x)[:, 0]
    with torch.no_grad():
        for parameter in layer.siamese.parameters():
            parameter.zero_()
    shared = layer(x)[:, 0].expand_as(before)
    assert torch.allclose(part(before).expand_as(before), shared, atol=1e-9)
    assert torch.allclose(before, shared) == (name in ("trivial", "scalars"))


@pytest.mark.parametrize("case", WITHOUT.values(), ids=WITHOUT)
def test_types_without_an_invariant_vector_have_the_local_map_alone(case: tuple[Any, ...]) -> None:
    layer = layer_of(case)
    x = sets(layer)
    assert layer.context is None
    assert torch.equal(layer(x), layer.siamese(x.flatten(0, 1)).unflatten(0, x.shape[:2]))
    with pytest.raises(FeatureTypeError, match=r"invariant|scalars"):
        layer_of(case, aggregation="mean")


def test_invariant_vectors_that_no_functional_sees_are_not_centred() -> None:
    """Shears have an invariant vector, and no complement of it that they preserve."""
    shears = GeneratedSymmetry(group=MatrixGroup(discrete=[[[1.0, 1.0], [0.0, 1.0]]]))
    layer = layer_of((shears, 1, 1))
    x = layer.out_type.sample(3, dtype=torch.float64)
    assert not part_of(layer)(x).any()
    report = error_of(layer, layer.in_type, layer.out_type, alignment="independent")
    assert report.max < 1e-9


def test_maxima_over_nodes_are_not_centred() -> None:
    layer = layer_of((element_group("permutations", nodes=4, readout="max"), 2, 3))
    assert layer.context.part is None
    assert error_of(layer, layer.in_type, layer.out_type, alignment="independent").max < 1e-9


class OwnEmbedding(GeneratedSymmetry):
    """Writes invariants in a way of its own, as symmetries of plugins may."""

    def embed(self, features: int, out_type: Any) -> nn.Module:
        return super().embed(features, out_type)


class Everywhere(OwnEmbedding):
    """Writes the same number into each component, which this group does not preserve."""

    def embed(self, features: int, out_type: Any) -> nn.Module:
        return RING.embed(features, RING.feature_type(out_type.channels))


def test_the_part_follows_from_an_embedding_of_channels() -> None:
    own = OwnEmbedding(permutations=[[1, 0, 2, 3]])
    solved = GeneratedSymmetry(permutations=[[1, 0, 2, 3]])
    x = own.feature_type(3).sample(2, dtype=torch.float64)
    expected = solved.invariant_part(solved.feature_type(3))
    assert expected is not None
    assert torch.allclose(own.invariant_part(own.feature_type(3))(x), expected(x))
    assert isinstance(
        OwnEmbedding(permutations=[[1, 2, 3, 0]]).invariant_part(own.feature_type(3)), ConstantPart
    )


def test_what_does_not_follow_says_what_to_override() -> None:
    summed = OwnEmbedding(permutations=[[1, 2, 0]])
    with pytest.raises(FeatureTypeError, match=r"invariant_part\(out_type\).*aggregation='mean'"):
        summed.invariant_part(summed.feature_type("1 points + 2 trivial"))
    signs = Everywhere(matrices=[[[-1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]])
    with pytest.raises(FeatureTypeError, match="does not follow from embed"):
        signs.invariant_part(signs.feature_type(2))
