r"""The distributions of the poses of sprites in the paper on dSprites, as known densities.

The latents of a sprite are ``(x, y, orientation, scale)`` in the units of dSprites: positions from
0 to 1, radians, and 0.5 to 1. The group element of a pose is

.. math:: F = \begin{pmatrix} r s R(\theta) & d \, (x - 1/2, y - 1/2) \\ 0 & 1 \end{pmatrix}

with ``d`` = :data:`SPAN` and ``r`` = :data:`RADIUS`, so that sprites are in the frame also when
they are rotated about its centre. Densities are in the coordinates :math:`u = (t, \theta, \log s)`
of F. Multiplication of F by a fixed element, and the change to the chart of the model, preserve
volumes in ``u``, so that densities of ``u`` and of ``eta`` are comparable without a factor.

Rotations that map a shape to itself cannot be distinguished: :func:`log_density` sums over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log, pi
from types import MappingProxyType

import torch
from torch import Tensor

from experiments.data.sprites import SYMMETRY_ORDERS

__all__ = [
    "JITTER",
    "LAWS",
    "NAMES",
    "RADIUS",
    "SPAN",
    "Law",
    "bins_of",
    "element",
    "latents",
    "log_density",
    "log_uniform",
    "turns",
]

NAMES = ("x", "y", "orientation", "scale")
SPAN = 0.8  # half frames between a position of 0 and a position of 1
RADIUS = 0.6  # half frames: the radius of the unit circle of a shape at scale 1
JITTER = 0.05  # radians; hearts of dSprites are all upright, which has no density


@dataclass(frozen=True)
class Law:
    """The distribution of a latent: a mixture of intervals, each uniform or truncated normal.

    Attributes:
        pieces: the intervals, equally likely.
        mean: of the normal distribution before truncation.
        std: its standard deviation; infinite: uniform.
    """

    pieces: tuple[tuple[float, float], ...]
    mean: float = 0.0
    std: float = inf

    def mass(self, v: Tensor) -> Tensor:
        """Return the cumulative distribution at ``v``."""
        total = torch.zeros_like(v)
        for low, high in self.pieces:
            ends = self._scaled(v.new_tensor([low, high]))
            total = total + (self._scaled(v.clamp(low, high)) - ends[0]) / (ends[1] - ends[0])
        return total / len(self.pieces)

    def log_prob(self, v: Tensor) -> Tensor:
        """Return log densities at ``v``."""
        total = torch.zeros_like(v)
        for low, high in self.pieces:
            ends = self._scaled(v.new_tensor([low, high]))
            slope = torch.ones_like(v)
            if self.std < inf:
                slope = torch.exp(-(((v - self.mean) / self.std) ** 2) / 2) / (2 * pi) ** 0.5
                slope = slope / self.std
            total = total + slope / (ends[1] - ends[0]) * ((v >= low) & (v <= high))
        return (total / len(self.pieces)).log()

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Return ``n`` draws, float64."""
        pieces = torch.tensor(self.pieces, dtype=torch.float64)
        low, high = pieces[torch.randint(len(pieces), (n,), generator=generator)].unbind(-1)
        part = torch.rand(n, generator=generator, dtype=torch.float64)
        if self.std == inf:
            return low + part * (high - low)
        ends = self._scaled(low), self._scaled(high)
        normal: Tensor = torch.special.ndtri(ends[0] + part * (ends[1] - ends[0]))
        return (self.mean + self.std * normal).clamp(low, high)

    def _scaled(self, v: Tensor) -> Tensor:
        return v if self.std == inf else torch.special.ndtr((v - self.mean) / self.std)


LAWS: Mapping[str, tuple[Law, ...]] = MappingProxyType(
    {  # in the order of NAMES
        "square": (
            Law(((0.5, 0.95),)),
            Law(((0.5, 0.95),)),
            Law(((0.0, 2 * pi),)),
            Law(((0.55, 1.0),), 0.75, 0.2),
        ),
        "ellipse": (
            Law(((0.1, 0.9),), 0.5, 0.25),
            Law(((0.35, 0.65),), 0.5, 0.15),
            Law(((0.0, pi / 2),)),
            Law(((0.5, 0.85),), 0.65, 0.15),
        ),
        "heart": (
            Law(((0.1, 0.5),)),
            Law(((0.1, 0.3), (0.7, 0.9))),
            Law(((-4 * JITTER, 4 * JITTER),), 0.0, JITTER),
            Law(((0.9, 1.0),)),
        ),
    }
)
"""From the appendix of the paper, with :data:`JITTER`; scale and position are continuous."""


def element(v: Tensor) -> Tensor:
    """Return ``F: (*batch, 3, 3)`` of latents ``(*batch, 4)``."""
    x, y, angle, scale = v.unbind(-1)
    c, s = RADIUS * scale * angle.cos(), RADIUS * scale * angle.sin()
    none, one = torch.zeros_like(x), torch.ones_like(x)
    rows = (c, -s, SPAN * (x - 0.5), s, c, SPAN * (y - 0.5), none, none, one)
    return torch.stack(rows, -1).reshape(*v.shape[:-1], 3, 3)


def latents(f: Tensor) -> Tensor:
    """Return latents ``(*batch, 4)`` of ``F``, the orientation in ``[-pi, pi]``."""
    angle = torch.atan2(f[..., 1, 0], f[..., 0, 0])
    scale = (f[..., 0, 0] ** 2 + f[..., 1, 0] ** 2).sqrt() / RADIUS
    x, y = (f[..., :2, 2] / SPAN + 0.5).unbind(-1)
    return torch.stack([x, y, angle, scale], -1)


def turns(name: str) -> Tensor:
    """Return the angles ``(order,)`` of the rotations that map a shape to itself."""
    order = SYMMETRY_ORDERS.get(name, 1)
    return torch.arange(order, dtype=torch.float64) * (2 * pi / order)


def log_density(name: str, v: Tensor) -> Tensor:
    """Return ``log p(u)`` of latents ``(*batch, 4)``, summed over equivalent rotations."""
    x, y, orientation, scale = LAWS[name]
    low = min(end for piece in orientation.pieces for end in piece)
    angle = (v[..., 2, None] + turns(name) - low).remainder(2 * pi) + low
    positions = x.log_prob(v[..., 0]) + y.log_prob(v[..., 1]) - 2 * log(SPAN)
    sizes = scale.log_prob(v[..., 3]) + v[..., 3].log()
    return positions + sizes + orientation.log_prob(angle).logsumexp(-1)


def log_uniform(name: str) -> float:
    """Return the log density of the uniform distribution of positions, rotations and scales."""
    return log(len(turns(name))) - log((0.85 * SPAN) ** 2 * 2 * pi * log(2))


def bins_of(name: str, latent: int, bins: int = 40) -> tuple[Tensor, Tensor, float]:
    """Return edges of bins of one latent, their probabilities, and its period (0: none).

    They extend the range of the latent by a quarter on both sides, at most to a full period.
    """
    law, order = LAWS[name][latent], len(turns(name))
    low, high = law.pieces[0][0], law.pieces[-1][1]
    period = 2 * pi / order if latent == NAMES.index("orientation") else 0.0
    pad = (high - low) / 4
    if period:
        high = min(high, low + period)
        pad = min(pad, (period - (high - low)) / 2)
    edges = torch.linspace(low - pad, high + pad, bins + 1, dtype=torch.float64)
    copies = range(-1, order + 1) if period else range(1)
    below = torch.stack([law.mass(edges + turn * period) for turn in copies]).sum(0)
    return edges, below.diff(), period
