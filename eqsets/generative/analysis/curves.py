"""What the learned density says: a curve for each component, and dependence between components."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import log, pi

import torch
from torch import Tensor

from eqsets.families import Parameter
from eqsets.generative.analysis.claims import Claim
from eqsets.generative.analysis.evidence import Evidence
from eqsets.generative.density.conditional import TransformDistribution

__all__ = ["Curve", "Dependence", "curve_of_levels", "curves_of", "dependence_of", "draw"]

_BINS = 48
_DRAWS = 200


@dataclass(frozen=True)
class Curve:
    """The learned distribution of a component around the centre of each prototype's, on average.

    Attributes:
        name: of the component.
        kind: ``"circle"``, ``"line"`` or ``"levels"``.
        positions: middles of the bins, in the unit of the component.
        heights: densities; probabilities of levels.
    """

    name: str
    kind: str
    positions: tuple[float, ...]
    heights: tuple[float, ...]

    @property
    def places(self) -> tuple[float, ...]:
        """The old name of ``positions``."""
        warnings.warn(
            "Curve.places is deprecated: it is now positions.", DeprecationWarning, stacklevel=2
        )
        return self.positions


@dataclass(frozen=True)
class Dependence:
    """Mutual information of two components given the prototype, in nats (of normal variables)."""

    first: str
    second: str
    nats: float


def draw(distribution: TransformDistribution, generator: torch.Generator) -> Tensor:
    """Return samples ``(draws, B, k)`` of the learned density."""
    return distribution.sample((_DRAWS,), generator=generator)


def curves_of(parameters: Sequence[Parameter], samples: Tensor) -> tuple[Curve, ...]:
    """Return a curve for each component from samples ``(draws, B, k)``."""
    return tuple(_curve(one, samples[..., index]) for index, one in enumerate(parameters))


def _curve(parameter: Parameter, drawn: Tensor) -> Curve:
    if parameter.levels is not None:
        counts = torch.bincount(
            drawn.flatten().long() % parameter.levels, minlength=parameter.levels
        )
        heights = (counts / counts.sum()).tolist()
        return Curve(parameter.name, "levels", tuple(map(float, range(len(heights)))), (*heights,))
    if parameter.period is not None:
        half, kind = parameter.period / 2, "circle"
        angle = drawn * (2 * pi / parameter.period)
        centre = torch.atan2(angle.sin().mean(0), angle.cos().mean(0)) * parameter.period / (2 * pi)
        away = (drawn - centre + half).remainder(parameter.period) - half
    else:
        half, kind = parameter.high - parameter.low, "line"
        away = drawn - drawn.median(0).values
    counts = torch.histc(away.flatten().float(), _BINS, -half, half)
    width = 2 * half / _BINS
    heights = (counts / (drawn.numel() * width)).tolist()
    positions = [-half + width * (i + 0.5) for i in range(_BINS)]
    return Curve(parameter.name, kind, tuple(positions), tuple(heights))


def curve_of_levels(evidence: Evidence) -> Curve:
    """Return how probable each level is relative to that of an image, on average."""
    heights = evidence.probabilities.mean(0).tolist()
    name = evidence.parameter.name
    return Curve(name, "levels", tuple(map(float, range(len(heights)))), (*heights,))


def dependence_of(
    parameters: Sequence[Parameter], samples: Tensor, claims: Sequence[Claim]
) -> tuple[Dependence, ...]:
    r"""Return the dependence of each pair of components that are not absent.

    Circles count as cosine and sine. With correlation matrices of the deviations from the mean of
    each prototype,

    .. math:: I = \tfrac12 \log \frac{\det \Sigma_1 \det \Sigma_2}{\det \Sigma_{12}} .
    """
    present = [
        i for i, claim in enumerate(claims) if claim.verdict in ("partial", "full", "discrete")
    ]
    features = {i: _centred(parameters[i], samples[..., i]) for i in present}
    dependence = []
    for number, i in enumerate(present):
        for j in present[number + 1 :]:
            both = torch.cat([features[i], features[j]], -1)
            parts = [_volume(features[i]), _volume(features[j]), _volume(both)]
            nats = max(0.0, (parts[0] + parts[1] - parts[2]) / 2)
            dependence.append(Dependence(parameters[i].name, parameters[j].name, nats))
    return tuple(dependence)


def _centred(parameter: Parameter, drawn: Tensor) -> Tensor:
    if parameter.period is None:
        columns = drawn[..., None]
    else:
        angle = drawn * (2 * pi / parameter.period)
        columns = torch.stack([angle.cos(), angle.sin()], -1)
    return (columns - columns.mean(0)).flatten(0, 1).double()


def _volume(columns: Tensor) -> float:
    square = columns.mT @ columns / len(columns)
    scale = square.diagonal().clamp_min(1e-12).sqrt()
    normal = square / scale[:, None] / scale + 1e-3 * torch.eye(len(scale), dtype=square.dtype)
    return float(torch.logdet(normal)) - len(scale) * log(1 + 1e-3)
