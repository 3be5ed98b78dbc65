r"""InvVAE with a density of images: a VAE of prototypes, put into poses that occur.

.. math:: p(x) = \int \mathcal N(z; 0, I) \, p(\eta \mid D(z)) \,
          \mathcal N(x; T_\eta D(z), s^2 I) \, dz \, d\eta

The published InvVAE bounds a density of *prototypes* times one of :math:`\eta`. That is no density
of images: there is no change of variables from :math:`x` to :math:`(\hat x, \eta)`, for the pair
has more dimensions than the image. Here the decoder draws a prototype, :math:`\eta` puts it into a
pose, and the noise is added *in the space of images*, as for every other VAE; so one bound compares
them all. Proposals are a narrow :math:`q(\eta \mid x)` around what inference says, and
:math:`q(z \mid \hat x)`; whatever they are, the bound holds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError
from eqsets.generative.data.images import as_image_shape, require_images
from eqsets.generative.model import SymmetryModel
from eqsets.generative.vae.plain import VAE, log_normal

__all__ = ["InvariantVAE"]

_CHUNK = 512  # images in one call of inference
_NARROW = 0.02  # spread of the proposals at the beginning, as a part of the range


class InvariantVAE(VAE):
    """A VAE of prototypes, with the symmetry model around it, which is not trained any more.

    Arguments:
        model: a fitted symmetry model, of a family without discrete parameters.
        latent: how many numbers a prototype is encoded into.
        encoder: as for :class:`VAE`.
        decoder: as for :class:`VAE`.

    Raises:
        OptionError: the model has no density yet, or its family has discrete parameters.
    """

    def __init__(
        self,
        model: SymmetryModel,
        latent: int = 16,
        *,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
    ) -> None:
        require_images(model.family.domain, "build a VAE of")
        super().__init__(as_image_shape(model.shape), latent, encoder=encoder, decoder=decoder)
        parameters = model.chart.parameters
        if model.density is None or any(one.levels for one in parameters):
            raise OptionError(
                f"InvariantVAE got a model of {', '.join(model.names)}, expected one that was "
                "fitted, of circles and lines only. Call model.fit(images) first, or leave "
                "discrete parameters out."
            )
        self.model = model.requires_grad_(False).eval()
        ranges = torch.tensor([one.period or one.high - one.low for one in parameters])
        self.log_spread = nn.Parameter((_NARROW * ranges).log())

    def train(self, mode: bool = True) -> InvariantVAE:
        """Train the VAE; the symmetry model stays in evaluation mode."""
        super().train(mode)
        self.model.eval()
        return self

    @torch.no_grad()
    def precompute(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return prototypes ``(B, C, H, W)`` and ``eta: (B, k)`` by inference."""
        family, known = self.model.family, []
        for part in x.split(_CHUNK):
            g = self.model.element(part.clamp(-1, 1))
            image = family.act(family.group.inverse(g), part)
            known.append((image, self.model.chart.coordinates(g).to(x.dtype)))
        return tuple(torch.cat(column) for column in zip(*known, strict=True))

    def log_weights(
        self,
        x: Tensor,
        draws: int,
        generator: torch.Generator | None = None,
        known: tuple[Tensor, ...] = (),
    ) -> Tensor:
        """Return ``log p(x, z, eta) - log q(z, eta | x)``: ``(draws, B)``."""
        family, chart = self.model.family, self.model.chart
        prototype, centre = known or self.precompute(x)
        z, ratio = self.encode(prototype, draws, generator)
        noise = torch.randn((draws, *centre.shape), generator=generator, dtype=x.dtype).to(x.device)
        eta = centre + self.log_spread.exp() * noise
        image = self.decoder(z.flatten(0, 1))
        usual = self.log_pose(image, eta.flatten(0, 1)).unflatten(0, z.shape[:2])
        moved = family.act(chart.element(eta.flatten(0, 1)), image).unflatten(0, z.shape[:2])
        log_p: Tensor = self.log_noisy(x, moved) + usual
        return log_p + ratio - self.log_proposal(eta - centre)

    def log_pose(self, image: Tensor, eta: Tensor) -> Tensor:
        """Return ``log p(eta | image)``; in training, no gradient reaches the image."""
        density = self.model.density
        if density is None:
            raise AssertionError("checked when the model was given")
        distribution = density(image.detach())
        log_prob: Tensor = distribution.log_prob(eta)
        return log_prob

    def log_proposal(self, away: Tensor) -> Tensor:
        """Return ``log q`` of deviations ``(*batch, k)``: normal on lines, wrapped on circles.

        On a circle three turns either way are summed: what is further away is nothing.
        """
        columns = []
        for index, one in enumerate(self.model.chart.parameters):
            scale, off = self.log_spread[index], away[..., index]
            if one.period:
                turns = one.period * torch.arange(-3, 4, dtype=off.dtype, device=off.device)
                wrapped = off - one.period * (off / one.period).detach().round()
                logs = log_normal(wrapped[..., None] + turns, torch.zeros_like(turns), scale)
                columns.append(logs.logsumexp(-1))
            else:
                columns.append(log_normal(off, torch.zeros_like(off), scale))
        return torch.stack(columns, -1).sum(-1)

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        image = super().sample(n, generator=generator)
        eta = self.model.transform_distribution(prototype=image).sample(generator=generator)
        return self.model.family.act(self.model.chart.element(eta), image)
