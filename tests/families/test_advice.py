"""Recommendations for signals, clouds, volumes and vectors: the lines to paste run."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

import eqsets
from eqsets.families import Clouds, MatrixFamily, Signals, Volumes
from eqsets.families.domains.recommend import Recommendation


@dataclass
class Finding:
    """A claim, as far as recommendations read it."""

    name: str
    role: str | None
    verdict: str = "full"
    levels: int | None = None
    p_uniform: float | None = 0.5

    @property
    def sentence(self) -> str:
        return f"{self.name}: {self.verdict}"


def layer_of(advice: Recommendation) -> torch.nn.Module:
    scope: dict[str, object] = {}
    exec(advice.code, scope)
    layer = scope["layer"]
    assert isinstance(layer, torch.nn.Module)
    return layer.double()


TURNS = [Finding(f"rotation_{axis}", "rotation") for axis in "xyz"]


@pytest.mark.parametrize(
    ("domain", "shape", "findings", "line"),
    [
        (Signals(), (2, 32), [Finding("time_shift", "shift", "partial")], "dims=1)"),
        (Signals(), (2, 32), [Finding("circular_shift", None)], 'padding_mode="circular")'),
        (Signals(), (2, 32), [Finding("gain", "value", "partial")], "dims=1)"),
        (Volumes(), (2, 8, 8, 8), [Finding("shift_x", "shift", "partial")], "dims=3)"),
    ],
)
def test_grids_get_convolutions(domain, shape, findings, line):
    advice = domain.recommend(findings, shape)
    assert line in advice.code
    x = torch.randn(2, 3, *shape, dtype=torch.float64)
    assert layer_of(advice)(x).shape == (2, 3, 16, *shape[1:])
    assert any(findings[0].sentence in reason for reason in advice.reasons)


def test_rotations_of_space_get_steerable_layers():
    pytest.importorskip("e3nn")
    advice = Clouds().recommend(TURNS, (9, 3))
    assert "reflections=False" in advice.code
    mirrored = Clouds().recommend([*TURNS, Finding("mirror", "reflection", levels=2)], (9, 3))
    assert "reflections=True" in mirrored.code
    x = torch.randn(2, 3, 9, 3, dtype=torch.float64)
    turn = eqsets.groups.OrthogonalGroup(3, special=True).sample()
    layer = layer_of(advice)
    ones = torch.ones_like(x[..., :1])
    first, second = layer(ones, structure=x), layer(ones, structure=x @ turn.mT)
    assert torch.allclose(first[..., :8], second[..., :8])  # scalars


@pytest.mark.parametrize(
    ("findings", "dims"), [(TURNS[2:], 3), ([Finding("rotation", "rotation")], 2)]
)
def test_rotations_about_one_axis_get_sets_of_vectors(findings, dims):
    advice = Clouds().recommend(findings, (9, dims))
    layer, x = layer_of(advice), torch.randn(2, 3, 9, dims, 1, dtype=torch.float64)
    angle = torch.tensor(0.7, dtype=torch.float64)
    turn = torch.eye(dims, dtype=torch.float64)
    turn[0, 0] = turn[1, 1] = angle.cos()
    turn[1, 0], turn[0, 1] = angle.sin(), -angle.sin()
    assert torch.allclose(layer(turn @ x), turn @ layer(x))
    assert torch.allclose(layer(x.flip(2)), layer(x).flip(2))  # points have no order


def test_clouds_without_a_symmetry_are_points_without_order():
    advice = Clouds().recommend([Finding("scale", "scale", "partial")], (9, 3))
    x = torch.randn(2, 3, 9, 3, dtype=torch.float64)
    layer = layer_of(advice)
    assert torch.allclose(layer(x.flip(2)), layer(x).flip(2))
    assert any("scale: partial" in reason for reason in advice.reasons)


def test_vectors_get_the_group_of_the_subgroups_that_act():
    family = MatrixFamily.rotations(3)
    names = [Finding(name, "rotation") for name in family.names]
    advice = family.recommend(names[:1], (3,))
    layer, x = layer_of(advice), torch.randn(2, 4, 3, 1, dtype=torch.float64)
    turn = family.element(torch.tensor([0.7, 0.0, 0.0], dtype=torch.float64))
    assert torch.allclose(layer(turn @ x), turn @ layer(x))
    other = family.element(torch.tensor([0.0, 0.7, 0.0], dtype=torch.float64))
    assert not torch.allclose(layer(other @ x), other @ layer(x))  # control
    none = family.recommend([Finding("rotation_12", "rotation", "absent")], (3,))
    assert layer_of(none)(x.flatten(2)).shape == (2, 4, 16)
