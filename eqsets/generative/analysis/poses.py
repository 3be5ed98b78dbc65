r"""Prototypes and poses as the tests of the report need them.

A test of "is :math:`\eta` uniform, given the prototype?" is valid only if prototypes do not tell
the pose by themselves. They would, by their pixels: an image that was never rotated was never
interpolated. So every prototype comes from a random view
(:mod:`eqsets.generative.canonicalization.views`), rotated and, in colour, shifted in hue. Views are
shifted by a pixel at most and not scaled: content that leaves the frame is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from eqsets.generative.canonicalization.inference import Inference
from eqsets.generative.canonicalization.views import random_view

__all__ = ["Poses", "gentle_bounds", "poses_of"]

_CHUNK = 256
_NUMBERS = 2**21  # of moved elements at a time: 8 MiB, and some times that for their features


class Poses(NamedTuple):
    """Images, as views of them and poses.

    Attributes:
        views: ``(n, C, H, W)``.
        back: from views to prototypes, ``(n, *element_shape)``.
        eta: coordinates of the images, ``(n, k)``.
        prototypes: ``(n, C, H, W)``, computed once.
    """

    views: Tensor
    back: Tensor
    eta: Tensor
    prototypes: Tensor

    def pick(self, chosen: Tensor) -> Poses:
        """Return some of them."""
        return Poses(*(part[chosen] for part in self))

    def portions(self, moves: int) -> Iterator[Poses]:
        """Yield a few of them at a time, so that memory does not grow with elements or their size.

        Args:
            moves: how many copies of each element will be in memory.
        """
        count = max(1, _NUMBERS // (moves * self.prototypes[0].numel()))
        for part in torch.arange(len(self.eta)).split(count):
            yield self.pick(part)


def gentle_bounds(inference: Inference, size: tuple[int, ...]) -> Tensor:
    """Return bounds ``(k, 2)`` of views that lose nothing but what is in the corners.

    Shifts are by a pixel at most; where there is no grid, by nothing.
    """
    bounds = inference.family.bounds.clone()
    grid = inference.family.domain.spatial > 0
    pixel = 2.0 / max(min(size) - 1, 1) if grid else 0.0
    for index, parameter in enumerate(inference.family.parameters_of_eta):
        if parameter.period is None:
            reach = pixel if parameter.role == "shift" else 0.0
            bounds[index] = bounds.new_tensor([-reach, reach])
    return bounds


@torch.no_grad()
def poses_of(inference: Inference, images: Tensor, *, generator: torch.Generator) -> Poses:
    """Return prototypes and poses of images ``(n, C, H, W)``, each from one random view."""
    family = inference.family
    bounds = gentle_bounds(inference, family.domain.size_of(images))
    parts = []
    for x in images.split(_CHUNK):
        view = random_view(inference, x, bounds=bounds, generator=generator)
        eta = view.coordinates(family, inference.chart)
        back = family.group.inverse(view.g)
        parts.append(Poses(view.images, back, eta, view.prototypes(family)))
    return Poses(*map(torch.cat, zip(*parts, strict=True)))
