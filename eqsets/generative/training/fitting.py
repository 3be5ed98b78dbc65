"""Fit a model: check the data, run stage 1, make prototypes, run stage 2."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from eqsets.generative.data.images import as_images, check_family, check_shape, split
from eqsets.generative.density.conditional import ConditionalDensity
from eqsets.generative.needs import require
from eqsets.generative.training.files import fingerprint
from eqsets.generative.training.losses import LossWeights
from eqsets.generative.training.objective import Fit, Objective
from eqsets.generative.training.presets import Preset, StagePlan
from eqsets.generative.training.stages import DensityObjective, InferenceObjective, prototype_pairs

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

    from eqsets.generative.model import SymmetryModel

__all__ = ["fit_model"]

Network = TypeVar("Network", bound=nn.Module)

_TOO_MUCH = 0.1  # of the content
_MOST = 2**28  # numbers in all prototypes that stage 2 learns from: 1 GiB


def fit_model(
    model: SymmetryModel,
    images: Any,
    validation: Any,
    *,
    preset: Preset,
    seed: int,
    bounds: Tensor,
    weights: LossWeights,
    folder: Path | None,
    resume: bool,
    quiet: bool,
    loggers: list[Logger],
    trainer_options: dict[str, Any],
) -> Fit:
    """Fit both stages; see :meth:`SymmetryModel.fit`."""
    require("lightning")
    require("zuko")
    from eqsets.generative.training.loop import run

    known, held_out = _data(model, images, validation, seed)
    settings = (model.family, model.backbone, model.background, preset, seed, weights)
    # What is as usual adds nothing, so that fits that were begun before can be gone on with.
    unusual: list[object] = [] if validation is None else [held_out]
    unusual += [f"passes={model.passes}"] if model.passes > 1 else []
    mark = fingerprint(known, bounds, settings, *unusual)

    def stage(objective: Objective, plan: StagePlan, name: str) -> list[dict[str, float]]:
        return run(
            objective,
            plan,
            name=name,
            mark=mark,
            seed=seed,
            folder=folder,
            resume=resume,
            quiet=quiet,
            loggers=loggers,
            trainer_options=trainer_options,
        )

    inference = model.inference = _seeded(model.new_inference, seed)
    inference.frame.calibrate(known)
    curve: list[dict[str, float]] = []
    if any(parameter.requires_grad for parameter in inference.parameters()):
        inference.train()
        first = InferenceObjective(inference, known, held_out, preset, bounds, weights)
        curve = stage(first, preset.inference, "inference")
        _warn_of_lost_content(curve)
    inference.eval().cpu()
    pairs = [
        prototype_pairs(
            inference,
            part,
            views=max(1, min(preset.prototypes, _MOST // known.numel())),
            bounds=bounds,
            order=preset.order,
            generator=torch.Generator().manual_seed(seed + place),
        )
        for place, part in enumerate((known, held_out))
    ]
    model.keep(pairs[0][1][:, 0])
    model.dropout = preset.dropout
    density = _seeded(
        lambda: ConditionalDensity(model.chart, model.image_shape, dropout=preset.dropout), seed
    )
    density.standardise(pairs[0][0].flatten(0, 1))
    density.train()
    second = DensityObjective(density, pairs[0], pairs[1], preset)
    model.density = density
    curves = Fit(curve, stage(second, preset.density, "density"))
    model.cpu().eval()
    return curves


def _warn_of_lost_content(curve: list[dict[str, float]]) -> None:
    lost = min(curve, key=lambda row: row["loss"])["lost"]
    if lost > _TOO_MUCH:
        warnings.warn(
            f"prototypes have no room for {lost:.0%} of the content of images: it is cut off. "
            "Pass smaller bounds=, or images with a margin.",
            stacklevel=4,
        )


def _data(model: SymmetryModel, images: Any, validation: Any, seed: int) -> tuple[Tensor, Tensor]:
    known = as_images(images).cpu()  # where a fit begins and ends; Lightning moves what it trains
    check_shape(known, model.image_shape)
    check_family(known, model.family)
    if validation is None:
        return split(known, seed)
    held_out = as_images(validation).cpu()
    check_shape(held_out, model.image_shape)
    return known, held_out


def _seeded(build: Callable[[], Network], seed: int) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()
