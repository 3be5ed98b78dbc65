r"""A variational autoencoder of images, whose density means something.

.. math:: p(x) = \int \mathcal N(z; 0, I) \, \mathcal N(x; D(z), s^2 I) \, dz

One learned ``s`` for all pixels. The published one has a ``s`` for each pixel, down to 0.01: where
a background is constant it sits on that floor, and each such pixel is worth 3.69 nats, whatever is
drawn in the image. Bytes are made continuous by noise of the width of one grey level.
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError
from eqsets.families import ConvEncoder
from eqsets.generative.data.images import as_image_shape, as_images, check_shape
from eqsets.generative.vae.base import LEVEL, LatentModel, dequantize
from eqsets.generative.vae.bounds import Bound, importance_bound
from eqsets.generative.vae.fitting import fit_vae
from eqsets.generative.vae.networks import ConvDecoder

__all__ = ["VAE", "log_normal"]

_CHUNK = 4096  # images that are decoded at once
_LOG_SCALE = -2.0  # of the proposals at the beginning


def log_normal(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log density of independent normal variables, one number for each."""
    return -((x - mean) * (-log_scale).exp()).square() / 2 - log_scale - log(2 * pi) / 2


class VAE(LatentModel):
    """A variational autoencoder with one learned noise.

    Arguments:
        image_shape: ``(C, H, W)``.
        latent: how many numbers an image is encoded into.
        encoder: ``(B, C, H, W)`` to ``(B, 2 * latent)``, means and log scales; default: small.
        decoder: ``(B, latent)`` to ``(B, C, H, W)``; default: small.

    Raises:
        ShapeError: ``image_shape`` is not ``(C, H, W)``.

    Example:
        >>> vae = VAE((1, 16, 16), latent=4)
        >>> vae.bound(torch.zeros(3, 1, 16, 16), 5).iwlb.shape, vae.sample(2).shape
        (torch.Size([3]), torch.Size([2, 1, 16, 16]))
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent: int = 16,
        *,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.image_shape, self.latent = as_image_shape(image_shape), latent
        self.encoder = encoder or _sure_encoder(self.image_shape, latent)
        self.decoder = decoder or ConvDecoder(latent, self.image_shape)
        self.log_noise = nn.Parameter(torch.tensor(-1.0))
        self.curve: list[dict[str, float]] = []

    def log_weights(
        self,
        x: Tensor,
        draws: int,
        generator: torch.Generator | None = None,
        known: tuple[Tensor, ...] = (),
    ) -> Tensor:
        z, ratio = self.encode(x, draws, generator)
        mean = self.decoder(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        return self.log_noisy(x, mean) + ratio

    def encode(
        self, x: Tensor, draws: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return ``z: (draws, B, latent)`` from ``q(z | x)`` and ``log p(z) - log q(z | x)``."""
        mean, log_scale = self.encoder(x).chunk(2, -1)
        noise = torch.randn(
            (draws, *mean.shape), generator=generator, dtype=mean.dtype, device="cpu"
        ).to(mean.device)
        z = mean + log_scale.exp() * noise
        prior = log_normal(z, torch.zeros_like(z), torch.zeros_like(z[:1]))
        return z, (prior - log_normal(z, mean, log_scale)).sum(-1)

    def log_noisy(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return the log density of images around means, summed over pixels."""
        return log_normal(x, mean, self.log_noise).flatten(-3).sum(-1)

    @torch.no_grad()
    def bound(self, x: Any, draws: int = 50, *, seed: int = 0, level: float = LEVEL) -> Bound:
        """Return lower bounds of ``log p(x)`` in nats, each ``(B)``.

        Args:
            x: images, see :func:`eqsets.generative.as_images`.
            draws: ``K``.
            seed: of the draws.
            level: width of the noise that makes bytes continuous, as in :meth:`fit`. With it, and
                ``C * H * W * log(level)`` added, these are bounds of the log probability of bytes.

        Raises:
            ShapeError: these are no images of the shape of the VAE.
            OptionError: no draws.
        """
        if draws < 1:
            raise OptionError(f"got draws={draws}, expected 1 at least. The default is 50.")
        images = as_images(x).to(self.log_noise)
        check_shape(images, self.image_shape)
        generator = torch.Generator().manual_seed(seed)
        images = dequantize(images, level, generator)
        parts = [
            importance_bound(self.log_weights(part, draws, generator))
            for part in images.split(max(1, _CHUNK // draws))
        ]
        return Bound(*(torch.cat(column) for column in zip(*parts, strict=True)))

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Return means of new images ``(n, C, H, W)``, without the noise."""
        z = torch.randn(n, self.latent, generator=generator).to(self.log_noise)
        images: Tensor = self.decoder(z)
        return images

    def fit(self, images: Any, **options: Any) -> list[dict[str, float]]:
        """Maximise the ELBO, see :func:`eqsets.generative.vae.fitting.fit_vae`."""
        return fit_vae(self, images, **options)


def _sure_encoder(image_shape: tuple[int, int, int], latent: int) -> nn.Module:
    """Return an encoder whose scales begin small: otherwise decoders learn to ignore it."""
    encoder = ConvEncoder(image_shape, 2 * latent, width=12)
    last = [module for module in encoder.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        last.bias[latent:] = _LOG_SCALE
    return encoder
