"""Muon: the polar factor of the gradient, and torch's own Muon on matrices."""

from __future__ import annotations

import copy

import pytest
import torch

from eqsets import OptionError, ShapeError
from eqsets.optim import Muon, orthogonal


def gradients(shape: tuple[int, ...], steps: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for _ in range(steps)]


def trained(optimizer: torch.optim.Optimizer, weight: torch.Tensor, steps: int) -> torch.Tensor:
    for gradient in gradients(tuple(weight.shape), steps):
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach()


def test_a_step_is_along_the_polar_factor_of_the_gradient() -> None:
    weight = torch.nn.Parameter(torch.zeros(4, 2, 3, 3))
    weight.grad = gradients((4, 2, 3, 3), 1)[0]
    left, _, right = torch.linalg.svd(weight.grad.flatten(1), full_matrices=False)
    Muon([weight], lr=0.5).step()
    moved = -weight.detach().flatten(1) / 0.5
    cosine = (moved * (left @ right)).sum() / (moved.norm() * (left @ right).norm())
    assert cosine > 0.97


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has Muon from 2.9 on")
def test_matrices_move_as_by_torchs_own(shape: tuple[int, int]) -> None:
    ours, theirs = (torch.nn.Parameter(torch.zeros(shape)) for _ in range(2))
    moved = trained(Muon([ours], lr=0.1, momentum=0.9), ours, 4)
    given = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0}
    expected = trained(torch.optim.Muon([theirs], **given), theirs, 4)
    assert (moved - expected).norm() < 0.05 * expected.norm()  # theirs computes in bfloat16
    other = torch.nn.Parameter(torch.zeros(shape))
    forgetful = trained(Muon([other], lr=0.1, momentum=0.0), other, 4)
    assert (forgetful - expected).norm() > 0.2 * expected.norm()  # the control: no momentum


def test_a_kernel_moves_as_its_matrix() -> None:
    kernel, matrix = (
        torch.nn.Parameter(torch.zeros(6, 2, 5)),
        torch.nn.Parameter(torch.zeros(6, 10)),
    )
    shaped = trained(Muon([kernel], lr=0.1), kernel, 1).flatten(1)
    assert torch.allclose(shaped, trained(Muon([matrix], lr=0.1), matrix, 1), atol=1e-6)


def test_kernels_of_one_shape_are_independent() -> None:
    several = [torch.nn.Parameter(torch.zeros(4, 6)) for _ in range(3)]
    for weight, gradient in zip(several, gradients((4, 6), 3), strict=True):
        weight.grad = gradient
    Muon([*several, torch.nn.Parameter(torch.ones(2, 2))], lr=0.1).step()  # one has no gradient
    for weight, gradient in zip(several, gradients((4, 6), 3), strict=True):
        expected = -0.1 * orthogonal(gradient[None])[0]
        assert torch.allclose(weight.detach(), expected, atol=1e-5)


def test_training_resumes_from_a_state() -> None:
    weight = torch.nn.Parameter(torch.zeros(4, 6))
    optimizer = Muon([weight], lr=0.1)
    trained(optimizer, weight, 3)
    other = torch.nn.Parameter(weight.detach().clone())
    resumed = Muon([other], lr=0.5)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    one, two = trained(optimizer, weight, 2), trained(resumed, other, 2)
    assert torch.equal(one, two)


def test_what_it_cannot_train_gets_a_clear_error() -> None:
    with pytest.raises(ShapeError, match=r"shape \(3,\), expected at least two axes.*Adam"):
        Muon([torch.nn.Parameter(torch.zeros(3))])
    kernel = torch.nn.Parameter(torch.zeros(3, 3))
    for options in ({"lr": -1.0}, {"momentum": 1.0}):
        with pytest.raises(OptionError, match=r"momentum in \[0, 1\)"):
            Muon([kernel], **options)
