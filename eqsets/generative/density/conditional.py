r"""The conditional density of the transformation, given the prototype.

Requirements that shaped this module:

- a rotation lives on a circle: splines on the circle, no seam, a uniform distribution is the start;
- lines have no ends to fall off: splines in the middle, straight outside, after standardising;
- a parameter may depend on another one of any kind.

The factorisation, with discrete parameters :math:`k`, circles :math:`\theta`, lines :math:`u`:

.. math:: p(\eta \mid \hat x) = \prod_i p(k_i \mid k_{<i}, \hat x) \;
          \prod_j p(\theta_j \mid \theta_{<j}, k, \hat x) \; p(u \mid \theta, k, \hat x)

Categorical, circular spline flows (zuko's NCSF, one for each circle) and one autoregressive spline
flow (NSF) for all lines. Circles are shown to what follows as cosine and sine. By the chain rule
nothing is lost.
"""

from __future__ import annotations

from math import log, pi, prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eqsets.errors import ShapeError
from eqsets.families import Chart, Domain, Images
from eqsets.generative.data.artifacts import hide_artifacts
from eqsets.optional import require

if TYPE_CHECKING:
    from zuko.flows import Flow

__all__ = ["ConditionalDensity", "TransformDistribution"]

_FEATURES = 64


class ConditionalDensity(nn.Module):
    """The network of ``p(eta | prototype)``.

    Arguments:
        chart: coordinates of the transformations.
        shape: of a prototype, such as ``(C, H, W)``.
        dropout: of the trunk.
        domain: of the prototypes.

    Raises:
        OptionError: zuko is not installed.
    """

    middle: Tensor
    spread: Tensor

    def __init__(
        self,
        chart: Chart,
        shape: tuple[int, ...],
        *,
        dropout: float = 0.1,
        domain: Domain | None = None,
    ) -> None:
        super().__init__()
        require("zuko")
        from zuko.flows import NCSF, NSF

        self.chart, self.domain = chart, domain or Images()
        self.levels, self.circles = list(chart.levels), list(chart.circles)
        self.lines = list(chart.lines)
        self.register_buffer("middle", torch.zeros(len(self.lines)))
        self.register_buffer("spread", torch.ones(len(self.lines)))
        encoder = self.domain.encoder(shape, _FEATURES, dropout=dropout)
        self.trunk = nn.Sequential(encoder, nn.GELU(), nn.Dropout(dropout))
        known = _FEATURES
        self.choices = nn.ModuleList()
        for count in self._counts:
            self.choices.append(_choice(known, count))
            known += count
        self.rings = nn.ModuleList()
        for _ in self.circles:
            ring = NCSF(1, known, bins=12, transforms=3, hidden_features=(64, 64))
            self.rings.append(ring)
            known += 2
        self.flow: Flow | None = None
        if self.lines:
            self.flow = NSF(len(self.lines), known, bins=8, transforms=3, hidden_features=(64, 64))

    @property
    def _counts(self) -> list[int]:
        return [self.chart.parameters[i].levels or 1 for i in self.levels]

    def standardise(self, eta: Tensor) -> None:
        """Fit middle and spread of the lines to ``eta: (n, k)``."""
        lines = eta[:, self.lines]
        self.middle.copy_(lines.mean(0))
        self.spread.copy_((lines - self.middle).square().mean(0).sqrt().clamp_min(1e-3))

    def forward(self, prototype: Tensor) -> TransformDistribution:
        """Return the distributions for prototypes ``(B, *element)``."""
        return TransformDistribution(self, self.features(prototype))

    def features(self, prototype: Tensor) -> Tensor:
        """Return ``(B, F)``: what the densities know of prototypes, of which they see a blur.

        From sharpness and interpolation artifacts they could read off ``eta``.
        """
        features: Tensor = self.trunk(hide_artifacts(prototype, self.domain, random=self.training))
        return features

    def log_prob(self, features: Tensor, eta: Tensor) -> Tensor:
        """Return ``(*batch)`` from features ``(*batch, F)`` and ``eta: (*batch, k)``."""
        known, total = features, torch.zeros_like(features[..., 0])
        for i, choice, count in zip(self.levels, self.choices, self._counts, strict=True):
            level = eta[..., i].round().long().remainder(count)
            scores = choice(known).log_softmax(-1)
            total = total + scores.gather(-1, level[..., None])[..., 0]
            known = torch.cat([known, F.one_hot(level, count).to(known.dtype)], -1)
        for i, ring in zip(self.circles, self.rings, strict=True):
            period = self._period(i)
            angle = (eta[..., i] * (2 * pi / period) + pi).remainder(2 * pi) - pi
            total = total + ring(known).log_prob(angle[..., None]) + log(2 * pi / period)
            known = torch.cat([known, _on_circle(angle)], -1)
        if self.flow is not None:
            lines = (eta[..., self.lines] - self.middle) / self.spread
            total = total + self.flow(known).log_prob(lines) - self.spread.log().sum()
        return total

    def sample(self, features: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return one ``eta: (*batch, k)`` for each row of features ``(*batch, F)``.

        Noise is drawn on the device of the generator, wherever the features are.
        """
        columns: dict[int, Tensor] = {}
        known, batch = features, features.shape[:-1]
        source = features.device if generator is None else generator.device
        for i, choice, count in zip(self.levels, self.choices, self._counts, strict=True):
            probabilities = choice(known).softmax(-1).reshape(-1, count).to(source)
            level = torch.multinomial(probabilities, 1, generator=generator).reshape(batch)
            level = level.to(features.device)
            columns[i] = level.to(features.dtype)
            known = torch.cat([known, F.one_hot(level, count).to(known.dtype)], -1)
        for i, ring in zip(self.circles, self.rings, strict=True):
            noise = torch.empty((*batch, 1), dtype=features.dtype, device=source)
            start = noise.uniform_(generator=generator).to(features.device) * (2 * pi) - pi
            angle = ring(known).transform.inv(start)[..., 0]
            columns[i] = angle * (self._period(i) / (2 * pi))
            known = torch.cat([known, _on_circle(angle)], -1)
        if self.flow is not None:
            shape = (*batch, len(self.lines))
            noise = torch.empty(shape, dtype=features.dtype, device=source)
            noise = noise.normal_(generator=generator).to(features.device)
            lines = self.flow(known).transform.inv(noise) * self.spread + self.middle
            columns.update(zip(self.lines, lines.unbind(-1), strict=True))
        return torch.stack([columns[i] for i in range(len(columns))], -1)

    def _period(self, index: int) -> float:
        return self.chart.parameters[index].period or 1.0


class TransformDistribution:
    """``p(eta | prototype)`` of a batch of ``B`` prototypes.

    Arguments:
        density: the network.
        features: of the prototypes, ``(B, F)``.
    """

    def __init__(self, density: ConditionalDensity, features: Tensor) -> None:
        self._density, self._features = density, features

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components of ``eta``."""
        return self._density.chart.names

    def log_prob(self, eta: Tensor) -> Tensor:
        """Return log densities ``(*shape, B)`` of ``eta: (*shape, B, k)``, in the units of eta.

        Raises:
            ShapeError: ``eta`` does not end in ``(B, k)``.
        """
        batch, count = len(self._features), len(self.names)
        if eta.dim() < 2 or tuple(eta.shape[-2:]) not in ((batch, count), (1, count)):
            raise ShapeError(
                f"log_prob got eta of shape {tuple(eta.shape)}, expected (*shape, {batch}, "
                f"{count}): one row for each prototype, with {', '.join(self.names)}. "
                "Add an axis, or expand it."
            )
        shape = (*eta.shape[:-2], batch)
        features = self._features.expand(*shape, -1)
        return self._density.log_prob(features, eta.expand(*shape, count).to(features.dtype))

    @torch.no_grad()
    def sample(
        self, shape: tuple[int, ...] = (), *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return ``eta: (*shape, B, k)``."""
        flat = self._features.expand(prod(shape), *self._features.shape)
        drawn = self._density.sample(flat, generator)
        return drawn.reshape(*shape, len(self._features), len(self.names))

    @torch.no_grad()
    def entropy(self, samples: int = 256, *, generator: torch.Generator | None = None) -> Tensor:
        """Return entropies ``(B)`` in nats, by Monte Carlo: the mean of ``-log_prob``.

        The standard error is the spread of ``log_prob`` divided by the root of ``samples``.
        """
        drawn = self.sample((samples,), generator=generator)
        return -self.log_prob(drawn).mean(0)

    def uniform_entropy(self) -> float:
        """Return the entropy of the uniform distribution on the ranges of the parameters.

        A circle counts as a whole. On lines the density is not confined to the range, so that an
        entropy may be larger than this.
        """
        return sum(
            log(p.levels or p.period or (p.high - p.low)) for p in self._density.chart.parameters
        )


def _choice(known: int, count: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(known, 64), nn.GELU(), nn.Linear(64, count))


def _on_circle(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], -1)
