r"""A learned direction: which way an image points, decided by a network on a circle of angles.

Requirements that shaped this module:

- moments decide the direction of a third of all digits by a small margin (2, 5, 8 look almost the
  same upside down), and noise then turns the prototype by half a turn. A network can use all of the
  image;
- it is equivariant by construction: the image is sampled on circles around its centroid, where a
  rotation is a cyclic shift, and the network is convolutions around the circle;
- it begins as the moments: its scores are those of the third moment plus a correction of zero.

Training needs no second warp. Let :math:`p_1, p_2` be the distributions over directions of two
views of an image, in a common orientation. If the directions differ by :math:`\Delta`, the
prototypes differ by a rotation :math:`\Delta`, and the mean squared difference is known from the
autocorrelation of the image around the circles:

.. math:: \mathrm{loss} = \sum_\Delta \Bigl( \sum_\theta p_1(\theta) p_2(\theta + \Delta) \Bigr)
                          \lVert P - R_\Delta P \rVert^2 / \lVert P \rVert^2

the expected error in image space, not in angle: a wrong direction of a disc costs nothing.
"""

from __future__ import annotations

from itertools import pairwise
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eqsets.constants import Constants, on_cpu

__all__ = ["OrientationScores", "PolarDirection"]

_REACH = 2.6  # outermost circle, in standard deviations


class OrientationScores(NamedTuple):
    """What the loss of the learned direction needs.

    Attributes:
        samples: content on circles, ``(B, rings, angles)``.
        scores: of the directions, ``(B, angles)``.
        upright: everything but the direction, matrices ``(B, 3, 3)``.
    """

    samples: Tensor
    scores: Tensor
    upright: Tensor


class PolarDirection(nn.Module):
    """Scores of directions from content on circles.

    Arguments:
        rings: how many circles.
        angles: how many directions are distinguished; parabolas interpolate between them.
        width: channels of the network.
        layers: convolutions before the last.
    """

    def __init__(self, rings: int = 12, angles: int = 64, width: int = 32, layers: int = 3) -> None:
        super().__init__()
        self.angles = angles
        with on_cpu():
            rho = (torch.arange(rings, dtype=torch.float64) + 0.5) / rings * _REACH
            angle = torch.arange(angles, dtype=torch.float64) * (2 * pi / angles)
        self.constants = Constants(
            rho=rho,
            circle=torch.stack([angle.cos(), angle.sin()], -1),
            wave=(angle[:, None] - angle).cos(),
        )
        widths = [rings, *[width] * layers]
        parts: list[nn.Module] = []
        for before, after in pairwise(widths):
            parts += [_ring_convolution(before, after), nn.GELU()]
        self.network = nn.Sequential(*parts, _ring_convolution(width, 1))
        for parameter in self.network[-1].parameters():
            nn.init.zeros_(parameter)

    def samples(self, content: Tensor, linear: Tensor, centre: Tensor, corner: Tensor) -> Tensor:
        """Return content on circles, ``(B, rings, angles)``, of mean 1.

        Args:
            content: ``(B, 1, H, W)``.
            linear: ``(B, 2, 2)``, takes standard deviations to frame coordinates.
            centre: ``(B, 2)``.
            corner: ``(2,)``, the position of the corner pixel.
        """
        circle = self.constants.get("circle", content)
        points = self.constants.get("rho", content)[:, None, None] * circle
        positions = torch.einsum("bij,rtj->brti", linear, points) + centre[:, None, None]
        values = F.grid_sample(content, positions / corner, align_corners=True)[:, 0]
        return values / values.mean((1, 2), keepdim=True).clamp_min(1e-6)

    def forward(self, samples: Tensor) -> Tensor:
        """Return scores ``(B, angles)`` of samples ``(B, rings, angles)``."""
        cubed = torch.einsum("brt,r->bt", samples, self.constants.get("rho", samples) ** 4)
        wave = self.constants.get("wave", samples)
        prior = (cubed / cubed.abs().mean(-1, keepdim=True).clamp_min(1e-6)) @ wave
        scores: Tensor = prior / self.angles * 4 + self.network(samples)[:, 0]
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

    def loss(self, samples: Tensor, scores: tuple[Tensor, Tensor], turned: Tensor) -> Tensor:
        """Return the expected relative error of prototypes, a scalar.

        Args:
            samples: of the first views, ``(B, rings, angles)``.
            scores: of the first and of the second views, ``(B, angles)`` each.
            turned: by how much the canonical image of the second view must be turned to give that
                of the first, radians ``(B)``.
        """
        area = self.constants.get("rho", samples)[:, None]
        spectrum = torch.fft.rfft(samples).abs().square() * area
        correlation = torch.fft.irfft(spectrum.sum(1), n=self.angles)
        cost = 2 * (correlation[:, :1] - correlation)
        first, second = (one.softmax(-1) for one in scores)
        steps = (turned * self.angles / (2 * pi)).round().long()
        indices = torch.arange(self.angles, device=samples.device)
        second = second.gather(-1, (indices - steps[:, None]) % self.angles)
        joint = torch.fft.rfft(first).conj() * torch.fft.rfft(second)
        together = torch.fft.irfft(joint, n=self.angles)
        expected: Tensor = (together * cost).sum(-1) / correlation[:, 0].clamp_min(1e-6)
        return expected.mean()


def _ring_convolution(before: int, after: int) -> nn.Conv1d:
    return nn.Conv1d(before, after, 9, padding=4, padding_mode="circular")
