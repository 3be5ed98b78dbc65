r"""A random view of an image, and what inference says of it.

A view is the image transformed at random, :math:`x_r = \mathrm{act}(r, x)`. If inference finds
:math:`\hat g(x_r)`, then

.. math:: x = \mathrm{act}(r^{-1} \hat g(x_r), \hat x), \qquad
          \hat x = \mathrm{act}(\hat g(x_r)^{-1}, x_r)

to interpolation, also where inference is not invariant, or cannot be: a disc gets every rotation.
The pixels of a prototype that is computed from a view do not tell the pose of the image itself.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from eqsets.families import Chart, TransformationFamily, factors_of

__all__ = ["View", "random_elements", "random_view", "without_clipping"]

_LOST = 1e-3


class _Output(Protocol):
    @property
    def g(self) -> Tensor: ...


class _Inference(Protocol):
    @property
    def family(self) -> TransformationFamily: ...

    @property
    def chart(self) -> Chart: ...

    def __call__(self, x: Tensor) -> _Output: ...


class View(NamedTuple):
    """Views of images, and the group elements that inference finds in them.

    Attributes:
        r: from images to views, ``(B, *element_shape)``.
        images: the views, ``(B, *element)``.
        g: from prototypes to views, ``(B, *element_shape)``.
    """

    r: Tensor
    images: Tensor
    g: Tensor

    def prototypes(self, family: TransformationFamily, *, order: int = 1) -> Tensor:
        """Return prototypes ``(B, *element)``, computed from the pixels of the views."""
        return family.act(family.group.inverse(self.g), self.images, order=order)

    def coordinates(self, family: TransformationFamily, chart: Chart) -> Tensor:
        """Return ``eta: (B, k)``: what transforms these prototypes to the images."""
        group = family.group
        eta = chart.coordinates(group.compose(group.inverse(self.r), self.g))
        return eta.to(self.images.dtype)


def random_elements(
    family: TransformationFamily,
    x: Tensor,
    *,
    bounds: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return a random group element for each image, ``(B, *element_shape)``.

    Args:
        family: of transformations.
        x: images ``(B, ...)``.
        bounds: ``(k, 2)``, of the parameters; default: those of the family.
        generator: source of randomness.
    """
    eta = family.sample(len(x), generator=generator, bounds=bounds, dtype=x.dtype)
    return family.element(eta.to(x.device))


def random_view(
    inference: _Inference,
    x: Tensor,
    *,
    bounds: Tensor | None = None,
    generator: torch.Generator | None = None,
    order: int = 1,
    clipping: bool = True,
) -> View:
    """Transform images at random and infer.

    Args:
        inference: of the group elements.
        x: images ``(B, *element)``.
        bounds: ``(k, 2)``, of the parameters; default: those of the family.
        generator: source of randomness.
        order: of the interpolation.
        clipping: whether colours of a view may be clipped; see :func:`without_clipping`.
    """
    family = inference.family
    r = random_elements(family, x, bounds=bounds, generator=generator)
    r = r if clipping else without_clipping(family, r, x)
    images = family.act(r, x, order=order)
    return View(r, images, inference(images).g)


def without_clipping(family: TransformationFamily, r: Tensor, x: Tensor) -> Tensor:
    """Return ``r`` with the identity for the factors that clip colours of ``x``.

    A saturation or value that was clipped on the way to a view cannot be inferred from it.
    """
    parts = list(family.unpack(r))
    for index, factor in enumerate(factors_of(family)):
        if factor.interpolates:
            continue
        part, group = parts[index], factor.group
        again = factor.act(group.inverse(part), factor.act(part, x))
        lost = (again - x).abs().flatten(1).amax(-1) > _LOST
        axes = (..., *[None] * len(group.element_shape))
        identity = group.identity(len(x), device=part.device).to(part.dtype)
        parts[index] = torch.where(lost[axes], identity, part)
    return family.pack(parts)
