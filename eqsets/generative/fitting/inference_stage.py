"""The objective of stage 1: inference of the transformation."""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.generative.canonicalization.inference import Inference
from eqsets.generative.canonicalization.views import random_elements, without_clipping
from eqsets.generative.data.blur import blur
from eqsets.generative.fitting.losses import LossWeights, inference_loss
from eqsets.generative.fitting.presets import Preset
from eqsets.training import Objective, Step

__all__ = ["InferenceObjective"]

_CHUNK = 256


class InferenceObjective(Objective):
    """Stage 1: two random views of an image must lead to one prototype.

    Arguments:
        network: what infers.
        images: elements to learn from, ``(n, *element)``.
        held_out: to measure with.
        preset: interpolation, symmetrisation, blur.
        bounds: of the random transformations, ``(k, 2)``.
        weights: of the loss.
    """

    def __init__(
        self,
        network: Inference,
        images: Tensor,
        held_out: Tensor,
        preset: Preset,
        bounds: Tensor,
        weights: LossWeights,
    ) -> None:
        self.network: Inference = network
        self.images, self.held_out = images, held_out
        self.preset, self.bounds, self.weights = preset, bounds, weights

    def to(self, device: torch.device) -> None:
        self.images, self.held_out = self.images.to(device), self.held_out.to(device)

    def loss(self, step: Step) -> dict[str, Tensor]:
        x = self.images[step.choose(len(self.images)).to(self.images.device)]
        domain = self.network.family.domain
        x = x.repeat(self.preset.inference.samples, *[1] * domain.axes)
        fading = 1 - step.number / max(1.0, self.preset.blur_part * step.total)
        sigma = self.preset.blur * max(0.0, fading)
        x = blur(x, sigma, fill=domain.background, dims=domain.spatial)
        return self._terms(x, step.generator)

    @torch.no_grad()
    def check(self) -> dict[str, float]:
        self.network.eval()
        generator = torch.Generator().manual_seed(0)
        sums: dict[str, float] = {}
        for x in self.held_out.split(_CHUNK):
            for name, value in self._terms(x, generator).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(x) / len(self.held_out)
        self.network.train()
        return sums

    def _terms(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        family, views = self.network.family, []
        for moved in (True, self.preset.symmetrised):
            r = random_elements(family, x, bounds=self.bounds, generator=generator)
            r = r if moved else family.element(x.new_zeros(len(x), len(family.names)))
            views.append(without_clipping(family, r, x))
        pair = (views[0], views[1])
        return inference_loss(self.network, x, pair, self.weights, order=self.preset.order)
