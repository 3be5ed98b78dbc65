"""Feature types: what parses, what it means, and that they rotate as e3nn says."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st

from eqsets import FeatureTypeError, InvariantFeatures, element_group
from eqsets_spatial.features import IrrepsFeatures
from eqsets_spatial.harmonics import harmonic_steps, harmonics, wigner_matrices

DOUBLE = torch.float64


@pytest.fixture(scope="module")
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (8, "8x0e"),
        ("8", "8x0e"),
        ("8x0e + 4x1o", "8x0e+4x1o"),
        ("1o", "1x1o"),
        ("2x1y", "2x1o"),
        ("2x0e + 0x3o + 3x0e", "2x0e+3x0e"),
        ("1x1o + 1x0e + 1x1o", "1x1o+1x0e+1x1o"),
        ("points: 8", "points: 8x0e"),
        (" points :8x0e+1o", "points: 8x0e+1x1o"),
        (o3.Irreps("3x2e + 1x0e"), "3x2e+1x0e"),
        (o3.Irrep("1o"), "1x1o"),
        (o3.Irreps.spherical_harmonics(2), "1x0e+1x1o+1x2e"),
    ],
)
def test_spec_parses(spec: object, text: str) -> None:
    kind = element_group("spatial").feature_type(spec)
    assert str(kind) == text
    assert element_group("spatial").feature_type(text) == kind
    assert hash(element_group("spatial").feature_type(kind)) == hash(kind)
    assert eval(repr(kind), {"element_group": element_group}) == kind


def test_rotations_alone_do_not_distinguish_parities() -> None:
    turns = element_group("spatial", reflections=False)
    kind = turns.feature_type("4x1o")
    assert kind == turns.feature_type("4x1e") == turns.feature_type("4x1")
    assert str(turns.feature_type("2x0 + 3x0o + 1x1")) == "2x0e+3x0e+1x1e"


def test_points_option_says_what_the_string_says() -> None:
    space = element_group("spatial")
    assert space.feature_type("1o", points=True) == space.feature_type("points: 1o")
    assert space.feature_type("points: 2").layout == ("P", 2)
    assert space.feature_type(InvariantFeatures(3)) == InvariantFeatures(3)


@pytest.mark.parametrize(
    "spec",
    [
        *(0, -1, True, None, 2.5, "", " ", "points:", "8x", "x0e", "1q", "-1x0e", "1x-1e", "0x1o"),
        *("8x0e 4x1o", "pixels: 8x0e", "points: points: 8", "9" * 5000, "²", [(1, "1o")], (1, 2)),
        *("8x0e,4x1o", "1x1", "4 trivial"),
    ],
)
def test_bad_spec_says_how_to_write_it(spec: object) -> None:
    with pytest.raises(FeatureTypeError, match="Write for example 8, '8x0e"):
        element_group("spatial").feature_type(spec)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=20),
        st.text("0123456789xeoy+ :pints-._²", max_size=20),
        st.integers(-3, 10**9),
        st.none() | st.booleans() | st.floats() | st.binary(max_size=3),
    ),
    st.booleans(),
)
def test_parser_survives_anything(spec: object, reflections: bool) -> None:
    space = element_group("spatial", reflections=reflections)
    try:
        kind = space.feature_type(spec)
    except FeatureTypeError:
        return
    assert isinstance(kind, IrrepsFeatures)
    assert space.feature_type(str(kind)) == kind
    assert eval(repr(kind), {"element_group": element_group}) == kind


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 11), st.sampled_from("eo")), min_size=1),
    st.booleans(),
)
def test_types_survive_their_text(terms: list[tuple[int, int, str]], points: bool) -> None:
    text = " + ".join(f"{count}x{degree}{parity}" for count, degree, parity in terms)
    space = element_group("spatial")
    if not any(count for count, _, _ in terms):
        with pytest.raises(FeatureTypeError):
            space.feature_type(text)
        return
    kind = space.feature_type(text, points=points)
    assert isinstance(kind, IrrepsFeatures)
    assert kind.irreps.simplify() == o3.Irreps(text).simplify()
    assert space.feature_type(str(kind)) == kind
    assert eval(repr(kind), {"element_group": element_group}) == kind


def test_type_of_another_group_is_refused() -> None:
    turns, space = element_group("spatial", reflections=False), element_group("spatial")
    with pytest.raises(FeatureTypeError, match="expected a type of its own group"):
        space.feature_type(turns.feature_type("1x1"))
    with pytest.raises(FeatureTypeError, match="expected a type of its own group"):
        space.feature_type(element_group("cyclic", size=3).feature_type(1))
    with pytest.raises(FeatureTypeError, match="expected both to say the same"):
        space.feature_type(space.feature_type("1o"), points=True)
    with pytest.raises(FeatureTypeError, match="expected True for O"):
        element_group("spatial", reflections=3)


def test_matrices_are_those_of_e3nn(generator: torch.Generator) -> None:
    g = element_group("spatial").group.sample(20, generator=generator)
    rotation = g * torch.linalg.det(g)[:, None, None]
    angles = [angle.double() for angle in o3.matrix_to_angles(rotation)]
    for degree, matrix in enumerate(wigner_matrices(g, 5)):
        expected = o3.wigner_D(degree, *angles).double()
        assert torch.allclose(matrix, expected, atol=1e-5)  # e3nn's generators are float32 here
        eye = torch.eye(2 * degree + 1, dtype=DOUBLE)
        assert (matrix @ matrix.mT - eye).abs().max() < 1e-14
        both = wigner_matrices(g[:10] @ g[10:], degree)[degree]
        assert (both - matrix[:10] @ matrix[10:]).abs().max() < 1e-14


def test_matrices_are_exact_at_the_poles() -> None:
    quarter = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]], dtype=DOUBLE)
    matrix = wigner_matrices(quarter, 4)[4]
    assert (torch.linalg.matrix_power(matrix, 4) - torch.eye(9, dtype=DOUBLE)).abs().max() < 1e-14


def test_harmonics_are_those_of_e3nn(generator: torch.Generator) -> None:
    where = torch.randn(20, 3, generator=generator, dtype=DOUBLE)
    where = where / where.norm(dim=1, keepdim=True)
    for degree, values in enumerate(harmonics(where, harmonic_steps(5))):
        expected = o3.spherical_harmonics(degree, where, False, normalization="component")
        assert (values - expected).abs().max() < 1e-14


def test_vectors_rotate_by_the_matrix_itself(generator: torch.Generator) -> None:
    space = element_group("spatial")
    g = space.group.sample(generator=generator)
    x = torch.randn(7, 3, generator=generator, dtype=DOUBLE)
    assert torch.allclose(space.feature_type("1o").transform(g, x), x @ g.T)
    assert torch.allclose(space.feature_type("points: 1o").transform(g, x), x @ g.T)
    axial = space.feature_type("1e").transform(g, x)
    assert torch.allclose(axial, torch.linalg.det(g) * (x @ g.T))


def test_e3nn_sees_the_same_irreps() -> None:
    kind = element_group("spatial").feature_type("8x0e + 4x1o")
    assert isinstance(kind, IrrepsFeatures)
    assert kind.irreps == o3.Irreps("8x0e + 4x1o")
    assert kind.layout == (20,)
    assert kind.with_channels is not None
    with pytest.raises(FeatureTypeError, match="no channel axis"):
        kind.with_channels(2)
