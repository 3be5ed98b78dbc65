"""What a fit and an augmentation need of a VAE, and the noise that makes bytes continuous."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

__all__ = ["LEVEL", "LatentModel", "dequantize"]

LEVEL = 2 / 255
"""Width of one grey level of bytes, in units of ``[-1, 1]``."""


def dequantize(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Return images with uniform noise of width ``level``, which makes bytes continuous."""
    return x + level * (torch.rand(x.shape, generator=generator).to(x) - 0.5)


class LatentModel(nn.Module, ABC):
    """A density of images by latent variables, with proposals for them.

    Attributes:
        image_shape: ``(C, H, W)``.
        curve: of the last fit.
    """

    image_shape: tuple[int, int, int]
    curve: list[dict[str, float]]

    def precompute(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return what the proposals know of images and no fit changes: tensors with ``B`` rows."""
        return ()

    @abstractmethod
    def log_weights(
        self,
        x: Tensor,
        draws: int,
        generator: torch.Generator | None = None,
        known: tuple[Tensor, ...] = (),
    ) -> Tensor:
        """Return ``log p(x, z) - log q(z | x)`` of draws from ``q``: ``(draws, B)``.

        Args:
            x: images, with the noise that makes bytes continuous.
            draws: how many.
            generator: source of randomness.
            known: :meth:`precompute` of the images; default: of ``x``. A proposal may depend on
                anything, so images without that noise will do.
        """

    def look(self, x: Tensor) -> tuple[Tensor, ...]:
        """Do what :meth:`precompute` does; the old name."""
        warn_of_look(type(self).__name__)
        return self.precompute(x)


def warn_of_look(name: str) -> None:
    """Warn that ``look`` is now ``precompute``."""
    warnings.warn(
        f"{name}.look is deprecated: it is now precompute.", DeprecationWarning, stacklevel=3
    )
