"""What training images of a VAE go through: resampling by a symmetry model, or the usual jitter."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import torch
from torch import Tensor

from eqsets.errors import OptionError
from eqsets.generative.data.images import require_images
from eqsets.generative.model import SymmetryModel
from eqsets.generative.vae.base import warn_of_look
from eqsets.registry import transformation

__all__ = ["Augmentation", "Resampling", "resampled", "standard"]

Augmentation = Callable[[Tensor, torch.Generator], Tensor]
"""From images ``(B, C, H, W)`` and a source of randomness to as many images."""


_CHUNK = 512  # images in one call of inference


class Resampling:
    """The augmentation of AugVAE: what images show, in other poses that occur.

    The model is in evaluation mode (no dropout), no gradient goes into it, and it stays on its
    device, wherever the VAE is trained. What it infers does not change during a fit, so a fit calls
    :meth:`precompute` once and then only :meth:`draw`: the same images four times as fast.

    Arguments:
        model: a fitted symmetry model.

    Raises:
        OptionError: it has not been fitted.
    """

    def __init__(self, model: SymmetryModel) -> None:
        if model.density is None:
            raise OptionError(
                f"Resampling got a model of {', '.join(model.names)} that has no density yet, "
                "expected one that was fitted. Call model.fit(images) first."
            )
        require_images(model.family.domain, "augment")
        self.model, self.density = model, model.density

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return self.draw(x, self.precompute(x), generator)

    def look(self, x: Tensor) -> tuple[Tensor, ...]:
        """Do what :meth:`precompute` does; the old name."""
        warn_of_look("Resampling")
        return self.precompute(x)

    @torch.no_grad()
    def precompute(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return what images ``(B, C, H, W)`` are drawn from: two tensors with ``B`` rows."""
        self.model.eval()
        group, known = self.model.family.group, []
        for part in x.to(self.model.prototype_bank).split(_CHUNK):
            back = group.inverse(self.model.element(part))
            prototypes = self.model.family.act(back, part)
            known.append((back, self.density.features(prototypes)))
        return tuple(torch.cat(column) for column in zip(*known, strict=True))

    @torch.no_grad()
    def draw(self, x: Tensor, known: tuple[Tensor, ...], generator: torch.Generator) -> Tensor:
        """Return as many images in other poses: interpolated once, in ``[-1, 1]``."""
        back, features = (one.to(self.model.prototype_bank.device) for one in known)
        eta = self.density.sample(features, generator)
        family = self.model.family
        g = family.group.compose(self.model.chart.element(eta), back)
        return family.act(g, x).clamp(-1, 1)


def resampled(model: SymmetryModel) -> Augmentation:
    """Return the augmentation of AugVAE, see :class:`Resampling`."""
    return Resampling(model)


def standard(
    *, degrees: float = 15.0, scale: float = 0.1, pixels: int = 2, order: int = 1
) -> Augmentation:
    """Return the usual augmentation of digits: turned, stretched along each axis, shifted.

    Args:
        degrees: largest angle.
        scale: largest relative change of each axis.
        pixels: largest shift, by whole pixels either way.
        order: of the interpolation.
    """
    family = transformation("affine")

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        def uniform(limit: float) -> Tensor:
            return (2 * torch.rand(len(x), generator=generator) - 1) * limit

        def shift(side: int) -> Tensor:
            whole = torch.randint(-pixels, pixels + 1, (len(x),), generator=generator)
            return 2 * whole / max(1, side - 1)

        angle, none = uniform(degrees * pi / 180), torch.zeros(len(x))
        sides = [(1 + uniform(scale)).log() for _ in range(2)]
        moved = torch.stack([shift(x.shape[-1]), shift(x.shape[-2])], -1)
        linear = torch.stack([none, none, angle, none, none, none], -1)
        stretch = torch.stack([none, none, none, *sides, none], -1)
        shift_only = torch.cat([moved, torch.zeros(len(x), 4)], -1)
        group = family.group
        g = group.compose(family.element(linear), family.element(stretch))
        g = group.compose(family.element(shift_only), g)
        return family.act(g.to(x), x, order=order)

    return augment
