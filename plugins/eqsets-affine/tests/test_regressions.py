"""What users of the published code met, and must not meet here (spec, section 10)."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch.autograd import gradcheck
from torch.func import jacfwd, jacrev, vmap

from eqsets import OptionError, ShapeError, transformation
from eqsets_affine import AffineFamily
from eqsets_affine.warping.spline import SplineFilter

FAMILY = transformation("affine-no-shear")


def images(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(*shape, generator=generator, dtype=dtype) - 1


@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_transformation_and_its_inverse_leave_every_pixel(order: int) -> None:
    """D7: the published warp turned 927 of 156,800 pixels into fill."""
    x = images(200, 1, 28, 28, dtype=torch.float32)
    g = FAMILY.element(FAMILY.sample(200, generator=torch.Generator().manual_seed(1)))
    one = FAMILY.group.compose(FAMILY.group.inverse(g), g)
    assert not torch.equal(one, FAMILY.group.identity(200, dtype=torch.float32))
    assert (FAMILY.act(one, x, order=order) - x).abs().max() < 2e-5
    assert FAMILY.validity(one, x).min() > 1 - 2e-5


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("pixels", [0.25, 0.5, 1.0, 1.5])
def test_all_four_borders_behave_equally(order: int, pixels: float) -> None:
    """D7: half a pixel beyond the first row was fill, beyond the last one extrapolated."""
    x, step = images(1, 9, 9), pixels / 4

    def shifted(x: torch.Tensor, along: float, down: float) -> torch.Tensor:
        eta = torch.tensor([along, down, 0, 0, 0], dtype=torch.float64)
        return FAMILY.act(FAMILY.element(eta), x, order=order)

    left = shifted(x, step, 0)
    assert torch.allclose(shifted(x.flip(-1), -step, 0).flip(-1), left)
    assert torch.allclose(shifted(x.mT, 0, step).mT, left)
    assert torch.allclose(shifted(x.mT.flip(-2), 0, -step).flip(-2).mT, left)


@pytest.mark.parametrize("pixels", [0.3, 0.5, 1.0])
def test_what_leaves_is_blended_by_the_part_that_left(pixels: float) -> None:
    x = torch.ones(1, 5, 5, dtype=torch.float64)
    for sign in (-1, 1):
        g = FAMILY.element(torch.tensor([sign * pixels / 2, 0, 0, 0, 0], dtype=torch.float64))
        edge = FAMILY.act(g, x, order=3)[0, 2]
        outermost = edge[-1 if sign > 0 else 0]
        assert outermost.item() == pytest.approx(1 - 2 * pixels)


@pytest.mark.parametrize("order", [1, 3])
def test_derivatives_are_those_of_finite_differences(order: int) -> None:
    eta = FAMILY.sample(2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    x = images(2, 2, 5, 4).requires_grad_()

    def moved(eta: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return FAMILY.act(FAMILY.element(eta), x, order=order)

    assert gradcheck(moved, (eta.requires_grad_(), x))


def test_derivatives_at_the_identity_with_content_up_to_the_border() -> None:
    zero = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    x = images(1, 4, 6)
    assert gradcheck(lambda eta: FAMILY.act(FAMILY.element(eta), x, order=3), (zero,))
    assert gradcheck(lambda eta: FAMILY.parameters(FAMILY.element(eta)), (zero,))


def test_rotation_is_a_circle() -> None:
    """D12: the published one is a real number."""
    eta = torch.tensor([0.1, 0.0, 3.0, 0.2, -0.1], dtype=torch.float64)
    around = eta + torch.tensor([0, 0, 2 * torch.pi, 0, 0], dtype=torch.float64)
    assert torch.allclose(FAMILY.element(eta), FAMILY.element(around))
    assert torch.allclose(FAMILY.wrap(around), eta)


def test_a_rotation_of_a_wide_image_is_one_on_the_screen_in_pixel_coordinates() -> None:
    x = torch.full((1, 21, 41), -1.0, dtype=torch.float64)
    x[0, 10, 25] = 1.0
    quarter = torch.tensor([torch.pi / 2], dtype=torch.float64)
    family = AffineFamily("rotation", "pixels")
    moved = family.act(family.element(quarter), x)
    assert moved[0, 5, 20].item() == pytest.approx(1.0)
    frame = AffineFamily("rotation").act(family.element(quarter), x)
    assert frame[0, 5, 20] < 0


def test_coefficients_are_computed_once_and_travel() -> None:
    """D17: the published code makes its filter again inside of every trace."""
    family, x = AffineFamily("affine"), images(1, 8, 8)
    family.act(family.group.identity(), x, order=3)
    before = dict(family._coefficients._matrices)
    family.act(family.group.identity(), x, order=3)
    assert all(family._coefficients._matrices[key] is value for key, value in before.items())
    copy = pickle.loads(pickle.dumps(family))
    assert copy == family == AffineFamily("affine")
    assert hash(copy) == hash(family)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 3), (4, 1)])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_tiny_images(size: tuple[int, int], order: int) -> None:
    x = images(2, 1, *size)
    g = FAMILY.group.identity(2)
    assert torch.allclose(FAMILY.act(g, x, order=order), x)
    g = FAMILY.element(FAMILY.sample(2, generator=torch.Generator().manual_seed(3)))
    assert FAMILY.act(g, x, order=order).isfinite().all()


@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_transformation_that_is_none_spoils_its_own_image_alone(order: int) -> None:
    x, g = images(3, 2, 6, 5), FAMILY.group.identity(3)
    g[1] = torch.nan  # as family.parameters says where there is none
    g[2, 0] = 0.0  # has no inverse
    moved = FAMILY.act(g, x, order=order)
    assert torch.allclose(moved[0], x[0])
    assert order == 0 or moved[1].isnan().all()


def test_bad_input_is_refused() -> None:
    g, x = FAMILY.group.identity(), images(1, 4, 4)
    with pytest.raises(ShapeError, match=r"images of shape \(4, 4\).*x\[:, None\]"):
        FAMILY.act(g, x[0])
    with pytest.raises(ShapeError, match=r"torch.uint8.*x.float\(\) / 127.5 - 1"):
        FAMILY.act(g, x.to(torch.uint8))
    with pytest.raises(OptionError, match="interpolation order 2"):
        FAMILY.act(g, x, order=2)
    with pytest.raises(ShapeError, match=r"eta of shape \(4,\).*shift_x, shift_y, rotation"):
        FAMILY.element(torch.zeros(4))
    with pytest.raises(ShapeError, match=r"group elements of shape \(2, 2\)"):
        FAMILY.act(torch.eye(2), x)
    with pytest.raises(ShapeError, match=r"bounds of shape \(2,\), expected \(5, 2\)"):
        FAMILY.sample(bounds=torch.tensor([0.0, 1.0]))
    with pytest.raises(OptionError, match="kind='afine', expected one of affine, "):
        AffineFamily("afine")
    with pytest.raises(OptionError, match="coordinates='screen', expected one of frame, pixels"):
        transformation("affine", coordinates="screen")
    with pytest.raises(OptionError, match=r"shift_x, shift_y twice"):
        transformation("translation+translation")
    with pytest.raises(ShapeError, match="4 x 5 pixels, expected as many rows as columns"):
        transformation("c4").act(torch.tensor(1), images(1, 4, 5))


@pytest.mark.parametrize("order", [1, 3])
def test_forward_and_backward_jacobians_agree(order: int) -> None:
    family, x = AffineFamily("affine"), images(2, 6, 7)
    eta = 0.1 * torch.randn(6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def moved(eta: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return family.act(family.element(eta), x, order=order)

    for argument in (0, 1):
        forward, back = (f(moved, argument)(eta, x) for f in (jacfwd, jacrev))
        assert torch.allclose(forward, back, atol=1e-12)
        assert back.abs().max() > 0.1
    each = vmap(jacrev(moved), (0, None))(eta.expand(3, 6), x)
    assert torch.allclose(each, jacrev(moved)(eta, x).expand_as(each), atol=1e-12)


def test_a_family_outlives_the_transforms_that_used_it() -> None:
    """Stored coefficients were wrappers of torch.func, which have no storage."""
    family, x = AffineFamily("affine"), images(1, 6, 7)
    jacrev(lambda x: family.act(family.group.identity(), x, order=3))(x)
    assert pickle.loads(pickle.dumps(family)) == family
    g = family.group.identity().requires_grad_()
    family.act(g, x, order=3).sum().backward()
    assert g.grad is not None


def test_autocast_moves_no_pixel() -> None:
    """Group elements were computed in bfloat16: 2.4 pixels off on images of 256."""
    eta = FAMILY.sample(16, generator=torch.Generator().manual_seed(0))
    expected = FAMILY.element(eta)
    with torch.autocast("cpu", torch.bfloat16):
        g = FAMILY.element(eta)
        back = FAMILY.parameters(g)
        bad = eta.bfloat16() @ torch.eye(5).bfloat16()  # control: what autocast would do
    assert float((g - expected).abs().max()) * 128 < 1e-3
    assert torch.allclose(back, FAMILY.wrap(eta), atol=1e-4)
    assert float((FAMILY.element(bad) - expected).abs().max()) * 128 > 0.5


def test_matrices_of_the_spline_are_stored_outside_of_transforms_only() -> None:
    """An eager call stores them; one under vmap or grad may not store its wrappers."""
    prefilter, x = SplineFilter(), images(3, 1, 5, 7)
    vmap(prefilter)(x)
    assert prefilter.matrix(5, x) is prefilter.matrix(5, x)
    assert torch.equal(vmap(prefilter)(x), prefilter(x))
