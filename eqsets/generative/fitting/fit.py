"""Fit both stages: inference, prototypes, density."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from eqsets.generative.canonicalization.inference import Inference
from eqsets.generative.density.conditional import ConditionalDensity
from eqsets.generative.fitting.density_stage import DensityObjective
from eqsets.generative.fitting.inference_stage import InferenceObjective
from eqsets.generative.fitting.losses import LossWeights
from eqsets.generative.fitting.pairs import prototype_pairs
from eqsets.generative.fitting.presets import Preset
from eqsets.optional import require
from eqsets.training import FitOptions, run_stage

__all__ = ["Fit", "Fitted", "fit_stages"]

_Network = TypeVar("_Network", bound=nn.Module)

_LOST = 0.1  # of the content: more is worth a warning
_MOST = 2**28  # numbers in all prototypes that stage 2 learns from: 1 GiB


class Fit(NamedTuple):
    """The curves of a fit: a row for each evaluation on the held-out images."""

    inference: list[dict[str, float]]
    density: list[dict[str, float]]


class Fitted(NamedTuple):
    """What a fit results in.

    Attributes:
        inference: of stage 1.
        density: of stage 2.
        prototypes: of the training elements, ``(n, *element)``.
        curves: of both stages.
    """

    inference: Inference
    density: ConditionalDensity
    prototypes: Tensor
    curves: Fit


def fit_stages(
    build: Callable[[], Inference],
    elements: tuple[Tensor, Tensor],
    *,
    preset: Preset,
    bounds: Tensor,
    weights: LossWeights,
    identity: str,
    options: FitOptions,
) -> Fitted:
    """Fit inference and density.

    Args:
        build: makes an inference that has learned nothing.
        elements: to learn from, and held out, ``(n, *element)`` each, on the CPU.
        preset: of the plans.
        bounds: ``(k, 2)``, of random transformations.
        weights: of the terms of the first loss.
        identity: fingerprint of the fit.
        options: seed, files, output, devices.
    """
    require("zuko")
    known, held_out = elements
    seed = options.seed
    inference = _seeded(build, seed)
    inference.frame.calibrate(known)
    curve: list[dict[str, float]] = []
    if any(parameter.requires_grad for parameter in inference.parameters()):
        inference.train()
        first = InferenceObjective(inference, known, held_out, preset, bounds, weights)
        curve = run_stage(
            first, preset.inference, name="inference", identity=identity, options=options
        )
        _warn_of_lost_content(curve, inference.family.domain.noun)
    inference.eval().cpu()
    pairs = [
        prototype_pairs(
            inference,
            part,
            views=max(1, min(preset.prototypes, _MOST // known.numel())),
            bounds=bounds,
            order=preset.order,
            generator=torch.Generator().manual_seed(seed + index),
        )
        for index, part in enumerate(elements)
    ]
    density = _seeded(
        lambda: ConditionalDensity(
            inference.chart,
            tuple(known.shape[1:]),
            dropout=preset.dropout,
            domain=inference.family.domain,
        ),
        seed,
    )
    density.standardise(pairs[0][0].flatten(0, 1))
    density.train()
    second = DensityObjective(density, pairs[0], pairs[1], preset)
    rest = run_stage(second, preset.density, name="density", identity=identity, options=options)
    return Fitted(inference, density.cpu().eval(), pairs[0][1][:, 0], Fit(curve, rest))


def _warn_of_lost_content(curve: list[dict[str, float]], noun: str) -> None:
    lost = min(curve, key=lambda row: row["loss"])["lost"]
    if lost > _LOST:
        warnings.warn(
            f"prototypes have no room for {lost:.0%} of the content of {noun}: it is cut off. "
            f"Pass smaller bounds=, or {noun} with a margin.",
            stacklevel=4,
        )


def _seeded(build: Callable[[], _Network], seed: int) -> _Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()
