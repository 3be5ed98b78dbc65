r"""What of an image is compared with other images.

Where shapes differ, whole images cannot distinguish colours: the red strokes of a 2 and of a 7 lie
at other positions, and their distance measures the overlap, whatever the hue; and among images that
differ, darker ones are closer to all others. So for a component that changes pixels in place, as
colours do, colours and shapes are compared separately.

Colours are compared by moments of their distribution, weighted by the intensity. With channels
:math:`u \in [0, 1]` and the intensity :math:`v_p = \max_c u_{pc}` of pixel ``p``,

.. math:: m_{klm} = \frac{1}{\sqrt{1 + k^2 + l^2 + m^2}} \frac{1}{\sum_p v_p^2} \sum_p v_p^2
          \cos(\pi k u_{p1}) \cos(\pi l u_{p2}) \cos(\pi m u_{p3}), \quad 0 \le k, l, m \le 3 ;

shapes by :math:`v_p \sum_q v_q / \sum_q v_q^2`, which is invariant under the brightness.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from eqsets.families import Domain, Images
from eqsets.generative.analysis.comparison.kernel import Distances
from eqsets.generative.data.blur import blur

__all__ = ["ColourMoments", "ImageSimilarity", "WholeImages", "similarity_of"]

_FEATURES = 48
_BLUR = 0.7  # pixels: hides interpolation artifacts, but makes thin strokes darker than wide ones
_ARTIFACT = 0.002  # of the energy of an image: the change of a disc that is rotated
_ROUNDING = 1e-6  # the same, where there is no grid
_ORDERS = 4


class ImageSimilarity(ABC):
    """A way to compare images with references.

    Attributes:
        pose_widths: candidates for ``h``, in units of the median squared distance of neighbours.
        shape_widths: candidates for ``v``, in units of that of shapes.
        references: their features, ``(N, f)``.
        artifact: the change by interpolation, as a squared distance; 0 where there is none.
    """

    pose_widths: tuple[float, ...]
    shape_widths: tuple[float, ...]
    references: Tensor
    artifact: float = 0.0

    @abstractmethod
    def describe(self, images: Tensor) -> Tensor:
        """Return features ``(*batch, f)`` of images ``(*batch, C, H, W)``."""

    @abstractmethod
    def shapes(self, upright: Tensor) -> Tensor:
        """Return ``s``, ``(n, N)``, of upright images ``(n, C, H, W)`` and the references."""

    def distances(self, described: Tensor, upright: Tensor) -> Distances:
        """Return distances from the references.

        Args:
            described: moved images, ``(n, A, f)``.
            upright: the images in the position of prototypes, ``(n, C, H, W)``.
        """
        square = torch.cdist(described.flatten(0, 1), self.references).square()
        return Distances(square.unflatten(0, described.shape[:2]), self.shapes(upright))


class WholeImages(ImageSimilarity):
    """Compare elements as a whole: principal components of their features among the references.

    Arguments:
        references: elements ``(N, *element)``.
        domain: of the elements, which says what their features are.
    """

    pose_widths = tuple(2.0 ** (k / 2) for k in range(-8, 7))
    shape_widths = (1.0,)  # the distance of whole images includes that of shapes

    def __init__(self, references: Tensor, domain: Domain | None = None) -> None:
        self.domain = domain or Images()
        self.features = self.domain.comparison(references)
        pixels = self._features(references)
        self.middle = pixels.mean(0)
        count = min(_FEATURES, *pixels.shape)
        centred = pixels - self.middle
        self.basis = torch.linalg.svd(centred, full_matrices=False).Vh[:count].mT
        self.references = centred @ self.basis
        artifact = _ARTIFACT if self.domain.spatial else _ROUNDING
        self.artifact = artifact * float(pixels.square().sum(-1).median())

    def describe(self, images: Tensor) -> Tensor:
        features: Tensor = (self._features(images) - self.middle) @ self.basis
        return features

    def _features(self, x: Tensor) -> Tensor:
        """Return features ``(*batch, f)`` of what is blurred along a grid, if there is one."""
        domain, batch = self.domain, self.domain.batch(x)
        flat = x.reshape(-1, *x.shape[len(batch) :])
        soft = blur(flat, _BLUR, fill=domain.background, dims=domain.spatial)
        return self.features(soft).reshape(*batch, -1)

    def shapes(self, upright: Tensor) -> Tensor:
        return self.references.new_zeros(len(upright), len(self.references))


class ColourMoments(ImageSimilarity):
    """Compare colours at any position, and shapes by relative intensities.

    Arguments:
        references: images ``(N, C, H, W)``.
        upright: the same, in the position of prototypes.
    """

    pose_widths = tuple(2.0**k for k in range(-6, 11))
    shape_widths = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, float("inf"))

    def __init__(self, references: Tensor, upright: Tensor) -> None:
        self.grey = WholeImages(_light(upright))
        self.references = self.describe(references)

    def describe(self, images: Tensor) -> Tensor:
        y = (images.flatten(0, -4).flatten(2).clamp(-1, 1) + 1) / 2  # (n, C, P)
        light = y.amax(1, keepdim=True).square()
        share = light / light.sum(-1, keepdim=True).clamp_min(1e-6)
        first, *rest = _waves(y).unbind(1)  # (n, K, P) each
        others = torch.ones_like(share)
        for channel in rest:
            others = (others[:, :, None] * channel[:, None]).flatten(1, 2)
        moments = (first * share) @ others.mT
        order = torch.arange(_ORDERS, device=y.device)
        high = torch.cartesian_prod(*[order] * y.shape[1]).reshape(-1, y.shape[1])
        return _batched(moments.flatten(1) / (1 + high.square().sum(-1)).sqrt(), images)

    def shapes(self, upright: Tensor) -> Tensor:
        return torch.cdist(self.grey.describe(_light(upright)), self.grey.references).square()


def similarity_of(
    references: Tensor, upright: Tensor, *, in_place: bool, domain: Domain | None = None
) -> ImageSimilarity:
    """Return how to compare images along one component.

    Args:
        references: elements ``(N, *element)``.
        upright: the same, in the position of prototypes.
        in_place: whether the component changes pixels in place.
        domain: of the elements; default: images.
    """
    if in_place:
        return ColourMoments(references, upright)
    return WholeImages(references, domain)


def _waves(y: Tensor) -> Tensor:
    """Return ``cos(pi k y)``, ``(n, C, K, P)``, of ``y: (n, C, P)``, by Chebyshev's recurrence."""
    waves = [torch.ones_like(y), torch.cos(torch.pi * y)]
    while len(waves) < _ORDERS:
        waves.append(2 * waves[1] * waves[-1] - waves[-2])
    return torch.stack(waves, 2)


def _batched(rows: Tensor, images: Tensor) -> Tensor:
    """Return rows ``(n, f)``, one for each image, as ``(*batch, f)``."""
    return rows.reshape(*images.shape[:-3], -1)


def _light(images: Tensor) -> Tensor:
    """Return intensities ``(*batch, 1, H, W)``, relative to the brightness of each image."""
    light = (images.amax(-3, keepdim=True) + 1) / 2
    pixels = (-2, -1)
    bright = light.square().sum(pixels, True) / light.sum(pixels, True).clamp_min(1e-6)
    return light / bright.clamp_min(1e-6) * 2 - 1
