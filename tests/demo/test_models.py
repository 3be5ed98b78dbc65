"""The three networks: equal budgets, and what each can and cannot compute."""

from __future__ import annotations

import pytest
import torch

from eqsets_demo.models import MODELS


def build(name: str) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODELS[name]().double()


def frames(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def parameters(name: str) -> int:
    return sum(parameter.numel() for parameter in MODELS[name]().parameters())


def test_budgets_are_equal_within_five_percent():
    counts = [parameters(name) for name in MODELS]
    assert max(counts) / min(counts) < 1.05


@pytest.mark.parametrize("name", MODELS)
def test_a_burst_becomes_one_photo_whatever_its_order(name):
    model, burst = build(name), frames(2, 5, 3, 16, 20)
    photo = model(burst)
    assert photo.shape == (2, 3, 16, 20)
    torch.testing.assert_close(model(burst[:, [3, 1, 4, 0, 2]]), photo)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [1, 2, 9])
def test_any_number_of_frames_is_accepted(name, size):
    assert build(name)(frames(1, size, 3, 8, 8)).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("name", MODELS)
def test_shifts_by_the_stride_move_the_photo(name):
    """Away from the border: the receptive field of two blocks is about 18 pixels."""
    model, burst = build(name), frames(1, 2, 3, 96, 96)
    photo, moved = model(burst), model(burst.roll((2, 4), (-2, -1)))
    inside = slice(40, 56)
    expected = photo.roll((2, 4), (-2, -1))[..., inside, inside]
    torch.testing.assert_close(moved[..., inside, inside], expected)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_has_a_gradient(name):
    model = build(name)
    model(frames(2, 3, 3, 16, 16)).square().mean().backward()
    for name_of_parameter, parameter in model.named_parameters():
        assert parameter.grad is not None, name_of_parameter
        assert parameter.grad.abs().max() > 0, name_of_parameter


def mixed_difference(name: str) -> float:
    """How much the effect of one frame depends on another; zero if no information is shared."""
    model, one, two = build(name), frames(1, 2, 3, 16, 16), frames(1, 2, 3, 16, 16).flip(-1)
    values = [
        model(torch.stack([first[:, 0], second[:, 1]], 1))
        for first in (one, two)
        for second in (one, two)
    ]
    return float((values[0] - values[1] - values[2] + values[3]).detach().abs().max())


def test_only_siamese_frames_do_not_share_information():
    assert mixed_difference("siamese") < 1e-12
    assert mixed_difference("late") > 1e-6
    assert mixed_difference("dss") > 1e-6
