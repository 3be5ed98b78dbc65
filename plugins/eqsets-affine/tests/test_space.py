"""Signals, clouds and volumes: laws, oracles of the interpolation, and frames that do not flip."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from eqsets import OptionError, transformation
from eqsets.testing import check, parametrize_with_checks
from eqsets_affine.space.clouds import CloudFamily
from eqsets_affine.space.grids import interpolate, sources
from eqsets_affine.space.volumes import VolumeFamily

QUICK = [
    *("time", "circular-time", "amplitude", "time+amplitude", "axis-permutations"),
    *("cloud-rotation", "cloud-similarity", "cloud-affine", "cloud-similarity-2d"),
    "cloud-affine-2d",
]
VOLUMES = ["EQT01-identity", "EQT05-round-trip", "EQT07-batches", "EQT09-validity", "EQT18-frame"]


@pytest.mark.slow
@parametrize_with_checks(QUICK, profile="quick")
def test_laws(check):
    check()


@pytest.mark.slow
def test_laws_of_volumes():
    report = check("volume-similarity", profile="quick", only=VOLUMES)
    assert report.ok, report.failures


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("name", ["time", "volume-similarity", "volume-affine"])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_interpolation_is_that_of_scipy(name, order, generator):
    family = transformation(name)
    x = family.domain.sample(2, generator=generator)[..., :7] + 0.1
    size = family.domain.size_of(x)
    g = family.element(family.sample(2, generator=generator, dtype=torch.float64))
    at = sources(g, size)
    actual = interpolate(x, at, order)
    for k in range(2):
        inside = np.clip(at[k].flip(-1).T.numpy(), 0, np.array(size)[:, None] - 1.0)
        if order == 0:
            inside = np.round(inside)
        for channel in range(2):
            values = x[k, channel].numpy()
            expected = map_coordinates(values, inside, order=order, mode="mirror")
            assert np.allclose(actual[k, channel], expected, atol=1e-9)


@pytest.mark.parametrize("size", [(7,), (3, 5, 9)])
def test_shifts_are_in_half_lengths_of_the_longest_axis_the_last_axis_first(size):
    """Regression: with the first shift for all axes, volumes are moved along the diagonal."""
    shift = torch.tensor([0.5, -0.25, 1.0][: len(size)], dtype=torch.float64)
    g = torch.eye(len(size) + 1, dtype=torch.float64)
    g[:-1, -1] = shift
    at = sources(g, size).reshape(*size, len(size))
    rows = torch.meshgrid(*[torch.arange(n).double() for n in size], indexing="ij")
    expected = torch.stack(rows[::-1], -1) - shift * (max(size) - 1) / 2
    assert torch.allclose(at, expected, atol=1e-12)


def test_rotations_of_clouds_are_those_of_matrices(generator):
    family = CloudFamily()
    eta = family.sample(5, generator=generator, dtype=torch.float64)
    g = family.element(eta)
    linear = g[:, :3, :3] / eta[:, family.names.index("scale")].exp()[:, None, None]
    assert torch.allclose(linear @ linear.mT, torch.eye(3).double().expand(5, 3, 3))
    mirrored = eta[:, family.names.index("mirror")] == 1
    assert torch.equal(torch.linalg.det(linear) < 0, mirrored)
    x = torch.eye(3, dtype=torch.float64)
    turned = family.act(
        family.element(torch.tensor([0, 0, 0, pi / 2, 0, 0, 0, 0], dtype=x.dtype)), x
    )
    assert torch.allclose(turned[1], x[2])  # about x, y goes to z
    assert torch.allclose(turned[2], -x[1])


def test_angles_in_space_are_read_off_matrices(generator):
    """Of a rotation about each axis in turn, the second by less than a quarter."""
    family = CloudFamily()
    eta = torch.zeros(20, len(family.names), dtype=torch.float64)
    for axis, limit in (("x", pi), ("y", pi / 2), ("z", pi)):
        drawn = 2 * torch.rand(20, generator=generator, dtype=torch.float64) - 1
        eta[:, family.names.index(f"rotation_{axis}")] = 0.99 * limit * drawn
    assert torch.allclose(family.chart().coordinates(family.element(eta)), eta, atol=1e-6)


def test_a_rotation_of_a_quarter_exchanges_voxels(generator):
    family = VolumeFamily("rotation")
    x = torch.randn(1, 6, 6, 6, generator=generator, dtype=torch.float64)
    g = family.element(torch.tensor([0.0, 0.0, pi / 2], dtype=torch.float64))
    for order in (0, 1, 3):
        assert torch.allclose(family.act(g, x, order=order), x.rot90(-1, (-2, -1)), atol=1e-9)


def test_poses_are_moved_from_the_left(generator):
    chart = transformation("cloud-similarity").chart()
    z = 0.3 * torch.randn(4, 8, generator=generator, dtype=torch.float64)
    z[:, -1] = 0
    steps = torch.tensor([0.0, 0.5], dtype=torch.float64)
    for axis in range(3):
        index = chart.names.index(f"rotation_{'xyz'[axis]}")
        pose = z.clone()
        pose[:, [0, 1, 2, 6]] = 0
        unit = torch.zeros(8, dtype=torch.float64)
        unit[index] = 0.5
        moved = chart.along(z, index, steps)
        assert torch.allclose(moved[:, 0], chart.element(pose))
        assert torch.allclose(moved[:, 1], chart.element(unit) @ chart.element(pose))
    shifted = chart.along(z, chart.names.index("shift_x"), steps)[:, 1, :3, :3]
    assert torch.equal(shifted, torch.eye(3).double().expand(4, -1, -1))


@pytest.mark.parametrize("name", ["cloud-similarity", "cloud-similarity-2d"])
def test_signs_of_axes_do_not_flip_by_noise(name, generator):
    """By third moments alone they do: a shape with one that is nearly zero has either sign."""
    family = transformation(name)
    balanced = torch.tensor([3.0, *[-2.0] * 4, *[1.0] * 5])  # no third moment, but a fifth
    skewed = torch.tensor([-1.0, -1.0, 2.0])
    axes = [balanced, 0.5 * skewed, 0.2 * skewed][: family.dims]
    base = torch.cartesian_prod(*axes)
    x = base + 0.05 * torch.randn(200, *base.shape, generator=generator)
    frame = family.frame()

    def flips() -> float:
        g = frame(x).g
        return float(((g - g.median(0).values).abs().amax((1, 2)) > 0.5).float().mean())

    before = flips()
    frame.calibrate(x)
    assert flips() == 0.0
    assert before > 0.05  # control


def test_calibrated_frames_are_equivariant(generator):
    family = transformation("cloud-similarity")
    x = family.domain.sample(20, generator=generator)
    frame = family.frame().double()
    frame.calibrate(x)
    g = family.element(family.sample(20, generator=generator, dtype=torch.float64))
    moved = frame(family.act(g, x)).g
    assert torch.allclose(moved, family.group.compose(g, frame(x).g), atol=1e-8)


def test_bad_options_are_refused():
    with pytest.raises(OptionError, match="kind='turn' and dims=3, expected one of rotation"):
        CloudFamily("turn")
    with pytest.raises(OptionError, match="kind='turn', expected one of rotation"):
        VolumeFamily("turn")
