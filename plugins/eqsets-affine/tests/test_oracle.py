"""Against slow and obvious ways: scipy's warps, torch's exponential of matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, ndimage
from torch import Tensor

from eqsets import transformation
from eqsets_affine.matrices import GENERATORS

AFFINE = transformation("affine")


def tangents(eta: Tensor) -> Tensor:
    basis = eta.new_tensor([GENERATORS[name] for name in AFFINE.names])
    rows = (eta @ basis).reshape(-1, 2, 3)
    return torch.cat([rows, torch.zeros(len(rows), 1, 3, dtype=eta.dtype)], 1)


def draw(seed: int, size: float, count: int = 500) -> Tensor:
    eta = size * torch.randn(
        count, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    eta[:, 2] = eta[:, 2].clamp(-3, 3)
    return eta


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-4, 0.03, 0.3, 1.0, 3.0])
def test_the_exponential(size: float) -> None:
    eta = draw(0, size)
    eta[::3, 3] = 0.0  # singular matrices, and shifts alone
    eta[::7, 2:] = 0.0
    g, expected = AFFINE.element(eta), torch.linalg.matrix_exp(-tangents(eta))
    gap = (g - expected).abs().amax((1, 2)) / expected.abs().amax((1, 2))
    assert gap.max() < 1e-13


def test_the_logarithm() -> None:
    eta = draw(1, 0.5, 50)
    g = AFFINE.element(eta)
    expected = torch.tensor(np.stack([linalg.logm(one) for one in g.numpy()]).real)
    actual = tangents(AFFINE.parameters(g))
    assert torch.allclose(actual, -expected, atol=1e-10)


def test_there_is_no_logarithm_of_what_no_exponential_reaches() -> None:
    g = torch.eye(3, dtype=torch.float64).repeat(3, 1, 1)
    g[0, 0, 0] = -1.0  # a reflection
    g[1, 0, 0], g[1, 1, 1] = -2.0, -1.0  # two negative scales
    eta = AFFINE.parameters(g)
    assert eta[:2].isnan().all()
    assert eta[2].abs().max() == 0


def test_half_turns_have_logarithms() -> None:
    eta = torch.zeros(2, 6, dtype=torch.float64)
    eta[:, 2] = torch.tensor([torch.pi, torch.pi - 1e-5])
    g = AFFINE.element(eta)
    assert torch.allclose(AFFINE.element(AFFINE.parameters(g)), g, atol=1e-9)


@pytest.mark.parametrize(("order", "budget"), [(0, 0.0), (1, 1e-12), (3, 2e-4)])
def test_warps_in_the_interior(order: int, budget: float) -> None:
    generator = torch.Generator().manual_seed(2)
    size = (28, 24)
    x = 2 * torch.rand(1, *size, generator=generator, dtype=torch.float64) - 1
    for _ in range(5):
        eta = AFFINE.sample(generator=generator, dtype=torch.float64)
        g = AFFINE.element(eta)
        actual = AFFINE.act(g, x, order=order)[0].numpy()
        back = AFFINE.group.inverse(g).numpy()
        half = (np.array(size) - 1) / 2
        scale = np.diag(half)
        matrix = scale @ back[:2, :2][::-1, ::-1] @ np.linalg.inv(scale)
        offset = half + scale @ back[:2, 2][::-1] - matrix @ half
        expected = ndimage.affine_transform(
            x[0].numpy(), matrix, offset, order=order, mode="mirror" if order == 3 else "constant"
        )
        positions = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1)
        source = positions @ matrix.T + offset
        # splines differ near the border: ours is natural, scipy's mirrors
        deep = ((source > 6) & (source < np.array(size) - 7)).all(-1)
        assert deep.sum() > 30
        assert np.abs(actual - expected)[deep].max() <= budget


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 999),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    far=st.floats(0.0, 3.0),
    fill=st.sampled_from([-1.0, 0.0, 0.3]),
)
def test_values_do_not_depend_on_whether_derivatives_are_wanted(
    seed: int, height: int, width: int, far: float, fill: float
) -> None:
    """Linear values without derivatives are computed another way, in a frame of fill."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(5, 2, height, width, generator=generator, dtype=torch.float64)
    eta = AFFINE.sample(5, generator=generator, dtype=torch.float64) * far
    plain = AFFINE.act(AFFINE.element(eta), x, fill=fill)
    expected = AFFINE.act(AFFINE.element(eta.requires_grad_()), x, fill=fill)
    assert expected.requires_grad
    assert torch.allclose(plain, expected, atol=1e-12)
    if far > 0.1 and min(height, width) > 1:  # the control
        assert not torch.allclose(AFFINE.act(AFFINE.element(-eta), x, fill=fill), expected)


def test_the_identity_and_whole_pixels_lose_no_digit() -> None:
    x = torch.randn(3, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    eta = torch.zeros(3, 6)
    assert torch.equal(AFFINE.act(AFFINE.element(eta), x), x)
    eta[:, 0] = 2 / 4  # two pixels: half a frame is four
    expected = x.roll(-2, -1).index_fill(-1, torch.tensor([7, 8]), -1.0)
    assert torch.equal(AFFINE.act(AFFINE.element(eta), x), expected)


@pytest.mark.parametrize("name", ["c4", "d4", "reflections"])
def test_finite_families_are_affine_maps(name: str) -> None:
    family = transformation(name)
    x = torch.rand(2, 6, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for g in family.group.elements():
        eta = family.parameters(g)
        turns = eta[0] if name != "reflections" else torch.zeros(())
        mirrors = {"c4": (0, 0), "d4": (eta[-1], 0), "reflections": (eta[0], eta[-1])}[name]
        g_turn = AFFINE.element(torch.tensor([0, 0, float(turns) * torch.pi / 2, 0, 0, 0]))
        flips = torch.tensor([1.0 - 2 * float(one) for one in mirrors] + [1.0])
        expected = AFFINE.act(g_turn @ flips.diag(), x)
        assert torch.allclose(family.act(g, x), expected, atol=1e-5)
