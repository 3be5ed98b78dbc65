"""New elements are prototypes of the bank, each of them, in poses of the density."""

from __future__ import annotations

import torch

from eqsets.generative import SymmetryModel


def test_every_prototype_of_the_bank_is_drawn(tiny, generator):
    model = SymmetryModel("rotation", (1, 32, 32))
    model.fit(2 * torch.rand(24, 1, 32, 32, generator=generator) - 1, preset=tiny, quiet=True)
    levels = torch.tensor([-0.8, 0.0, 0.6])
    model.store_prototypes(levels[:, None, None, None].expand(-1, 1, 32, 32))
    middle = model.sample(60, generator=generator)[:, 0, 16, 16]  # the same under all turns
    counts = [int((middle - level).abs().lt(1e-3).sum()) for level in levels]
    assert sum(counts) == 60
    assert min(counts) > 6
