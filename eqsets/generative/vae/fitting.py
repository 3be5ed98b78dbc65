"""Fit a VAE of any kind: the negative ELBO, by the training loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eqsets.generative.data.images import as_images, check_shape, split
from eqsets.generative.vae.augment import Augmentation, Resampling
from eqsets.generative.vae.base import LEVEL, LatentModel, dequantize
from eqsets.training import FitOptions, Objective, StagePlan, Step, fingerprint, run_stage

__all__ = ["ELBO", "fit_vae"]


class ELBO(Objective):
    """The negative ELBO, of images with noise of one grey level.

    Arguments:
        network: the VAE.
        images: to learn from.
        held_out: to measure with, never augmented.
        augment: what images to learn from go through.
        level: width of the noise.
    """

    def __init__(
        self,
        network: LatentModel,
        images: Tensor,
        held_out: Tensor,
        augment: Augmentation | None,
        level: float,
    ) -> None:
        self.network: LatentModel = network
        self.images, self.held_out = images, held_out
        self.augment, self.level = augment, level
        self.known: tuple[Tensor, ...] = ()
        if augment is None:
            self.known = network.precompute(images)
        elif isinstance(augment, Resampling):
            self.known = augment.precompute(images)
        self.known_held_out = network.precompute(held_out)

    def to(self, device: torch.device) -> None:
        self.images, self.held_out = self.images.to(device), self.held_out.to(device)
        self.known = tuple(part.to(device) for part in self.known)
        self.known_held_out = tuple(part.to(device) for part in self.known_held_out)

    def loss(self, step: Step) -> dict[str, Tensor]:
        chosen = step.choose(len(self.images)).to(self.images.device)
        x, known = self.images[chosen], tuple(part[chosen] for part in self.known)
        if isinstance(self.augment, Resampling):
            x = self.augment.draw(x, known, step.generator)
        elif self.augment is not None:
            x = self.augment(x, step.generator)
        if self.augment is not None:
            known = self.network.precompute(x)
        x = dequantize(x, self.level, step.generator)
        return {"loss": -self.network.log_weights(x, 1, step.generator, known).mean()}

    @torch.no_grad()
    def check(self) -> dict[str, float]:
        self.network.eval()
        generator, total = torch.Generator().manual_seed(0), 0.0
        for chosen in torch.arange(len(self.held_out)).split(256):
            known = tuple(part[chosen] for part in self.known_held_out)
            noisy = dequantize(self.held_out[chosen], self.level, generator)
            logs = self.network.log_weights(noisy, 2, generator, known)
            total -= float(logs.mean()) * len(chosen)
        self.network.train()
        return {"loss": total / len(self.held_out)}


def fit_vae(
    vae: LatentModel,
    images: Any,
    *,
    validation: Any = None,
    augment: Augmentation | None = None,
    plan: StagePlan | None = None,
    seed: int = 0,
    level: float = LEVEL,
    folder: str | Path | None = None,
    resume: bool = True,
    quiet: bool = False,
    **device_options: Any,
) -> list[dict[str, float]]:
    """Maximise the ELBO; keep the weights that are best on held-out images.

    Args:
        vae: what to fit.
        images: see :func:`eqsets.generative.as_images`.
        validation: images to measure with; default: a tenth, held out.
        augment: what images to learn from go through at each step.
        plan: of the optimisation.
        seed: of all random numbers of the fit.
        level: width of the noise that makes bytes continuous.
        folder: for checkpoint and curve; a fit that was killed is resumed from there.
        resume: whether to do that.
        quiet: show no progress.
        device_options: arguments of ``lightning.Fabric``.

    Returns:
        The curve.

    Raises:
        ShapeError: these are no images of the right shape.
        OptionError: the folder holds another fit.
    """
    options = FitOptions.of(seed=seed, folder=folder, resume=resume, quiet=quiet, **device_options)
    known = as_images(images)
    check_shape(known, vae.image_shape)
    if validation is None:
        known, held_out = split(known, seed)
    else:
        held_out = as_images(validation)
        check_shape(held_out, vae.image_shape)
    chosen = plan or StagePlan(3000, batch=64, check_every=150, patience=5)
    unusual = [] if validation is None else [held_out]
    unusual += [one for one in vae.parameters() if not one.requires_grad]  # the symmetry model's
    settings = (type(vae).__name__, repr(vae), chosen, seed, level)
    identity = fingerprint(known, settings, *unusual)
    if augment is not None:  # a function is known by what it makes of some images
        identity = fingerprint(augment(known[:8], torch.Generator().manual_seed(0)), identity)
    dtype = next(vae.parameters()).dtype
    vae.train()
    objective = ELBO(vae, known.to(dtype), held_out.to(dtype), augment, level)
    vae.curve = run_stage(objective, chosen, name="vae", identity=identity, options=options)
    vae.cpu().eval()
    return vae.curve
