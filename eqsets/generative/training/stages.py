"""The objectives of the two stages of a fit."""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.families import ProductFamily, TransformationFamily
from eqsets.generative.canonicalization.chart import factors_of
from eqsets.generative.canonicalization.inference import Inference
from eqsets.generative.density.conditional import ConditionalDensity
from eqsets.generative.training.losses import LossWeights, blur, inference_loss
from eqsets.generative.training.objective import Objective, Step
from eqsets.generative.training.presets import Preset

__all__ = ["DensityObjective", "InferenceObjective", "prototype_pairs"]

_CHUNK = 256
_EXACT = 1e-6  # tolerance of families that interpolate nothing: what they lose was clipped
_LOST = 1e-3
_SIZE = 0.05  # log scale


class InferenceObjective(Objective):
    """Stage 1: two random views of an image must lead to one prototype.

    Arguments:
        network: what infers.
        images: to learn from, ``(n, C, H, W)``.
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
        x = x.repeat(self.preset.inference.samples, 1, 1, 1)
        fading = 1 - step.number / max(1.0, self.preset.blur_part * step.total)
        x = blur(x, self.preset.blur * max(0.0, fading))
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
        family = self.network.family
        views = []
        for moved in (True, self.preset.symmetrised):
            eta = family.sample(len(x), generator=generator, bounds=self.bounds, dtype=x.dtype)
            eta = eta if moved else torch.zeros_like(eta)
            views.append(_unclipped(family, family.element(eta.to(x.device)), x))
        return inference_loss(
            self.network, x, (views[0], views[1]), self.weights, order=self.preset.order
        )


@torch.no_grad()
def prototype_pairs(
    network: Inference,
    images: Tensor,
    *,
    views: int,
    bounds: Tensor,
    order: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    r"""Return ``eta: (n, views, k)`` and prototypes ``(n, views, C, H, W)`` that belong together.

    A prototype is taken from a random member :math:`x_r = \mathrm{act}(r, x)` of the orbit, and

    .. math:: x = \mathrm{act}(r^{-1} \hat g(x_r), \hat x_r)

    says which transformation makes ``x`` of it. So the pairs are right to interpolation also where
    inference is not invariant, or cannot be: a disc gets every rotation. The prototype is made of
    the pixels of :math:`x_r`, not of those of ``x``: interpolation leaves traces, and from traces
    of :math:`\eta` the density would learn to read :math:`\eta` off.

    A saturation or value that was clipped on the way to :math:`x_r` is no longer there to be found.
    Such members of the orbit are not taken: colours stay as they are, and places move.

    Softness counts as width, so a prototype of something small is small by a percent. Its size is
    made random, by up to 5 %, and eta with it: it tells nothing, and the density learns what it
    means.
    """
    family, chart = network.family, network.chart
    group = family.group
    sizes = torch.tensor([_SIZE * name.startswith(("scale", "shear")) for name in family.names])
    etas, prototypes = [], []
    for x in images.split(_CHUNK):
        rows = []
        for _ in range(views):
            drawn = family.sample(len(x), generator=generator, bounds=bounds, dtype=x.dtype)
            r = _unclipped(family, family.element(drawn.to(x.device)), x)
            view = family.act(r, x, order=order)
            found = network(view).g
            if bool(sizes.any()):
                nudge = (2 * torch.rand(len(x), len(sizes), generator=generator) - 1) * sizes
                found = group.compose(found, family.element(nudge.to(x)))
            made = family.act(group.inverse(found), view, order=order)
            eta = chart.coordinates(group.compose(group.inverse(r), found))
            rows.append((eta.to(x.dtype), made))
        etas.append(torch.stack([eta for eta, _ in rows], 1))
        prototypes.append(torch.stack([made for _, made in rows], 1))
    return torch.cat(etas), torch.cat(prototypes)


def _unclipped(family: TransformationFamily, r: Tensor, x: Tensor) -> Tensor:
    """Return ``r`` without the parts that lose what ``x`` shows although they move no pixel."""
    parts = list(family.group.unpack(r)) if isinstance(family, ProductFamily) else [r]
    for place, factor in enumerate(factors_of(family)):
        if factor.tolerance > _EXACT:
            continue
        part, group = parts[place], factor.group
        again = factor.act(group.inverse(part), factor.act(part, x))
        lost = (again - x).abs().amax((-3, -2, -1)) > _LOST
        axes = (..., *[None] * len(group.element_shape))
        still = group.identity(len(x), device=part.device).to(part.dtype)
        parts[place] = torch.where(lost[axes], still, part)
    return family.group.pack(*parts) if isinstance(family, ProductFamily) else parts[0]


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
        for eta, made in zip(*(part.split(_CHUNK) for part in self.held_out), strict=True):
            for name, value in self._terms(eta, made).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(eta) / len(self.held_out[0])
        self.network.train()
        return sums

    def _terms(self, eta: Tensor, prototypes: Tensor) -> dict[str, Tensor]:
        features = self.network.features(prototypes.flatten(0, 1)).unflatten(0, eta.shape[:2])
        logs = self.network.log_prob(features, eta)
        apart = (logs[:, :, None] - logs[:, None, :]).abs().mean()
        nll = -logs.mean()
        return {"loss": nll + self.preset.consistency * apart, "nll": nll, "apart": apart}
