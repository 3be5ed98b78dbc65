"""Fit a VAE of any kind by the loop of the symmetry model."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from eqsets.generative.data.images import as_images, check_shape, split
from eqsets.generative.needs import require
from eqsets.generative.training.files import fingerprint
from eqsets.generative.training.objective import Objective, Step
from eqsets.generative.training.presets import StagePlan
from eqsets.generative.vae.augment import Augmentation, Resampling

if TYPE_CHECKING:
    from eqsets.generative.vae.plain import VAE

__all__ = ["ELBO", "LEVEL", "fit_vae", "rough"]

LEVEL = 2 / 255
"""Width of one grey level of bytes, in units of ``[-1, 1]``."""


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
        network: VAE,
        images: Tensor,
        held_out: Tensor,
        augment: Augmentation | None,
        level: float,
    ) -> None:
        self.network: VAE = network
        self.images, self.held_out = images, held_out
        self.augment, self.level = augment, level
        self.known: tuple[Tensor, ...] = ()
        if augment is None:
            self.known = network.look(images)
        elif isinstance(augment, Resampling):
            self.known = augment.look(images)
        self.known_held_out = network.look(held_out)

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
            known = self.network.look(x)
        x = rough(x, self.level, step.generator)
        return {"loss": -self.network.log_weights(x, 1, step.generator, known).mean()}

    @torch.no_grad()
    def check(self) -> dict[str, float]:
        self.network.eval()
        generator, total = torch.Generator().manual_seed(0), 0.0
        for chosen in torch.arange(len(self.held_out)).split(256):
            known = tuple(part[chosen] for part in self.known_held_out)
            noisy = rough(self.held_out[chosen], self.level, generator)
            logs = self.network.log_weights(noisy, 2, generator, known)
            total -= float(logs.mean()) * len(chosen)
        self.network.train()
        return {"loss": total / len(self.held_out)}


def rough(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Return images with uniform noise of width ``level``, which makes bytes continuous."""
    return x + level * (torch.rand(x.shape, generator=generator).to(x) - 0.5)


def fit_vae(
    vae: VAE,
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
    **trainer_options: Any,
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
        folder: for checkpoint and curve; a fit that was killed goes on from there.
        resume: whether to do that.
        quiet: show no progress.
        trainer_options: further arguments of ``lightning.Trainer``.

    Returns:
        The curve.

    Raises:
        ShapeError: these are no images of the right shape.
        OptionError: Lightning is missing, or the folder holds another fit.
    """
    require("lightning")
    from eqsets.generative.training.loop import run

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
    mark = fingerprint(known, (type(vae).__name__, repr(vae), chosen, seed, level), *unusual)
    if augment is not None:  # a function is known by what it makes of some images
        mark = fingerprint(augment(known[:8], torch.Generator().manual_seed(0)), mark)
    vae.train()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*in eval mode at the start.*")  # as it should be
        vae.curve = run(
            ELBO(vae, known, held_out, augment, level),
            chosen,
            name="vae",
            mark=mark,
            seed=seed,
            folder=None if folder is None else Path(folder),
            resume=resume,
            quiet=quiet,
            loggers=[],
            trainer_options=trainer_options,
        )
    vae.cpu().eval()
    return vae.curve
