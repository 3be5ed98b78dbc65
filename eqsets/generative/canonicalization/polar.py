r"""A learned direction: which way an image points, decided by a network on a ring of angles.

Requirements that shaped this module:

- moments decide the direction of a third of all digits by a hair (2, 5, 8 look alike upside down),
  and noise then turns the prototype around. A network can use all there is to see;
- it must turn with the image by construction: the image is sampled on rings around its centroid,
  where a rotation is a cyclic shift, and the network is convolutions around the circle;
- it begins as the moments: its scores are those of the third moment plus a correction of zero.

Training needs no second warp. Let :math:`p_1, p_2` be the distributions over directions of two
views of an image, in a common orientation. If the directions differ by :math:`\Delta`, the
prototypes differ by a rotation :math:`\Delta`, and the mean squared difference is known from the
autocorrelation of the image around the rings:

.. math:: \mathrm{loss} = \sum_\Delta \Bigl( \sum_\theta p_1(\theta) p_2(\theta + \Delta) \Bigr)
                          \lVert P - R_\Delta P \rVert^2 / \lVert P \rVert^2

the expected error in image space, not in angle: directions that look alike cost nothing.
"""

from __future__ import annotations

from itertools import pairwise
from math import pi

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["PolarDirection"]

_REACH = 2.6  # outermost ring, in standard deviations


class PolarDirection(nn.Module):
    """Scores of directions from rings of intensities.

    Arguments:
        rings: how many.
        angles: how many directions are told apart; between them, parabolas interpolate.
        width: channels of the network.
        layers: convolutions before the last.
    """

    rho: Tensor
    angle: Tensor

    def __init__(self, rings: int = 12, angles: int = 64, width: int = 32, layers: int = 3) -> None:
        super().__init__()
        self.angles = angles
        self.register_buffer("rho", (torch.arange(rings) + 0.5) / rings * _REACH, persistent=False)
        self.register_buffer("angle", torch.arange(angles) * (2 * pi / angles), persistent=False)
        widths = [rings, *[width] * layers]
        parts: list[nn.Module] = []
        for before, after in pairwise(widths):
            parts += [_ring_convolution(before, after), nn.GELU()]
        self.network = nn.Sequential(*parts, _ring_convolution(width, 1))
        for parameter in self.network[-1].parameters():
            nn.init.zeros_(parameter)

    def rings(self, intensity: Tensor, linear: Tensor, centre: Tensor, aspect: Tensor) -> Tensor:
        """Return intensities on rings, ``(B, rings, angles)``, of mean 1.

        Args:
            intensity: ``(B, H, W)``.
            linear: ``(B, 2, 2)``, takes standard deviations to frame coordinates.
            centre: ``(B, 2)``.
            aspect: ``(2,)``, the place of the corner pixel.
        """
        circle = torch.stack([self.angle.cos(), self.angle.sin()], -1).to(intensity.dtype)
        points = self.rho.to(intensity.dtype)[:, None, None] * circle
        places = torch.einsum("bij,rtj->brti", linear, points) + centre[:, None, None]
        picked = F.grid_sample(intensity[:, None], places / aspect, align_corners=True)[:, 0]
        return picked / picked.mean((1, 2), keepdim=True).clamp_min(1e-6)

    def forward(self, rings: Tensor) -> Tensor:
        """Return scores ``(B, angles)`` of rings ``(B, rings, angles)``."""
        cubed = torch.einsum("brt,r->bt", rings, self.rho.to(rings.dtype) ** 4)
        wave = (self.angle[:, None] - self.angle).cos().to(rings.dtype)
        prior = (cubed / cubed.abs().mean(-1, keepdim=True).clamp_min(1e-6)) @ wave
        scores: Tensor = prior / self.angles * 4 + self.network(rings)[:, 0]
        return scores

    def direction(self, scores: Tensor) -> Tensor:
        """Return the best angle ``(B)``, refined by a parabola through its neighbours."""
        best = scores.detach().argmax(-1, keepdim=True)
        before, at, after = (
            scores.gather(-1, (best + step) % self.angles)[..., 0] for step in (-1, 0, 1)
        )
        bend = (before - 2 * at + after).clamp_max(-1e-6)
        offset = ((before - after) / (2 * bend)).clamp(-0.5, 0.5)
        return (best[..., 0] + offset) * (2 * pi / self.angles)

    def loss(self, rings: Tensor, scores: tuple[Tensor, Tensor], turned: Tensor) -> Tensor:
        """Return the expected relative error of prototypes, a scalar.

        Args:
            rings: of the first views, ``(B, rings, angles)``.
            scores: of the first and of the second views, ``(B, angles)`` each.
            turned: by how much the canonical image of the second view must be turned to give that
                of the first, radians ``(B)``.
        """
        area = self.rho.to(rings.dtype)[:, None]
        spectrum = torch.fft.rfft(rings).abs().square() * area
        alike = torch.fft.irfft(spectrum.sum(1), n=self.angles)
        cost = 2 * (alike[:, :1] - alike)
        first, second = (one.softmax(-1) for one in scores)
        steps = (turned * self.angles / (2 * pi)).round().long()
        places = torch.arange(self.angles, device=rings.device)
        second = second.gather(-1, (places - steps[:, None]) % self.angles)
        joint = torch.fft.rfft(first).conj() * torch.fft.rfft(second)
        together = torch.fft.irfft(joint, n=self.angles)
        expected: Tensor = (together * cost).sum(-1) / alike[:, 0].clamp_min(1e-6)
        return expected.mean()


def _ring_convolution(before: int, after: int) -> nn.Conv1d:
    return nn.Conv1d(before, after, 9, padding=4, padding_mode="circular")
