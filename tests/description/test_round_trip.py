"""Types, symmetries and networks come back from JSON and from files as they were."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import eqsets
from eqsets import DSS, GeneratedSymmetry, SetNetwork, Sets, element_group, from_dict, nn, to_dict
from eqsets.groups import MatrixGroup
from eqsets.nn import SetSequential
from eqsets.testing import check

COUNTS = st.integers(1, 9)
NAMED = st.one_of(
    st.just(("trivial", {})),
    st.builds(lambda n: ("cyclic", {"size": n}), st.integers(1, 6)),
    st.builds(lambda n: ("dihedral", {"size": n}), st.integers(1, 5)),
    st.builds(lambda n: ("symmetric", {"size": n}), st.integers(1, 4)),
    st.builds(
        lambda h, w, r: ("grid-rotations", {"height": h, "width": w, "reflections": r}),
        st.integers(1, 3),
        st.integers(1, 3),
        st.booleans(),
    ),
    st.builds(
        lambda d, p, s: ("translations", {"dims": d, "padding_mode": p, "stride": s}),
        st.integers(1, 3),
        st.sampled_from(["zeros", "circular"]),
        st.integers(1, 3),
    ),
)
SPECS: dict[str, Any] = {
    "translations": st.one_of(COUNTS, COUNTS.map("{} /2".format)),
    "trivial": st.one_of(COUNTS, COUNTS.map("{} trivial".format)),
}
POINTS = st.one_of(COUNTS, st.builds("{} {}".format, COUNTS, st.sampled_from(["points", "pairs"])))
PLUGINS: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("permutations", {"nodes": 4, "readout": "max"}, [3, "2 pairs"]),
    ("planar", {"rotations": 4, "reflections": True}, [3, "2 regular + 1 irrep(1)"]),
    ("planar", {"rotations": None, "max_frequency": 5}, ["2 trivial + 1 irrep(5)"]),
    ("spatial", {"reflections": True}, [4, "2x0e + 1x1o", "points: 1x0o + 2x2e"]),
    ("spatial", {"reflections": False}, ["2x0 + 1x1", "points: 3x0e"]),
    ("translations", {"dims": 1, "grid": 8}, ["3 /2"]),
]


def through_json(described: Any) -> Any:
    return from_dict(json.loads(json.dumps(to_dict(described), allow_nan=False)))


@settings(max_examples=60, deadline=None)
@given(NAMED, st.data())
def test_types_come_back_equal(named: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    name, options = named
    symmetry = element_group(name, **options)
    stored = symmetry.feature_type(data.draw(SPECS.get(name, POINTS)))
    result = through_json(stored)
    assert result == stored
    assert hash(result) == hash(stored)
    assert repr(result) == repr(stored)
    assert repr(through_json(symmetry)) == repr(symmetry)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "specs"), PLUGINS)
def test_types_of_plugins_come_back_equal(
    name: str, options: dict[str, Any], specs: list[Any]
) -> None:
    symmetry = element_group(name, **options)
    for spec in specs:
        stored = symmetry.feature_type(spec)
        result = through_json(stored)
        assert result == stored
        assert str(result) == str(stored)
    again = type(symmetry)(**options)  # made without its name, it is described in the same way
    assert to_dict(again)["element_group"]["name"] == name
    assert through_json(again).feature_type(specs[0]) == symmetry.feature_type(specs[0])


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(4)), st.integers(1, 3), st.booleans())
def test_generated_symmetries_are_described_by_generators(
    moves: list[int], count: int, first: bool
) -> None:
    symmetry = GeneratedSymmetry(permutations=[moves], points=(2, 2), channels_first=first)
    assert through_json(symmetry) == symmetry
    assert through_json(symmetry.feature_type(count)) == symmetry.feature_type(count)


def test_matrices_and_lie_algebras_come_back_to_the_last_digit() -> None:
    turn = torch.linalg.matrix_exp(torch.tensor([[0.0, -2.1], [2.1, 0.0]], dtype=torch.float64))
    for symmetry in (
        GeneratedSymmetry(matrices=[[[0.0, -1.0], [1.0, 0.0]]], label="quarters"),
        GeneratedSymmetry(lie_algebra=[[[0.0, -1.0], [1.0, 0.0]]], matrices=turn[None]),
        GeneratedSymmetry(group=MatrixGroup([[[0.0, -0.1], [0.1, 0.0]]])),
    ):
        result = through_json(symmetry)
        assert result == symmetry
        assert repr(result) == repr(symmetry)


NAMES = ["cyclic", "permutations", "planar", "product", "sets", "spatial", "translations"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_plugins_do_not_skip_the_laws(name: str) -> None:
    laws = ["EQA11-plain-description", "EQD12-plain-description"]
    report = check(name, profile="quick", only=laws)
    assert [result.status for result in report.results] == ["passed", "passed"], str(report)


COMPOSITES: list[Any] = [
    lambda: element_group("symmetric", size=3) * element_group("translations", dims=1),
    lambda: element_group("permutations") * element_group("spatial"),
    lambda: Sets(element_group("cyclic", size=3), 4, alignment="independent", aggregation="mean"),
    lambda: Sets(element_group("symmetric", size=2) * element_group("planar")),
    lambda: element_group("sets", inner="trivial", size=2),
]


@pytest.mark.parametrize("make", COMPOSITES)
def test_composites_come_back_equal(make: Any) -> None:
    symmetry = make()
    result = through_json(symmetry)
    assert repr(result) == repr(symmetry)
    for stored in (symmetry.feature_type(2), result.feature_type(2).with_channels(3)):
        assert through_json(stored) == stored
        assert repr(through_json(stored)) == repr(stored)
    torch.manual_seed(0)
    network = SetNetwork(symmetry, [2, 4], readout=3)
    again = through_json(network)
    again.load_state_dict(network.state_dict())
    assert repr(again) == repr(network)


NETWORKS: list[Any] = [
    lambda: DSS(element_group("cyclic", size=4), 2, 3, aggregation="sridhar"),
    lambda: DSS("trivial", 2, 4, aggregation="aittala", bias=False),
    lambda: DSS(element_group("dihedral", size=3), 1, 2, alignment="independent"),
    lambda: DSS("translations", 2, 4, kernel_size=(1, 3), stride=2),
    lambda: SetNetwork(
        "trivial", [2, 8, 8], normalization="batch", dropout_rate=0.2, set_pool="max"
    ),
    lambda: SetSequential(
        DSS("trivial", 2, 4),
        nn.norm("trivial", 4),
        nn.nonlinearity("trivial", 4, "gelu"),
        nn.dropout("trivial", 4, 0.3),
        SetSequential(nn.invariant("trivial", 4), nn.SetPool("trivial", 4, "sum")),
    ),
    lambda: SetSequential(
        nn.pool("translations", 2, kind="mean", size=2), nn.Readout("translations", "2 /2", 3)
    ),
]


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_networks_come_back_from_files(make: Any, dtype: torch.dtype) -> None:
    network, file = make().to(dtype).eval(), io.BytesIO()
    eqsets.save(network, file)
    file.seek(0)
    result = eqsets.load(file).eval()
    assert repr(result) == repr(network)
    assert to_dict(result) == to_dict(network)
    x = network.in_type.sample(2, 3, dtype=torch.float64).to(dtype)
    assert torch.equal(result(x), network(x))


def test_what_a_file_holds_asks_for_no_trust(tmp_path: Any) -> None:
    path = tmp_path / "network.pt"
    eqsets.save(DSS("trivial", 2, 3), path)
    held = torch.load(path, weights_only=True)
    assert json.loads(held["eqsets"])["kind"] == "DSS"
    assert eqsets.load(path, device="cpu").training
