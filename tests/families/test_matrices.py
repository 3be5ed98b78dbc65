"""Vectors under matrix groups: laws, circles and lines, logarithms, and what is refused."""

from __future__ import annotations

from math import pi

import pytest
import torch

from eqsets import GeneratedSymmetry, OptionError, transformation
from eqsets.families import MatrixFamily
from eqsets.families.logarithm import matrix_logarithm
from eqsets.groups import FiniteGroup, MatrixGroup, OrthogonalGroup
from eqsets.testing import check

TURN, BOOST, SHEAR = (
    [[0.0, -1.0], [1.0, 0.0]],
    [[0.0, 1.0], [1.0, 0.0]],
    [[0.0, 1.0], [0.0, 0.0]],
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "family",
    [
        MatrixFamily.rotations(3),
        MatrixFamily([TURN]),
        MatrixFamily([SHEAR, torch.eye(2).tolist()], names=("shear", "scale")),
    ],
    ids=["rotations", "turn", "shear-scale"],
)
def test_it_satisfies_the_laws(family):
    report = check(family, profile="quick")
    assert report.ok, report.failures


def test_a_group_a_symmetry_and_a_lie_algebra_are_the_same():
    group = MatrixGroup(lie_algebra=[TURN])
    families = [MatrixFamily(one) for one in ([TURN], group, GeneratedSymmetry(group=group))]
    assert families[0] == families[1] == families[2]
    assert MatrixFamily(OrthogonalGroup(3)).basis.shape == (3, 3, 3)
    assert transformation("vector-rotations-4d") == MatrixFamily.rotations(4)


def test_rotations_keep_lengths_and_turn_the_first_axis_to_the_second():
    """Regression: a generator with a sign of the other half made hyperbolic rotations."""
    family = MatrixFamily.rotations(3)
    assert torch.equal(family.basis.mT, -family.basis)
    quarter = family.element(torch.tensor([[pi / 2, 0.0, 0.0]], dtype=torch.float64))[0]
    expected = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).double()
    assert torch.allclose(quarter, expected, atol=1e-12)
    circle = MatrixFamily([TURN]).parameters_of_eta[0]
    assert (circle.low, circle.high) == pytest.approx((-pi, pi))


def test_subgroups_that_close_are_circles():
    double = (2 * torch.tensor(TURN)).tolist()
    periods = [MatrixFamily([one]).periodic[0] for one in (TURN, double, BOOST, SHEAR)]
    assert periods == [pytest.approx(2 * pi), pytest.approx(pi), None, None]
    winding = torch.zeros(4, 4)
    winding[:2, :2], winding[2:, 2:] = torch.tensor(TURN), 2**0.5 * torch.tensor(TURN)
    assert MatrixFamily(winding[None]).periodic == (None,)  # it winds, and never closes


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_logarithm_inverts_the_exponential(size):
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(20, size, size, generator=generator, dtype=torch.float64)
    a = a * (1.4 / torch.linalg.matrix_norm(a, 2)[:, None, None])
    assert torch.allclose(matrix_logarithm(torch.linalg.matrix_exp(a)), a, atol=1e-9)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (FiniteGroup(torch.tensor([TURN])), "which has no Lie algebra"),
        ([[0.0, 1.0]], r"no Lie algebra \(shape \(1, 2\)\), expected matrices"),
        ("rotations", "got 'rotations', which has no Lie algebra"),
        (torch.zeros(1, 2, 2), "a generator of zeros"),
    ],
)
def test_what_has_no_lie_algebra_is_refused(given, message):
    with pytest.raises(OptionError, match=message):
        MatrixFamily(given)


def test_names_are_one_for_each_generator():
    with pytest.raises(OptionError, match="got 1 names for 2 generators"):
        MatrixFamily([TURN, BOOST], names=("turn",))
