"""Feature types from text: what is understood, what is refused, and that nothing else happens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eqsets import FeatureTypeError, element_group
from eqsets_planar import Planar, PlanarFields

GROUPS = [Planar(4), Planar(8, True), Planar(1, True), Planar(None), Planar(None, True)]
NAMES = ["trivial", "regular", "irrep(1)", "irrep(1,1)", "quotient(2)", "quotient(1,2)", "irreps"]


@pytest.mark.parametrize(
    ("symmetry", "spec", "text", "size"),
    [
        (Planar(4), 3, "3 trivial", 3),
        (Planar(8), "16 regular", "16 regular", 128),
        (Planar(8, True), "regular", "1 regular", 16),
        (Planar(8), "2 irreps", "2 trivial + 2 irrep(1) + 2 irrep(2) + 2 irrep(3)", 14),
        (Planar(4), "irreps(2)", "1 trivial + 1 irrep(1) + 1 irrep(2)", 4),
        (Planar(4, True), "3 irrep(1)", "3 irrep(1,1)", 6),
        (Planar(8), "8 trivial+4 irrep( 2 )", "8 trivial + 4 irrep(2)", 16),
        (Planar(4), "2 trivial + 3", "5 trivial", 5),
        (Planar(4), "quotient(1) + quotient(4)", "1 regular + 1 trivial", 5),
        (Planar(4, True), "2 quotient(5,2)", "2 quotient(1,2)", 4),
        (Planar(None), "irreps(1)", "1 trivial + 1 irrep(1)", 3),
        (Planar(None, True), "irrep(1,0)", "1 irrep(1,0)", 1),
    ],
)
def test_spec_means(symmetry: Planar, spec: object, text: str, size: int) -> None:
    fields = symmetry.feature_type(spec)
    assert (str(fields), fields.size, fields.layout) == (text, size, (size, "H", "W"))
    assert symmetry.feature_type(text) == fields
    assert eval(repr(fields), {"element_group": element_group}) == fields
    assert symmetry.feature_type(fields) is fields


@pytest.mark.parametrize(
    ("symmetry", "spec", "match"),
    [
        (Planar(4), "16 reglar", "Did you mean 'regular'"),
        (Planar(4), "", "cannot read ''"),
        (Planar(4), "3 trivial +", "cannot read ''"),
        (Planar(4), "0 regular", "0 fields"),
        (Planar(4), "-1", "cannot read '-1'"),
        (Planar(4), True, "True of bool"),
        (Planar(4), 2.5, "2.5 of float"),
        (Planar(4), None, "None of NoneType"),
        (Planar(4), "irrep(3)", "k of at most 2"),
        (Planar(4), "irrep", r"C4 has no irrep\(\)"),
        (Planar(4), "quotient(3)", "n dividing 4"),
        (Planar(4), "regular(2)", "takes no numbers"),
        (Planar(4), "irrep(1,,2)", "cannot read the numbers"),
        (Planar(4, True), "irrep(2)", r"one of two, expected irrep\(j,k\)"),
        (Planar(4, True), "irrep(0,1)", "expected j = 1"),
        (Planar(None), "16 regular", "Write irreps"),
        (Planar(None), "quotient(2)", "Write irreps"),
        (Planar(None), "irrep(4)", "Raise max_frequency"),
        (Planar(None), "irreps(9)", "expected one number up to 3"),
    ],
)
def test_bad_spec_is_refused(symmetry: Planar, spec: object, match: str) -> None:
    with pytest.raises(FeatureTypeError, match=match):
        symmetry.feature_type(spec)


def test_type_of_another_group_is_refused() -> None:
    with pytest.raises(FeatureTypeError, match="expected fields of its own group C4"):
        Planar(4).feature_type(Planar(8).feature_type(3))
    with pytest.raises(FeatureTypeError, match="expected fields of its own group C4"):
        Planar(4).feature_type(element_group("trivial").feature_type(3))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(GROUPS),
    st.text(max_size=30)
    | st.text(alphabet="0123 +,()irepsqutognalv", max_size=30)
    | st.integers(-3, 10**9)
    | st.none()
    | st.booleans()
    | st.floats()
    | st.binary(max_size=3)
    | st.lists(st.integers(), max_size=2),
)
def test_parser_reads_or_refuses_anything(symmetry: Planar, spec: object) -> None:
    try:
        fields = symmetry.feature_type(spec)
    except FeatureTypeError:
        return
    assert symmetry.feature_type(str(fields)) == fields
    assert eval(repr(fields), {"element_group": element_group}) == fields


@given(
    st.sampled_from(GROUPS),
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(NAMES)), min_size=1, max_size=4),
)
def test_types_survive_their_text(symmetry: Planar, terms: list[tuple[int, str]]) -> None:
    try:
        fields = symmetry.feature_type(" + ".join(f"{count} {name}" for count, name in terms))
    except FeatureTypeError:
        return
    assert symmetry.feature_type(str(fields)) == fields
    assert isinstance(fields, PlanarFields)
    half = fields.with_channels(1)
    assert half.with_channels(fields.channels) == fields


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"rotations": 0}, "rotations=0"),
        ({"rotations": 4.0}, "rotations=4.0"),
        ({"rotations": True}, "rotations=True"),
        ({"reflections": 1}, "reflections=1"),
        ({"max_frequency": -1}, "max_frequency=-1"),
        ({"grid": 0}, "grid=0"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], match: str) -> None:
    with pytest.raises(FeatureTypeError, match=match):
        Planar(**options)  # type: ignore[arg-type]
