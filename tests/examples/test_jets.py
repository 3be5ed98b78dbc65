"""Jets: 4-momentum is conserved, masses are exact, and boosts are of the Lorentz group."""

from __future__ import annotations

import torch
from torch import Tensor

from experiments.data.jets import make_jets, moved, split


def mass_squared(p: Tensor) -> Tensor:
    return p[..., 0].square() - p[..., 1:].square().sum(-1)


def test_splittings_conserve_momentum_and_have_the_masses() -> None:
    rng = torch.Generator().manual_seed(0)
    p = torch.tensor([[5.0, 1.0, 2.0, 3.0]], dtype=torch.float64).expand(50, 4)
    mass = mass_squared(p).sqrt()
    first, second = split(p, (mass, 0.3 * mass, 0.5 * mass), rng)
    torch.testing.assert_close(first + second, p)
    torch.testing.assert_close(mass_squared(first).sqrt(), 0.3 * mass)
    torch.testing.assert_close(mass_squared(second).sqrt(), 0.5 * mass)
    assert (first - first[:1]).abs().max() > 0.1  # the control: directions are random


def test_moved_jets_have_the_same_inner_products_and_other_energies() -> None:
    rng = torch.Generator().manual_seed(0)
    jets, label = make_jets(200, rng)
    assert 60 < label.sum() < 140
    before, after = (x.nan_to_num()[..., 0] for x in (jets, moved(jets, rng)))
    torch.testing.assert_close(mass_squared(after.sum(1)), mass_squared(before.sum(1)))
    assert mass_squared(before).abs().max() < 1e-9  # particles have no mass
    assert (after.sum(1) - before.sum(1)).abs().max() > 1  # the control
