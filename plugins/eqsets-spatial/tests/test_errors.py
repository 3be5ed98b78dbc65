"""Bad input: each mistake has one clear message, and a missing e3nn as well."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from eqsets import DSS, FeatureTypeError, SetBatch, ShapeError, element_group

SPEC = "points: 2x0e + 1x1o"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0.0}, "radius=0.0, expected a distance above 0"),
        ({"radius": True}, "radius=True, expected a distance above 0"),
        ({"radius": float("nan")}, "radius=nan, expected a distance above 0"),
        ({"neighbors": 0}, "neighbors=0, expected a whole number from 1"),
        ({"neighbors": 2.5}, "neighbors=2.5, expected a whole number from 1"),
        ({"radius": 1.0, "degree": -1}, "degree=-1, expected a whole number from 0"),
        ({"radius": 1.0, "lmax": 2}, "the option 'lmax': choose one of 'basis', 'degree'"),
        ({"degree": 2}, "expected radius=, neighbors= or edges=True among them"),
    ],
)
def test_bad_option(options: dict[str, float], message: str) -> None:
    with pytest.raises(FeatureTypeError, match=message):
        DSS("spatial", SPEC, SPEC, **options)


def test_points_to_vectors_needs_a_pool() -> None:
    with pytest.raises(FeatureTypeError, match="both on points or neither"):
        DSS("spatial", SPEC, "2x0e + 1x1o", radius=1.0)


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (None, "got no positions"),
        ([[0.0, 0, 0]], "structure of type list"),
        (torch.zeros(4, 2), r"positions of shape \(4, 2\)"),
        (torch.zeros(4, 3).long(), "torch.int64"),
        (torch.zeros(2, 5, 4, 3), r"positions of shape \(2, 5, 4, 3\)"),
        (torch.zeros(7, 4, 3), r"positions of shape \(7, 4, 3\)"),
        (torch.zeros(2, 3, 5, 3), "got 4 points in x"),
        (torch.full((2, 3, 4, 3), float("nan")), "hold NaN or infinity"),
        (torch.full((4, 3), float("inf")), "hold NaN or infinity"),
    ],
)
def test_bad_positions(positions: object, message: str) -> None:
    layer = DSS("spatial", SPEC, SPEC, radius=1.0)
    with pytest.raises(ShapeError, match=message):
        layer(torch.zeros(2, 3, 4, 5), structure=positions)


def test_ragged_positions_belong_to_rows() -> None:
    layer = DSS("spatial", SPEC, SPEC, radius=1.0)
    batch = SetBatch.from_list([torch.zeros(2, 4, 5), torch.zeros(1, 4, 5)])
    with pytest.raises(ShapeError, match=r"\(R, P, 3\) or a SetBatch"):
        layer(batch, structure=torch.zeros(2, 4, 3))


def test_wrong_width_is_named() -> None:
    with pytest.raises(ShapeError, match="6 instead of 5"):
        DSS("spatial", SPEC, SPEC)(torch.zeros(2, 3, 4, 6))


@pytest.mark.slow
def test_missing_e3nn_is_one_message() -> None:
    script = """if True:
        import importlib.util, sys
        find = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: None if name == "e3nn" else find(name, *rest)
        import eqsets
        try:
            eqsets.element_group("spatial")
        except eqsets.PluginError as error:
            print(error)
        assert "e3nn" not in sys.modules
    """
    said = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert said.count("\\n") <= 1
    assert "needs 'e3nn'" in said
    assert 'pip install "e3nn' in said


@pytest.mark.slow
def test_the_name_is_listed_without_importing_e3nn() -> None:
    script = """if True:
        import sys, eqsets
        assert any(r.name == "spatial" and r.status == "ok" for r in eqsets.plugins())
        assert not {"e3nn", "sympy", "scipy"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", script], check=True)


def test_groups_are_equal_by_content() -> None:
    assert element_group("spatial") == element_group("spatial", reflections=True)
    assert element_group("spatial") != element_group("spatial", reflections=False)
