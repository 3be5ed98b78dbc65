r"""Prototypes and poses as the tests of the report need them.

A test of "is :math:`\eta` uniform, given the prototype?" is only as good as this: that prototypes
do not know the pose by themselves. They would, by their pixels: what was never turned was never
interpolated. So every prototype comes from a *view*, the image turned at random (and, in colour,
shifted in hue at random), and the pose is

.. math:: \eta = \mathrm{coordinates}(r^{-1} \, \hat g(\mathrm{act}(r, x))),

which is right to interpolation also where inference is not invariant. Views turn, but shift by a
pixel at most and do not scale: what leaves the frame does not come back.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from eqsets.families import TransformationFamily
from eqsets.generative.canonicalization.inference import Inference
from eqsets.generative.canonicalization.views import random_view

__all__ = ["Poses", "gentle_bounds", "poses_of"]

_CHUNK = 256


class Poses(NamedTuple):
    """Images, as views of them and poses."""

    views: Tensor  # (n, C, H, W)
    back: Tensor  # (n, *element_shape), from a view to the prototype
    eta: Tensor  # (n, k), coordinates

    def pick(self, chosen: Tensor) -> Poses:
        """Return some of them."""
        return Poses(*(part[chosen] for part in self))

    def prototypes(self, family: TransformationFamily) -> Tensor:
        """Return prototypes ``(n, C, H, W)``."""
        return family.act(self.back, self.views)


def gentle_bounds(inference: Inference, size: tuple[int, int]) -> Tensor:
    """Return bounds ``(k, 2)`` of views that lose nothing but what is in the corners."""
    bounds = inference.family.bounds.clone()
    pixel = 2.0 / max(min(size) - 1, 1)
    for place, parameter in enumerate(inference.family.parameters_of_eta):
        if parameter.period is None:
            reach = pixel if parameter.role == "shift" else 0.0
            bounds[place] = bounds.new_tensor([-reach, reach])
    return bounds


@torch.no_grad()
def poses_of(inference: Inference, images: Tensor, *, generator: torch.Generator) -> Poses:
    """Return prototypes and poses of images ``(n, C, H, W)``, each from one random view."""
    family = inference.family
    bounds = gentle_bounds(inference, (images.shape[-2], images.shape[-1]))
    parts = []
    for x in images.split(_CHUNK):
        view = random_view(inference, x, bounds=bounds, generator=generator)
        eta = view.coordinates(family, inference.chart)
        parts.append(Poses(view.images, family.group.inverse(view.g), eta))
    return Poses(*map(torch.cat, zip(*parts, strict=True)))
