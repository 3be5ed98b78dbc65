"""Direct sums of types: the action, and layers that are those of the parts, complete in all."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from eqsets import (
    DSS,
    ElementSymmetry,
    FeatureTypeError,
    GeneratedSymmetry,
    InvariantFeatures,
    element_group,
    from_dict,
    to_dict,
)
from eqsets.features.direct_sum import DirectSum
from eqsets.groups import MatrixGroup, OrthogonalGroup
from eqsets.testing import ContractSpec, parametrize_with_checks

D = torch.float64
BOOST = [[0.0, 1.0], [1.0, 0.0]]


def ring() -> ElementSymmetry:
    return element_group("cyclic", size=3)


def boosts() -> GeneratedSymmetry:
    return GeneratedSymmetry(lie_algebra=[BOOST])


def shears() -> GeneratedSymmetry:
    """A group whose dual is not equivalent to itself by an orthogonal change of basis."""
    return GeneratedSymmetry(
        group=MatrixGroup([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]])
    )


CASES = {
    "permutations": (ring(), "2 points + 1 pairs + 3 trivial", "1 pairs + 2 points"),
    "matrices": (boosts(), "2 points + 1 dual + 2 trivial", "1 dual + 3 points + 1 trivial"),
    "to one type": (ring(), "2 points + 3 trivial", "4 points"),
    "from one type": (shears(), "2 dual", "1 dual + 2 trivial"),
}


def columns(module: torch.nn.Module, size: int) -> Tensor:
    """Return the affine map of a module as a matrix, the bias last."""
    zero = module(torch.zeros(1, size, dtype=D))
    return torch.cat([module(torch.eye(size, dtype=D)) - zero, zero]).flatten(1)


def flat(symmetry: ElementSymmetry, spec: str) -> DirectSum:
    """Return the type as a sum in any case, so that elements are vectors."""
    kind = symmetry.feature_type(spec)
    return kind if isinstance(kind, DirectSum) else DirectSum((kind, InvariantFeatures(1)))


@pytest.mark.parametrize("name", CASES)
def test_the_action_is_that_of_the_parts(name: str) -> None:
    symmetry, source, _ = CASES[name]
    kind = flat(symmetry, source)
    generator = torch.Generator().manual_seed(0)
    x = kind.sample(4, generator=generator, dtype=D)
    g = symmetry.group.sample(3, 1, generator=generator)
    moved = kind.transform(g, x)
    assert moved.shape == (3, 4, *kind.layout)
    for part, before, after in zip(kind.parts, kind.split(x), kind.split(moved), strict=True):
        assert torch.equal(part.transform(g, before).expand_as(after), after)
    assert torch.equal(kind.join(kind.split(x)), x)


@pytest.mark.parametrize("name", CASES)
def test_linear_maps_are_all_there_are(name: str) -> None:
    """The number of weights is that of the solver on the whole vector, and each is equivariant."""
    symmetry, source, target = CASES[name]
    in_type, out_type = flat(symmetry, source), flat(symmetry, target)
    layer = symmetry.linear(in_type, out_type, bias=False).double()
    count = sum(p.numel() for p in layer.parameters())
    assert count == symmetry.basis(in_type, out_type).dimension
    maps = []
    for parameter in layer.parameters():
        for number in range(parameter.numel()):
            alone = copy.deepcopy(layer)
            with torch.no_grad():
                for other in alone.parameters():
                    other.zero_()
                dict(alone.named_parameters())[
                    next(k for k, p in layer.named_parameters() if p is parameter)
                ].view(-1)[number] = 1
            maps.append(columns(alone, in_type.layout[0]).flatten())  # type: ignore[arg-type]
    assert int(torch.linalg.matrix_rank(torch.stack(maps))) == count
    x = in_type.sample(5, generator=torch.Generator().manual_seed(0), dtype=D)
    g = symmetry.group.sample(1, generator=torch.Generator().manual_seed(1))
    gap = layer(in_type.transform(g, x)) - out_type.transform(g, layer(x))
    assert float(gap.detach().abs().max()) < 1e-12


def test_invariants_pair_vectors_with_dual_vectors() -> None:
    symmetry = shears()
    kind = symmetry.feature_type("2 points + 3 dual + 1 trivial")
    read = symmetry.invariant(kind).double()
    x = kind.sample(40, generator=torch.Generator().manual_seed(0), dtype=D)
    assert isinstance(kind, DirectSum)
    vectors, duals, scalars = kind.split(x)
    expected = torch.einsum("eic,eid->ecd", vectors, duals).flatten(1)
    u = read(x)
    assert read.features == u.shape[1]
    space = torch.cat([u, expected, scalars], 1)
    assert torch.linalg.matrix_rank(space) == torch.linalg.matrix_rank(u) == read.features
    g = symmetry.group.sample(1, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(read(kind.transform(g, x)), u, rtol=1e-9)


def test_dual_vectors_move_by_the_inverse_transpose() -> None:
    symmetry = shears()
    vector, dual = symmetry.feature_type("1 points"), symmetry.feature_type("1 dual")
    assert vector.dual == dual
    assert dual.dual == vector
    generator = torch.Generator().manual_seed(0)
    g = symmetry.group.sample(generator=generator)
    v, w = (kind.sample(generator=generator, dtype=D) for kind in (vector, dual))
    pairing = vector.transform(g, v).mT @ dual.transform(g, w)
    assert torch.allclose(pairing, v.mT @ w)
    both = symmetry.feature_type("1 points + 2 trivial")
    assert both.dual == symmetry.feature_type("1 dual + 2 trivial")
    assert ring().feature_type("2 pairs").dual == ring().feature_type("2 pairs")
    with pytest.raises(FeatureTypeError, match="has no dual type"):
        _ = element_group("translations").feature_type(1).dual


def test_types_are_values_that_can_be_written_down() -> None:
    kind = ring().feature_type("2 points + 3 trivial + 1 points")
    assert str(kind) == "3 points + 3 trivial"
    assert kind == ring().feature_type(str(kind)) == ring().feature_type(kind)
    assert eval(repr(kind), {"element_group": element_group}) == kind
    assert from_dict(to_dict(kind)) == kind
    layer = DSS(ring(), "2 points + 3 trivial", "1 points + 2 trivial")
    assert from_dict(to_dict(layer)).in_type == layer.in_type


def test_a_part_that_nothing_reaches_is_its_bias() -> None:
    symmetry = boosts()
    layer = symmetry.linear(symmetry.feature_type(2), symmetry.feature_type("1 points + 2 trivial"))
    with torch.no_grad():
        layer.get_parameter("biases.1.weight").copy_(torch.tensor([[2.0, 3.0]]))
    y = layer(torch.randn(4, 2, 2, generator=torch.Generator().manual_seed(0)))
    scale = y[0, 2] / 2
    assert torch.allclose(y[:, 2:], scale * torch.tensor([2.0, 3.0]).expand(4, 2))
    with pytest.raises(FeatureTypeError, match="no equivariant linear map"):
        symmetry.linear(symmetry.feature_type(2), symmetry.feature_type("2 trivial"))


def test_what_is_no_sum() -> None:
    with pytest.raises(FeatureTypeError, match="expected at least two"):
        DirectSum((InvariantFeatures(1),))
    with pytest.raises(FeatureTypeError, match="expected fixed sizes"):
        DirectSum((element_group("translations").feature_type(1), InvariantFeatures(1)))
    with pytest.raises(FeatureTypeError, match="knows no feature type 'dual'"):
        ring().feature_type("2 points + 1 dual")
    with pytest.raises(FeatureTypeError, match="knows no feature type 'pairs'"):
        boosts().feature_type("1 pairs + 1 points")


def spec(name: str, symmetry: ElementSymmetry, *types: str) -> ContractSpec:
    return ContractSpec(
        name, symmetry=symmetry, types=tuple(symmetry.feature_type(t) for t in types)
    )


@pytest.mark.slow
@parametrize_with_checks(
    [
        spec("sum of a ring", ring(), "1 points + 2 trivial", "2 points + 1 trivial"),
        spec(
            "sum of rotations",
            GeneratedSymmetry(group=OrthogonalGroup(2)),
            "1 points + 2 trivial",
            "1 dual + 1 trivial",
        ),
    ],
    profile="quick",
)
def test_laws(check: Callable[[], None]) -> None:
    check()


def test_outputs_of_a_sum_have_the_size_of_those_of_one_part() -> None:
    torch.manual_seed(0)
    symmetry = element_group("cyclic", size=6)
    kind = symmetry.feature_type("2 points + 30 trivial")
    assert isinstance(kind, DirectSum)
    layer: Any = symmetry.linear(kind, kind, bias=False).double()
    x = kind.sample(512, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for part in kind.split(layer(x).detach()):
        assert abs(float(part.std()) - 3**-0.5) < 0.1  # two parts as they are: larger by sqrt(2)
