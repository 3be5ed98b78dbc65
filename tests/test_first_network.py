"""The first network that a newcomer writes learns: bags of images, one of which decides."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from eqsets import SetNetwork

pytestmark = pytest.mark.slow

FORMER = {
    "aggregation": "sum",
    "normalization": None,
    "readout_aggregation": "mean",
    "readout_element": "mean",
}


def make_bags(bags: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return bags (bags, 10, 1, 8, 8) of noise, and which of them hold a plus sign in one image."""
    generator = torch.Generator().manual_seed(seed)
    x = 0.5 * torch.randn(bags, 10, 1, 8, 8, generator=generator)
    label = torch.randint(2, (bags,), generator=generator)
    position = torch.randint(1, 7, (bags, 2), generator=generator)
    for bag in torch.nonzero(label)[:, 0].tolist():
        i, j = position[bag].tolist()
        x[bag, 0, 0, i - 1 : i + 2, j] += 1.2
        x[bag, 0, 0, i, j - 1 : j + 2] += 1.2
    return x, label.float()


def area(**options: Any) -> float:
    """Train on 100 bags; return the area under the ROC curve on others."""
    torch.manual_seed(0)
    network = SetNetwork("translations", [1, 8, 8], readout=1, kernel_size=3, **options)
    (x, label), generator = make_bags(100, 1), torch.Generator().manual_seed(2)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(150):
        chosen = torch.randint(len(x), (16,), generator=generator)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            network(x[chosen])[:, 0], label[chosen]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, label = make_bags(400, 3)
    with torch.no_grad():
        score = network.eval()(x)[:, 0]
    return float((score[label == 1][:, None] > score[label == 0]).double().mean())


def test_the_default_network_learns_on_bags() -> None:
    assert area() > 0.9


def test_the_mean_of_everything_does_not() -> None:
    """The negative control: the defaults of version 0.1."""
    assert area(**FORMER) < 0.8
