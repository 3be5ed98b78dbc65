r"""What of a picture is compared with other pictures.

Where shapes differ, whole pictures cannot tell colours: the red strokes of a 2 and of a 7 lie at
other places, and the distance between them says how much they overlap, whatever the hue; and of
pictures that differ, the darker ones are closer to everything. So for a component that changes
pixels where they are, as colours are changed, two questions are asked apart: which colours has a
picture, and which shape?

Colours are compared by moments of their distribution over the light of the picture, wherever it is.
With channels :math:`u \in [0, 1]` and the light :math:`v_p = \max_c u_{pc}` of pixel ``p``,

.. math:: m_{klm} = \frac{1}{\sqrt{1 + k^2 + l^2 + m^2}} \frac{1}{\sum_p v_p^2} \sum_p v_p^2
          \cos(\pi k u_{p1}) \cos(\pi l u_{p2}) \cos(\pi m u_{p3}), \quad 0 \le k, l, m \le 3 ;

shapes by :math:`v_p \sum_q v_q / \sum_q v_q^2`, which says nothing of how bright the picture is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from eqsets.generative.analysis.kernel import Distances
from eqsets.generative.data.blur import blur

__all__ = ["Colours", "Looks", "WholePictures", "looks_of"]

_FEATURES = 48
_BLUR = 0.7  # pixels: hides what interpolation leaves, but makes thin strokes darker than wide ones
_TRACES = 0.002  # of the energy of a picture: what interpolation changes in a disc that is turned
_ORDERS = 4


class Looks(ABC):
    """A way to compare pictures with references.

    Attributes:
        pose_widths: what is tried for ``h``, in units of the median squared distance to the next.
        shape_widths: what is tried for ``v``, in units of that between shapes.
        seen: the references, ``(N, f)``.
        traces: what interpolation changes, as a squared distance; 0 where it is never in the way.
    """

    pose_widths: tuple[float, ...]
    shape_widths: tuple[float, ...]
    seen: Tensor
    traces: float = 0.0

    @abstractmethod
    def describe(self, pictures: Tensor) -> Tensor:
        """Return features ``(*batch, f)`` of pictures ``(*batch, C, H, W)``."""

    @abstractmethod
    def shapes(self, upright: Tensor) -> Tensor:
        """Return ``s``, ``(n, N)``, of upright pictures ``(n, C, H, W)`` and the references."""

    def distances(self, described: Tensor, upright: Tensor) -> Distances:
        """Return distances from the references.

        Args:
            described: moved pictures, ``(n, A, f)``.
            upright: the pictures in the places of prototypes, ``(n, C, H, W)``.
        """
        apart = torch.cdist(described.flatten(0, 1), self.seen).square()
        return Distances(apart.unflatten(0, described.shape[:2]), self.shapes(upright))


class WholePictures(Looks):
    """Compare pixels: their principal components among the references.

    Arguments:
        references: pictures ``(N, C, H, W)``.
    """

    pose_widths = tuple(2.0 ** (k / 2) for k in range(-8, 7))
    shape_widths = (1.0,)  # the distance of whole pictures holds that of shapes

    def __init__(self, references: Tensor) -> None:
        pixels = _blurred(references)
        self.middle = pixels.mean(0)
        count = min(_FEATURES, *pixels.shape)
        centred = pixels - self.middle
        self.basis = torch.linalg.svd(centred, full_matrices=False).Vh[:count].mT
        self.seen = centred @ self.basis
        self.traces = _TRACES * float((pixels + 1).square().sum(-1).median())

    def describe(self, pictures: Tensor) -> Tensor:
        found: Tensor = (_blurred(pictures) - self.middle) @ self.basis
        return found

    def shapes(self, upright: Tensor) -> Tensor:
        return self.seen.new_zeros(len(upright), len(self.seen))


class Colours(Looks):
    """Compare colours wherever they are, and shapes by relative intensities.

    Arguments:
        references: pictures ``(N, C, H, W)``.
        upright: the same, in the places of prototypes.
    """

    pose_widths = tuple(2.0**k for k in range(-6, 11))
    shape_widths = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, float("inf"))

    def __init__(self, references: Tensor, upright: Tensor) -> None:
        self.grey = WholePictures(_light(upright))
        self.seen = self.describe(references)

    def describe(self, pictures: Tensor) -> Tensor:
        y = (pictures.flatten(0, -4).flatten(2).clamp(-1, 1) + 1) / 2  # (n, C, P)
        light = y.amax(1, keepdim=True).square()
        share = light / light.sum(-1, keepdim=True).clamp_min(1e-6)
        first, *rest = _waves(y).unbind(1)  # (n, K, P) each
        others = torch.ones_like(share)
        for channel in rest:
            others = (others[:, :, None] * channel[:, None]).flatten(1, 2)
        moments = (first * share) @ others.mT
        order = torch.arange(_ORDERS, device=y.device)
        high = torch.cartesian_prod(*[order] * y.shape[1]).reshape(-1, y.shape[1])
        return _batched(moments.flatten(1) / (1 + high.square().sum(-1)).sqrt(), pictures)

    def shapes(self, upright: Tensor) -> Tensor:
        return torch.cdist(self.grey.describe(_light(upright)), self.grey.seen).square()


def looks_of(references: Tensor, upright: Tensor, *, in_place: bool) -> Looks:
    """Return how to compare pictures along one component.

    Args:
        references: pictures ``(N, C, H, W)``.
        upright: the same, in the places of prototypes.
        in_place: whether the component changes pixels where they are.
    """
    return Colours(references, upright) if in_place else WholePictures(references)


def _blurred(pictures: Tensor) -> Tensor:
    """Return pixels ``(*batch, P)``."""
    return _batched(blur(pictures.flatten(0, -4), _BLUR).flatten(1), pictures)


def _waves(y: Tensor) -> Tensor:
    """Return ``cos(pi k y)``, ``(n, C, K, P)``, of ``y: (n, C, P)``, by Chebyshev's recurrence."""
    waves = [torch.ones_like(y), torch.cos(torch.pi * y)]
    while len(waves) < _ORDERS:
        waves.append(2 * waves[1] * waves[-1] - waves[-2])
    return torch.stack(waves, 2)


def _batched(rows: Tensor, pictures: Tensor) -> Tensor:
    """Return rows ``(n, f)``, one for each picture, as ``(*batch, f)``."""
    return rows.reshape(*pictures.shape[:-3], -1)


def _light(pictures: Tensor) -> Tensor:
    """Return intensities ``(*batch, 1, H, W)``, as multiples of how bright each picture is."""
    light = (pictures.amax(-3, keepdim=True) + 1) / 2
    places = (-2, -1)
    bright = light.square().sum(places, True) / light.sum(places, True).clamp_min(1e-6)
    return light / bright.clamp_min(1e-6) * 2 - 1
