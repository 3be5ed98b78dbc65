r"""Coordinates of affine maps of the plane: shift, rotation, symmetric logarithm of the scale.

A rotation is a circle, also next to scales and shifts. In the published coordinates, one joint
exponential, it is not: a shift jumps where the angle wraps, and some products near a half turn have
no logarithm at all. So affine elements get the coordinates

.. math:: F = \begin{pmatrix} R^{-1}(\varphi) \, e^{-S} & -t \\ 0 & 1 \end{pmatrix}, \qquad
          S = \begin{pmatrix} s_x & h \\ h & s_y \end{pmatrix},

scale first, then turn, then shift, which exist for every element, are unique and smooth, and agree
with the published ones (signs and units included) to first order.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.families import Chart, Parameter, at_least_float32, without_autocast

__all__ = ["SPATIAL", "AffineChart"]

SPATIAL = ("shift_x", "shift_y", "rotation", "scale_x", "scale_y", "shear")
"""The names of all coordinates, in order."""


@dataclass(frozen=True)
class AffineChart(Chart):
    """Shift, rotation and symmetric logarithm of the scale, of forward matrices ``(3, 3)``.

    Arguments:
        parameters: which of them there are; ``"scale"`` is both scales at once.
    """

    parameters: tuple[Parameter, ...]

    def element(self, z: Tensor) -> Tensor:
        z = at_least_float32(z)
        part = dict(zip(self.names, z.unbind(-1), strict=True))
        none = torch.zeros_like(z[..., 0])
        x, y, turn, sx, sy, h = (part.get(name, part.get(name[:5], none)) for name in SPATIAL)
        mean, n = -(sx + sy) / 2, -(sx - sy) / 2
        size = (n * n + h * h + 1e-24).sqrt()
        grow, sine = mean.exp() * size.cosh(), mean.exp() * size.sinh() / size
        p, q, r = grow + sine * n, -sine * h, grow - sine * n  # exp(-S)
        c, s = turn.cos(), turn.sin()
        one = torch.ones_like(none)
        rows = (c * p + s * q, c * q + s * r, -x, c * q - s * p, c * r - s * q, -y)
        return torch.stack([*rows, none, none, one], -1).reshape(*z.shape[:-1], 3, 3)

    def coordinates(self, g: Tensor) -> Tensor:
        g = at_least_float32(g)
        a, b, c, d = g[..., 0, 0], g[..., 0, 1], g[..., 1, 0], g[..., 1, 1]
        turn = torch.atan2(b - c, a + d)  # of the polar decomposition
        p, q, r = a * a + c * c, a * b + c * d, b * b + d * d  # the square of exp(-S)
        half, n = (p + r) / 2, (p - r) / 2
        size = (n * n + q * q + 1e-24 * half * half).sqrt()
        slope = (size / half).clamp(max=1 - 1e-6).atanh() / size
        mean = (half * half - size * size).clamp_min(1e-30).log() / 2
        sx, sy, shear = -(mean + slope * n) / 2, -(mean - slope * n) / 2, -slope * q / 2
        values = (-g[..., 0, 2], -g[..., 1, 2], turn, sx, sy, shear)
        known = dict(zip(SPATIAL, values, strict=True))
        known["scale"] = (sx + sy) / 2
        return torch.stack([known[name] for name in self.names], -1)

    @without_autocast
    def mean(self, g: Tensor, weights: Tensor) -> Tensor:
        """Return the mean of the matrices, taken back to the family.

        The mean of matrices commutes with products from the left; a mean of rotations becomes a
        rotation by the polar decomposition.
        """
        share = self.shares(weights).to(g.dtype)[..., None, None]
        return self.element(self.coordinates((share * g).sum(1)))
