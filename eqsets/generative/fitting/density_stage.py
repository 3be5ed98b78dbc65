"""The objective of stage 2: the density of the transformation, given the prototype."""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.generative.density.conditional import ConditionalDensity
from eqsets.generative.fitting.presets import Preset
from eqsets.training import Objective, Step

__all__ = ["DensityObjective"]

_CHUNK = 256


class DensityObjective(Objective):
    """Stage 2: maximise the log density of the transformation, given the prototype.

    Arguments:
        network: the density.
        pairs: to learn from, of :func:`prototype_pairs`.
        held_out: to measure with.
        preset: number of samples, weight of the consistency.
    """

    monitor = "nll"

    def __init__(
        self,
        network: ConditionalDensity,
        pairs: tuple[Tensor, Tensor],
        held_out: tuple[Tensor, Tensor],
        preset: Preset,
    ) -> None:
        self.network: ConditionalDensity = network
        self.pairs, self.held_out, self.preset = pairs, held_out, preset

    def to(self, device: torch.device) -> None:
        self.pairs = (self.pairs[0].to(device), self.pairs[1].to(device))
        self.held_out = (self.held_out[0].to(device), self.held_out[1].to(device))

    def loss(self, step: Step) -> dict[str, Tensor]:
        eta, prototypes = self.pairs
        chosen = step.choose(len(eta)).to(eta.device)[:, None]
        views = min(self.preset.density.samples, eta.shape[1])
        order = torch.rand(len(chosen), eta.shape[1], generator=step.generator).argsort(1)
        picked = order[:, :views].to(eta.device)
        return self._terms(eta[chosen, picked], prototypes[chosen, picked])

    @torch.no_grad()
    def check(self) -> dict[str, float]:
        self.network.eval()
        sums: dict[str, float] = {}
        for eta, prototypes in zip(*(part.split(_CHUNK) for part in self.held_out), strict=True):
            for name, value in self._terms(eta, prototypes).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(eta) / len(self.held_out[0])
        self.network.train()
        return sums

    def _terms(self, eta: Tensor, prototypes: Tensor) -> dict[str, Tensor]:
        features = self.network.features(prototypes.flatten(0, 1)).unflatten(0, eta.shape[:2])
        logs = self.network.log_prob(features, eta)
        difference = (logs[:, :, None] - logs[:, None, :]).abs().mean()
        nll = -logs.mean()
        return {
            "loss": nll + self.preset.consistency * difference,
            "nll": nll,
            "difference": difference,
        }
