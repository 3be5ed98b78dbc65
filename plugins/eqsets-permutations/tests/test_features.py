"""Feature types: what specifications are understood, and that the rest is refused."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eqsets import FeatureTypeError, element_group
from eqsets_permutations.features import NodeFeatures, PairFeatures, parse

SPECS = re.compile(r"\s*[0-9]+\s*(node|nodes|pair|pairs)?\s*")


@given(st.one_of(st.text(), st.from_regex(SPECS, fullmatch=True), st.integers(), st.floats()))
def test_parser_returns_a_type_or_says_why_not(spec: object) -> None:
    try:
        kind = parse(spec, 5)
    except FeatureTypeError:
        return
    assert kind.count > 0
    assert kind == parse(str(kind), 5) == parse(kind, 9) == eval(repr(kind))


@pytest.mark.parametrize("spec", [0, -1, True, None, 2.0, "", "x", "0 nodes", "3 edges", [3]])
def test_other_specifications_are_refused(spec: object) -> None:
    with pytest.raises(FeatureTypeError, match="expected a number of channels"):
        parse(spec, 5)


def test_symmetry_refuses_bad_options() -> None:
    with pytest.raises(FeatureTypeError, match="nodes=0, expected a whole number"):
        element_group("permutations", nodes=0)
    with pytest.raises(FeatureTypeError, match="Did you mean 'mean'"):
        element_group("permutations", readout="meen")


@pytest.mark.parametrize("kind", [NodeFeatures(2, 4), PairFeatures(2, 4)])
def test_action_is_a_homomorphism(kind: NodeFeatures | PairFeatures) -> None:
    generator = torch.Generator().manual_seed(0)
    g, h = kind.group.sample(2, 3, generator=generator)
    x = kind.sample(3, generator=generator)
    twice = kind.transform(g, kind.transform(h, x))
    assert torch.equal(twice, kind.transform(kind.group.compose(g, h), x))
    assert torch.equal(kind.transform(kind.group.identity(), x), x)
    moved = kind.transform(g[0], x[0])
    source = (1, 2) if isinstance(kind, PairFeatures) else (1,)
    assert torch.equal(moved[tuple(g[0][p] for p in source)], x[0][source])
