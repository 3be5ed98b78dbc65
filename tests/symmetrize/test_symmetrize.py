"""Networks of any kind inside a group: equivariant whatever the network, and unchanged if it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from eqsets import (
    ElementSymmetry,
    EqsetsError,
    FeatureType,
    FeatureTypeError,
    GeneratedSymmetry,
    GroupError,
    InvariantFeatures,
    OptionError,
    ShapeError,
    element_group,
    equivariance_error,
    symmetrize,
)
from eqsets.groups import MatrixGroup, OrthogonalGroup

D = torch.float64


class Dense(nn.Module):
    """A network that no group commutes with: all components of a row, mixed."""

    def __init__(self, in_type: FeatureType, out_type: FeatureType, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.shape = out_type.sample().shape
        width = in_type.sample().numel()
        self.layers = nn.Sequential(
            nn.Linear(width, 16), nn.Tanh(), nn.Linear(16, self.shape.numel())
        )
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        y: Tensor = self.layers(x.flatten(1))
        return y.reshape(len(x), *self.shape)


def turns() -> ElementSymmetry:
    return element_group("grid-rotations", height=4, width=4, reflections=True)


def rotations(d: int, special: bool = True) -> ElementSymmetry:
    return GeneratedSymmetry(group=OrthogonalGroup(d, special=special))


CASES: dict[str, tuple[Callable[[], ElementSymmetry], Any, Any, dict[str, Any], float]] = {
    "average, turns": (turns, 2, 3, {}, 1e-12),
    "average, turns, invariant": (turns, 2, "5 trivial", {}, 1e-12),
    "average, ring": (lambda: element_group("dihedral", size=5), 2, 2, {}, 1e-12),
    "average, planar rotations": (lambda: rotations(2), 3, 2, {"samples": 64}, 1e-6),
    "average, planar with mirrors": (lambda: rotations(2, False), 3, 2, {"samples": 64}, 1e-6),
    "frames, turns": (turns, 2, 3, {"how": "frames"}, 1e-12),
    "frames, rotations": (lambda: rotations(3), 4, 2, {"how": "frames"}, 1e-9),
    "frames, with mirrors": (lambda: rotations(3, False), 4, 2, {"how": "frames"}, 1e-9),
    "frames, sorted points": (
        lambda: element_group("symmetric", size=6), 3, 2, {"how": "frames"}, 1e-12,
    ),
    "canonical, turns": (turns, 2, 3, {"how": "canonical"}, 1e-12),
    "canonical, rotations": (lambda: rotations(3), 4, 2, {"how": "canonical"}, 1e-9),
    "canonical, with mirrors": (lambda: rotations(3, False), 4, 2, {"how": "canonical"}, 1e-9),
    "canonical, vectors and scalars": (
        lambda: rotations(2), "3 points + 2 trivial", 2, {"how": "canonical"}, 1e-9,
    ),
}  # fmt: skip


def built(name: str) -> tuple[nn.Module, nn.Module, FeatureType, FeatureType]:
    make, source, target, options, _ = CASES[name]
    symmetry = make()
    in_type, out_type = symmetry.feature_type(source), symmetry.feature_type(target)
    model = Dense(in_type, out_type).double()
    torch.manual_seed(1)
    network = symmetrize(model, symmetry, in_features=source, out_features=target, **options)
    return network.double(), model, in_type, out_type


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_equivariant_whatever_the_network(name: str, seed: int) -> None:
    network, _, in_type, out_type = built(name)
    generator = torch.Generator().manual_seed(seed)
    make, tolerance = CASES[name][0], CASES[name][4]
    group = make().group
    x = in_type.sample(4, generator=generator, dtype=D)
    g = group.sample(4, generator=generator)
    with torch.no_grad():
        gap = network(in_type.transform(g, x)) - out_type.transform(g, network(x))
    assert float(gap.abs().max()) < tolerance


@pytest.mark.parametrize("name", CASES)
def test_the_network_itself_is_not(name: str) -> None:
    _, model, in_type, out_type = built(name)
    group = CASES[name][0]().group
    error = equivariance_error(model, in_type, out_type, group=group, set_axis=False)
    assert error.element > 1e-2


@pytest.mark.parametrize("name", ["average, turns", "frames, turns", "frames, rotations"])
def test_what_is_equivariant_stays_as_it_is(name: str) -> None:
    make, source, target, options, _ = CASES[name]
    symmetry = make()
    in_type, out_type = symmetry.feature_type(source), symmetry.feature_type(target)
    layer = symmetry.linear(in_type, out_type).double()
    network = symmetrize(layer, symmetry, in_features=source, out_features=target, **options)
    x = in_type.sample(3, generator=torch.Generator().manual_seed(0), dtype=D)
    assert torch.allclose(network(x), layer(x), atol=1e-10)


class Pairs(nn.Module):
    """A network of sets, which looks at elements together."""

    def __init__(self, dense: nn.Module) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.dense(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return y + y.square().mean(1, keepdim=True)


@pytest.mark.parametrize("name", CASES)
def test_sets_are_moved_together(name: str) -> None:
    make, source, target, options, tolerance = CASES[name]
    symmetry = make()
    in_type, out_type = symmetry.feature_type(source), symmetry.feature_type(target)
    model = Pairs(Dense(in_type, out_type)).double()
    torch.manual_seed(1)
    network = symmetrize(model, symmetry, in_features=source, out_features=target, **options)
    error = equivariance_error(network.double(), in_type, out_type, group=symmetry.group)
    assert error.joint < max(10 * tolerance, 1e-9)


def test_an_average_is_one_call_and_that_of_a_loop() -> None:
    network, model, in_type, _ = built("average, turns")
    symmetry = turns()
    x = in_type.sample(3, generator=torch.Generator().manual_seed(0), dtype=D)
    model.calls = 0
    y = network(x)
    assert model.calls == 1
    out_type = symmetry.feature_type(3)
    loop = [
        out_type.transform(g, model(in_type.transform(symmetry.group.inverse(g), x)))
        for g in symmetry.group.elements()
    ]
    assert torch.allclose(y, torch.stack(loop).mean(0))


def test_channels_follow_the_input() -> None:
    symmetry = turns()
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(2))
    network = symmetrize(model, symmetry)
    x = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    y = network(x)
    assert y.shape == (5, 2)
    assert torch.allclose(network(x.rot90(1, (2, 3))), y, atol=1e-5)


def test_channels_of_the_last_axis_follow_the_input() -> None:
    ring = element_group("cyclic", size=4)
    network = symmetrize(nn.Sequential(nn.Flatten(), nn.LazyLinear(2)), ring)
    x = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    y = network(x)
    assert y.shape == (5, 2)
    assert torch.allclose(network(x.roll(1, 1)), y, atol=1e-5)


def test_a_symmetric_input_has_several_frames() -> None:
    network, _, in_type, _ = built("frames, turns")
    x = torch.ones(2, 2, 4, 4, dtype=D)
    y = network(x)
    assert torch.allclose(y, y.rot90(1, (2, 3)))
    poses = network.poses(in_type, x[:, None])
    assert poses.elements.shape[0] == turns().group.order


def test_random_averages_say_how_far_off_they_are() -> None:
    symmetry = rotations(3)
    in_type = symmetry.feature_type(4)
    model = Dense(in_type, InvariantFeatures(3)).double()
    x = in_type.sample(64, generator=torch.Generator().manual_seed(0), dtype=D)
    g = symmetry.group.sample(64, generator=torch.Generator().manual_seed(1))
    sizes = []
    for samples in (64, 1024):
        network = symmetrize(model, symmetry, in_features=4, samples=samples)
        with torch.no_grad():
            y, error = network(x, return_error=True)
        gap = (network(in_type.transform(g, x)) - y).square().mean().sqrt()
        expected = float(error.square().mean().sqrt()) * 2**0.5  # both have that error
        assert 0.5 * expected < float(gap.detach()) < 2 * expected
        sizes.append(expected)
    assert 2.5 < sizes[0] / sizes[1] < 6.5  # the square root of 16
    exact = built("average, turns")[0]
    grid = turns().feature_type(2).sample(2, dtype=D)
    assert float(exact(grid, return_error=True)[1].abs().max()) == 0.0


@pytest.mark.parametrize("name", ["canonical, turns", "canonical, rotations"])
def test_poses_are_learned(name: str) -> None:
    network, _, in_type, _ = built(name)
    generator = torch.Generator().manual_seed(0)
    upright = in_type.sample(1, generator=generator, dtype=D)  # all equal, up to noise
    x = upright + 0.1 * in_type.sample(16, generator=generator, dtype=D)
    before = float(network.prior_loss(x).detach())
    network(x).square().sum().backward()
    learned = [p for p in network.poses.parameters() if p.requires_grad]
    assert learned
    assert all(p.grad is not None for p in learned)
    assert any(float(p.grad.abs().max()) > 0 for p in learned if p.grad is not None)
    optimiser = torch.optim.Adam(network.poses.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        loss = network.prior_loss(x)
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.5 * before


def test_permutations_of_any_number_of_points() -> None:
    symmetry = element_group("permutations")
    x = torch.randn(3, 9, 2, generator=torch.Generator().manual_seed(0), dtype=D)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(18, 4)).double()
    network = symmetrize(model, symmetry, how="frames", in_features=2)
    assert torch.allclose(network(x[:, order]), network(x))
    network = symmetrize(model, symmetry, samples=50, in_features=2)
    y, error = network(x, return_error=True)
    assert y.shape == (3, 4)
    assert float(error.detach().min()) > 0


WRONG: dict[str, tuple[type[EqsetsError], str, Callable[[], Any]]] = {
    "no module": (OptionError, "expected a torch.nn.Module", lambda: symmetrize(len, turns())),  # type: ignore[arg-type]
    "unknown way": (
        OptionError, "how='mean'",
        lambda: symmetrize(nn.Identity(), turns(), how="mean"),
    ),
    "samples of frames": (
        OptionError, "does not use it",
        lambda: symmetrize(nn.Identity(), turns(), how="frames", samples=3),
    ),
    "pose of averages": (
        OptionError, "does not use it",
        lambda: symmetrize(nn.Identity(), turns(), pose=nn.Identity()),
    ),
    "few samples": (
        OptionError, "samples=1", lambda: symmetrize(nn.Identity(), rotations(3), samples=1)
    ),
    "not compact": (
        GroupError, "no uniform distribution",
        lambda: symmetrize(
            nn.Identity(), GeneratedSymmetry(group=MatrixGroup([[[0.0, 1.0], [1.0, 0.0]]]))
        ),
    ),
    "too large": (
        GroupError, "more than 256",
        lambda: symmetrize(nn.Identity(), element_group("symmetric", size=8)),
    ),
    "nothing moves": (
        FeatureTypeError, "no in_features", lambda: symmetrize(nn.Identity(), "trivial")
    ),
    "declared, and nothing moves": (
        FeatureTypeError, "no group element moves",
        lambda: symmetrize(nn.Identity(), turns(), in_features="3 trivial"),
    ),
    "pose of unknown size": (
        FeatureTypeError, "no in_features",
        lambda: symmetrize(nn.Identity(), turns(), how="canonical"),
    ),
    "frames of shifts": (
        FeatureTypeError, "no frame is known",
        lambda: symmetrize(nn.Identity(), "translations", how="frames"),
    ),
    "a pose of permutations": (
        FeatureTypeError, "no learned pose",
        lambda: symmetrize(
            nn.Identity(), element_group("symmetric", size=4), how="canonical", in_features=2
        ),
    ),
    "no vectors": (
        FeatureTypeError, "no vectors",
        lambda: symmetrize(
            nn.Identity(), element_group("spatial"), how="frames", in_features="4x0e + 2x2e"
        ),
    ),
    "an output that may move": (
        FeatureTypeError, "out_features was not given",
        lambda: symmetrize(nn.Identity(), turns())(torch.ones(2, 3, 4, 4)),
    ),
    "another shape": (
        ShapeError, "Symmetrized expected x",
        lambda: symmetrize(nn.Identity(), turns(), in_features=3)(torch.ones(2, 5, 4, 4)),
    ),
    "no row for each": (
        ShapeError, "a row for each",
        lambda: symmetrize(nn.Flatten(0), turns())(torch.ones(2, 3, 4, 4)),
    ),
    "another output": (
        ShapeError, "of out_features",
        lambda: symmetrize(nn.Flatten(), turns(), out_features=3)(torch.ones(2, 3, 4, 4)),
    ),
    "a prior of averages": (
        OptionError, "learns nothing",
        lambda: symmetrize(nn.Identity(), turns()).prior_loss(torch.ones(2, 3, 4, 4)),
    ),
    "scores of another shape": (
        ShapeError, "one score for each",
        lambda: symmetrize(
            nn.Flatten(), turns(), how="canonical", in_features=3, pose=nn.Flatten()
        )(torch.ones(2, 3, 4, 4)),
    ),
    "too few vectors": (
        ShapeError, "expected at least 2",
        lambda: symmetrize(nn.Flatten(), rotations(3), how="frames")(torch.ones(2, 3, 1)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_refusals(name: str) -> None:
    error, message, call = WRONG[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("images", [1, 3])
def test_large_batches_are_evaluated_in_pieces_but_not_while_training(images: int) -> None:
    symmetry = element_group("grid-rotations", height=64, width=64)
    network = Dense(symmetry.feature_type(1), symmetry.feature_type(1)).to(D)
    averaged = symmetrize(network, symmetry, in_features=1, out_features=1)
    x = torch.randn(images, *symmetry.feature_type(1).layout, dtype=D)
    values = []
    for training in (True, False):
        network.calls = 0
        values.append(averaged.train(training)(x))
        pieces = 2 if images == 1 else 4  # 8192 numbers: two images of 4096
        assert network.calls == (1 if training else pieces)
    assert torch.allclose(*values, rtol=0, atol=1e-14)
