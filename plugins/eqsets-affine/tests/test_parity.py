"""Vectors that the published code computed: matrices, directions, splines."""

from __future__ import annotations

import pytest
import torch

from eqsets import transformation
from eqsets_affine import AffineFamily
from eqsets_affine.warping.spline import spline_matrix

FAMILY = transformation("affine-no-shear")


def backward(*etas: tuple[float, ...]) -> torch.Tensor:
    """Return the matrix from positions of the output to positions of the input, first eta first."""
    g = FAMILY.group.identity()
    for eta in etas:
        g = FAMILY.group.compose(FAMILY.element(torch.tensor(eta, dtype=torch.float64)), g)
    return FAMILY.group.inverse(g)


def test_the_exponential() -> None:
    expected = [[1.148712, -0.599949, 0.250404], [0.599949, 0.648754, -0.024360], [0, 0, 1]]
    actual = backward((0.2, -0.1, 0.6, 0.3, -0.2))
    assert torch.allclose(actual, torch.tensor(expected).double(), atol=1e-6)


def test_the_order_of_composition() -> None:
    expected = [[1.18461, -0.43380, 0.00464], [0.64716, 0.79407, 0.19151], [0, 0, 1]]
    actual = backward((0.1, 0, 0.5, 0, 0), (0, 0.2, 0, 0.3, -0.1))
    assert torch.allclose(actual, torch.tensor(expected).double(), atol=1e-5)


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize(
    ("eta", "position"),
    [
        ((0.25, 0, 0, 0, 0), (14, 16.5)),
        ((0, 0.25, 0, 0, 0), (10.5, 20)),
        ((0, 0, torch.pi / 2, 0, 0), (8, 14)),
        ((0, 0, 0, 0.7, 0), (14, 17)),
    ],
)
def test_directions(order: int, eta: tuple[float, ...], position: tuple[float, float]) -> None:
    row = torch.arange(29.0)
    spot = (-((row[:, None] - 14) ** 2 + (row - 20) ** 2) / 4).exp()[None]
    moved = FAMILY.act(FAMILY.element(torch.tensor(eta)), 2 * spot - 1, order=order)[0] + 1
    actual = [(moved.sum(1 - axis) @ row / moved.sum()).item() for axis in (0, 1)]
    assert actual == pytest.approx(position, abs=0.03)


def test_the_natural_spline_of_an_impulse() -> None:
    x = torch.zeros(1, 3, 6, dtype=torch.float64)
    x[..., 2] = 1
    family = AffineFamily("translation")
    positions = [0.25, 1.5, 2, 2.5, 3.75, 4.5, 4.99]
    expected = [-0.10093, 0.60945, 1, 0.59868, -0.06998, 0.04306, 0.00115]
    for position, value in zip(positions, expected, strict=True):
        # read the column that is left of `position`, moved there
        column = int(position)
        shift = torch.tensor([(position - column) / 2.5, 0.0], dtype=torch.float64)
        moved = family.act(family.element(shift), x, order=3)
        assert moved[0, 1, column].item() == pytest.approx(value, abs=1e-5)


def test_the_spline_goes_through_its_points_and_is_straight_at_both_ends() -> None:
    c = spline_matrix(7)
    assert torch.allclose(
        (c[:-2] + 4 * c[1:-1] + c[2:]) / 6, torch.eye(7, dtype=torch.float64), atol=1e-14
    )
    bend = c[:-2] - 2 * c[1:-1] + c[2:]
    assert bend[[0, -1]].abs().max() < 1e-14


def test_products_of_members_without_shear_have_shear() -> None:
    etas = torch.tensor([[0, 0, 0.8, 0, 0], [0, 0, 0, 0.25, -0.25]], dtype=torch.float64)
    g = FAMILY.group.compose(*FAMILY.element(etas))
    assert FAMILY.parameters(g).isnan().all()
    eta = transformation("affine").parameters(g)
    assert eta[5].abs().item() == pytest.approx(0.2, abs=0.01)
    assert torch.allclose(transformation("affine").element(eta), g)
