"""The algebra of representations: actions by hand, dimensions that are known, deep networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eqsets import (
    DSS,
    EqsetsError,
    FeatureType,
    FeatureTypeError,
    GeneratedSymmetry,
    GroupError,
    InvariantFeatures,
    SetNetwork,
    element_group,
    equivariance_error,
    from_dict,
    representations,
    to_dict,
)
from eqsets.groups import (
    Group,
    MatrixGroup,
    OrthogonalGroup,
    SymmetricGroup,
    lorentz_group,
    su2_group,
    symplectic_group,
)

D = torch.float64
GROUPS: dict[str, Group] = {
    "SO(3)": OrthogonalGroup(3, special=True),
    "O(3)": OrthogonalGroup(3),
    "Lorentz": lorentz_group(),
    "Sp(2)": symplectic_group(1),
    "S3": SymmetricGroup(3),
    "shears": MatrixGroup([[[0.0, 1.0], [0.0, 0.0]]]),
}
EXPRESSIONS: dict[str, Callable[[FeatureType], FeatureType]] = {
    "V*V": lambda V: V * V,
    "V*V.dual": lambda V: V * V.dual,
    "V**3": lambda V: V**3,
    "sym": lambda V: representations.symmetric(V),
    "alt": lambda V: representations.antisymmetric(V),
    "sum": lambda V: 2 * V + V.dual * V + 3 * representations.scalars(V),
    "product of sums": lambda V: (V + representations.scalars(V)) * (2 * V),
}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("expression", EXPRESSIONS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_an_action(group: str, expression: str, seed: int) -> None:
    kind = EXPRESSIONS[expression](representations.defining(GROUPS[group]))
    generator = torch.Generator().manual_seed(seed)
    x = kind.sample(2, generator=generator, dtype=D)
    g, h = GROUPS[group].sample(2, generator=generator)
    both = kind.transform(GROUPS[group].compose(g, h), x)
    assert torch.allclose(kind.transform(g, kind.transform(h, x)), both, atol=1e-8)
    assert torch.allclose(kind.transform(GROUPS[group].identity(), x), x)
    assert x.shape[1:] == torch.Size(kind.layout)


@pytest.mark.parametrize("group", GROUPS)
def test_products_are_those_of_vectors(group: str) -> None:
    V = representations.defining(GROUPS[group])
    generator = torch.Generator().manual_seed(0)
    x, y = V.sample(generator=generator, dtype=D), V.dual.sample(generator=generator, dtype=D)
    g = GROUPS[group].sample(generator=generator)
    product = torch.einsum("ic,jc->ijc", x, y)
    kind = V * V.dual
    moved = torch.einsum("ic,jc->ijc", V.transform(g, x), V.dual.transform(g, y))
    assert torch.allclose(kind.transform(g, product), moved)


def bell(n: int) -> int:
    row = [1]
    for _ in range(n - 1):
        new = [row[-1]]
        for value in row:
            new.append(new[-1] + value)
        row = new
    return row[-1]


DIMENSIONS: dict[str, tuple[Group, list[int]]] = {  # invariants of V, V^2, V^3, ...
    "O(3)": (OrthogonalGroup(3), [0, 1, 0, 3, 0, 15]),
    "SO(3)": (OrthogonalGroup(3, special=True), [0, 1, 1, 3, 6, 15]),
    "SO(2)": (OrthogonalGroup(2, special=True), [0, 2, 0, 6, 0, 20]),
    "O(2)": (OrthogonalGroup(2), [0, 1, 0, 3, 0, 10]),
    "Lorentz": (lorentz_group(), [0, 1, 0, 4]),
    "O(1,3)": (lorentz_group(reflections=True), [0, 1, 0, 3]),
    "Sp(2)": (symplectic_group(1), [0, 1, 0, 2, 0, 5]),
    "Sp(4)": (symplectic_group(2), [0, 1, 0, 3]),
    "SU(2)": (su2_group(), [0, 4, 0]),
    "S5": (SymmetricGroup(5), [bell(k) for k in (1, 2, 3, 4)]),
}


@pytest.mark.parametrize("name", DIMENSIONS)
def test_dimensions_are_the_known_ones(name: str) -> None:
    group, expected = DIMENSIONS[name]
    V = representations.defining(group)
    dimensions = [representations.dimension(V, representations.scalars(V))]
    for k in range(2, len(expected) + 1):  # invariants of V^k are maps from duals to the rest
        dimensions.append(representations.dimension(V.dual ** (k // 2), V ** (k - k // 2)))
    assert dimensions == expected


def test_dimensions_add_and_multiply() -> None:
    V = representations.defining(OrthogonalGroup(3, special=True))
    assert representations.dimension(2 * V + V * V, 3 * V) == 2 * 3 + 3
    parts = representations.symmetric(V), representations.antisymmetric(V)
    whole = representations.dimension(V * V, V * V)
    assert sum(representations.dimension(a, b) for a in parts for b in parts) == whole == 3


@pytest.mark.parametrize("group", GROUPS)
def test_layers_are_equivariant_and_saved(group: str) -> None:
    V = representations.defining(GROUPS[group])
    kind = 2 * V + V * V.dual + 2 * representations.scalars(V)
    assert V.owner is not None
    layer = DSS(V.owner, kind, kind).double()
    error = equivariance_error(layer, layer.in_type, layer.out_type)
    assert error.max < 1e-8
    again = from_dict(to_dict(layer)).double()
    again.load_state_dict(layer.state_dict())
    x = kind.sample(2, 3, dtype=D)
    assert torch.equal(again(x), layer(x))


def test_a_deep_network_of_tensors() -> None:
    torch.manual_seed(0)
    V = representations.defining(OrthogonalGroup(3, special=True))
    hidden = 4 * V + 4 * representations.scalars(V) + 2 * representations.symmetric(V)
    assert isinstance(V.owner, GeneratedSymmetry)
    network = SetNetwork(V.owner, [2 * V, hidden, hidden], readout=3).double()
    error = equivariance_error(network, network.in_type, network.out_type)
    assert error.max < 1e-9


@pytest.mark.parametrize(
    "text",
    ["2 points*dual", "3 dual^2*points", "1 sym(dual^3)", "2 alt(points^2) + 3 points + 1 trivial"],
)
def test_text_and_back(text: str) -> None:
    symmetry = GeneratedSymmetry(group=lorentz_group())
    kind = symmetry.feature_type(text)
    assert symmetry.feature_type(str(kind)) == kind == symmetry.feature_type(kind)
    assert from_dict(to_dict(kind)) == kind


def test_pairs_of_points_are_their_products() -> None:
    symmetry = element_group("cyclic", size=4)
    V = symmetry.feature_type(1)
    assert V * V == symmetry.feature_type("1 pairs") == symmetry.feature_type("1 points^2")
    assert (V**3).layout == (4, 4, 4, 1)
    assert (V**3).pointwise
    assert not representations.antisymmetric(V).pointwise


def vectors() -> FeatureType:
    return representations.defining(OrthogonalGroup(3))


WRONG: dict[str, tuple[type[EqsetsError], str, Callable[[], Any]]] = {
    "no copies": (FeatureTypeError, "0 copies", lambda: 0 * vectors()),
    "half a copy": (FeatureTypeError, "0.5 copies", lambda: 0.5 * vectors()),  # type: ignore[operator]
    "no power": (FeatureTypeError, "the power 0", lambda: vectors() ** 0),
    "two groups": (
        FeatureTypeError, "one symmetry",
        lambda: vectors() + representations.defining(OrthogonalGroup(2)),
    ),
    "no group": (
        FeatureTypeError, "belong to no symmetry",
        lambda: InvariantFeatures(2) + InvariantFeatures(1)
    ),
    "a part of a part": (
        FeatureTypeError, "the parts sym and alt have none",
        lambda: representations.symmetric(vectors()) * vectors(),
    ),
    "parts of sums": (
        FeatureTypeError, "one vector or dual vector",
        lambda: representations.symmetric(2 * vectors())
    ),
    "degree one": (
        FeatureTypeError, "degree=1", lambda: representations.antisymmetric(vectors(), 1)
    ),
    "degree above the dimension": (
        FeatureTypeError, "at most its dimension",
        lambda: representations.antisymmetric(vectors(), 4),
    ),
    "mixed parts": (
        FeatureTypeError, "one kind of factor",
        lambda: GeneratedSymmetry(group=lorentz_group()).feature_type("1 sym(points*dual)"),
    ),
    "unknown factor": (
        FeatureTypeError, "knows no feature type 'spinors'",
        lambda: GeneratedSymmetry(group=lorentz_group()).feature_type("1 points*spinors"),
    ),
    "a large power": (
        FeatureTypeError, "from 1 to 8",
        lambda: GeneratedSymmetry(group=lorentz_group()).feature_type("1 points^9"),
    ),
    "too large to solve": (
        GroupError, "to solve for",
        lambda: representations.dimension(vectors() ** 7, vectors() ** 7)
    ),
    "no products": (
        FeatureTypeError, "no tensor products",
        lambda: element_group("translations").feature_type(1) ** 2,
    ),
    "no matrices": (
        GroupError, "expected a group of matrices", lambda: representations.defining("translations")
    ),
    "no pairs (q, p)": (GroupError, "size=0", lambda: symplectic_group(0)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_refusals(name: str) -> None:
    error, message, call = WRONG[name]
    with pytest.raises(error, match=message):
        call()
