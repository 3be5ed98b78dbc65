r"""Measures of prototypes: the label-paired error, the orbit variance, nearest neighbours."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from eqsets.generative import orbit_variance

__all__ = ["label_paired", "neighbours", "partners", "quality"]


def partners(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Return for each image a random other one with its label; -1 if there is none."""
    candidates = (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool)
    some = candidates.any(1)
    drawn = torch.multinomial(
        torch.where(some[:, None], candidates.double(), 1.0), 1, generator=generator
    )
    return torch.where(some, drawn[:, 0], -1)


@torch.no_grad()
def label_paired(inference: nn.Module, x: Tensor, labels: Tensor, *, seed: int = 0) -> float:
    r"""Return the error of images and others of their label in the same pose.

    .. math:: \operatorname{mean}_i \, \bigl(x_{j(i)} - T_{j(i)} T_i^{-1} x_i\bigr)^2

    with ``j(i)`` another image of the same label, at random. As published, pixels are interpolated
    twice: once for the prototype, once for the other pose. Images without a partner are ignored;
    NaN if none has one.
    """
    family, g = inference.family, inference(x).g
    prototypes = family.act(family.group.inverse(g), x)
    other = partners(labels, torch.Generator().manual_seed(seed))
    known = other >= 0
    again = family.act(g[other[known]], prototypes[known])
    return float((x[other[known]] - again).square().mean())


def quality(x: Tensor, labels: Tensor) -> Callable[[nn.Module], dict[str, float]]:
    """Return a function that measures an inference on held-out images.

    It returns the share of the raw variance over orbits that prototypes have, the median image, the
    energy (see :class:`eqsets.generative.OrbitVariance`) and the label-paired error.
    """

    def measure(inference: nn.Module) -> dict[str, float]:
        left = orbit_variance(inference, x, generator=torch.Generator().manual_seed(0))
        return {
            "share": left.share,
            "median": float(left.per_image.median()),
            "energy": left.energy,
            "paired": label_paired(inference, x, labels),
        }

    return measure


def neighbours(one: Tensor, other: Tensor, *, count: int = 5) -> float:
    """Return how mixed two classes of images are: 1 for one distribution, 0 if separated.

    The fraction of the nearest images of each in ``one`` that are in ``other``, relative to
    chance.
    """
    images = torch.cat([one, other]).flatten(1)
    distance = torch.cdist(one.flatten(1), images)
    distance[:, : len(one)].fill_diagonal_(float("inf"))
    nearest = distance.topk(count, largest=False).indices
    part = (nearest >= len(one)).float().mean()
    return float(part) * (len(images) - 1) / len(other)
