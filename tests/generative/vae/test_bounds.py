"""Bounds are below the truth where the truth is known, and rise to it."""

from __future__ import annotations

from math import log, pi

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

import eqsets
from eqsets import OptionError
from eqsets.generative import SymmetryModel
from eqsets.generative.vae import VAE, InvariantVAE, importance_bound

SHAPE, LATENT, NOISE = (1, 5, 5), 3, 0.3


class LinearDecoder(nn.Module):
    """``W z + b``, as an image."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = 0.2 * torch.randn(25, LATENT, generator=generator, dtype=torch.float64)
        y, x = torch.meshgrid(*[torch.linspace(-1, 1, 5, dtype=torch.float64)] * 2, indexing="ij")
        self.offset = (torch.exp(-((x - 0.5) ** 2 + y**2) / 0.2) - 0.9).flatten()

    def forward(self, z: Tensor) -> Tensor:
        return (z @ self.weight.T + self.offset).unflatten(1, SHAPE)


class Posterior(nn.Module):
    """The posterior of the linear model, ``wider`` and without correlations."""

    def __init__(self, decoder: LinearDecoder, wider: float) -> None:
        super().__init__()
        self.decoder, self.wider = decoder, wider
        precision = torch.eye(LATENT, dtype=torch.float64)
        precision = precision + decoder.weight.T @ decoder.weight / NOISE**2
        self.covariance = torch.linalg.inv(precision)

    def forward(self, x: Tensor) -> Tensor:
        away = (x.flatten(1) - self.decoder.offset) @ self.decoder.weight / NOISE**2
        mean = away @ self.covariance
        scale = self.covariance.diagonal().log() / 2 + self.wider
        return torch.cat([mean, scale.expand_as(mean)], 1)


class Turned(nn.Module):
    """A density of the angle that is the same for all prototypes: von Mises."""

    def forward(self, prototype: Tensor) -> torch.distributions.Distribution:
        middle = torch.zeros(1, dtype=torch.float64)
        one = torch.distributions.VonMises(middle, 2.0 + middle)
        return torch.distributions.Independent(one, 1)


@pytest.fixture
def decoder(generator) -> LinearDecoder:
    return LinearDecoder(generator)


@pytest.fixture
def x(decoder, generator) -> Tensor:
    clean = decoder(torch.randn(12, LATENT, generator=generator, dtype=torch.float64))
    noise = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    return clean + NOISE * noise


def log_gauss(x: Tensor, weight: Tensor, mean: Tensor) -> Tensor:
    covariance = weight @ weight.T + NOISE**2 * torch.eye(25, dtype=torch.float64)
    return MultivariateNormal(mean, covariance).log_prob(x.flatten(1))


def means(vae: VAE, x: Tensor, draws: int, repeats: int) -> tuple[float, float]:
    """Return ELBO and bound, averaged over images and repeats."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        result = [importance_bound(vae.log_weights(x, draws, generator)) for _ in range(repeats)]
    elbo = torch.stack([one.elbo for one in result]).mean()
    return float(elbo), float(torch.stack([one.iwlb for one in result]).mean())


def plain(decoder: LinearDecoder, wider: float = 0.7) -> VAE:
    vae = VAE(SHAPE, LATENT, encoder=Posterior(decoder, wider), decoder=decoder).double()
    vae.log_noise.data.fill_(log(NOISE))
    return vae


@pytest.mark.slow
def test_plain_bounds_rise_to_the_truth(decoder, x):
    vae, truth = plain(decoder), float(log_gauss(x, decoder.weight, decoder.offset).mean())
    rising = [means(vae, x, draws, 6000 // draws)[1] for draws in (1, 5, 50)]
    rising.append(means(vae, x, 3000, 4)[1])
    assert rising == sorted(rising)
    assert rising[0] < truth - 0.3
    assert rising[-1] == pytest.approx(truth, abs=0.01)
    assert means(vae, x, 1000, 4)[0] == pytest.approx(rising[0], abs=0.05)  # ELBO: any K


def test_a_wrong_noise_is_another_truth(decoder, x):
    vae, truth = plain(decoder), float(log_gauss(x, decoder.weight, decoder.offset).mean())
    vae.log_noise.data.fill_(log(2 * NOISE))  # control: the bound is not that of the old model
    assert means(vae, x, 3000, 4)[1] < truth - 2


def test_a_good_proposal_has_more_effective_draws(decoder, x):
    good, bad = (plain(decoder, wider).bound for wider in (0.1, 1.5))
    x = x.clamp(-1, 1)
    first, second = good(x, 50, level=0.0), bad(x, 50, level=0.0)
    assert float(first.ess.mean()) > 2 * float(second.ess.mean())
    assert 1 <= float(second.ess.min()) <= float(first.ess.max()) <= 50
    assert (first.iwlb >= first.elbo).all()


def invariant(decoder: LinearDecoder) -> InvariantVAE:
    model = SymmetryModel("rotation", SHAPE, backbone="analytic", background=-0.95).double()
    model.density = Turned()
    posterior = Posterior(decoder, 1.5)
    vae = InvariantVAE(model, LATENT, encoder=posterior, decoder=decoder).double()
    vae.log_noise.data.fill_(log(NOISE))
    vae.log_spread.data.fill_(log(1.5))
    return vae


def integrated(decoder: LinearDecoder, x: Tensor, points: int = 180) -> Tensor:
    """Return the log density of turned images: Gaussian in z, a sum over angles."""
    family = eqsets.transformation("rotation")
    angle = (torch.arange(points, dtype=torch.float64) / points * 2 - 1) * pi
    logs = []
    zero = torch.zeros(1, LATENT, dtype=torch.float64)
    basis = torch.cat([zero, torch.eye(LATENT, dtype=torch.float64)])
    for one in angle:
        g = family.element(one.reshape(1, 1))
        images = family.act(g, decoder(basis)).flatten(1)  # affine in the image: the fill is fixed
        weight = (images[1:] - images[0]).T
        usual = torch.distributions.VonMises(0.0 * one, 2.0 + 0.0 * one).log_prob(one)
        logs.append(log_gauss(x, weight, images[0]) + usual)
    return torch.stack(logs).logsumexp(0) + log(2 * pi / points)


@pytest.mark.slow
def test_the_invariant_bound_is_in_the_space_of_images(decoder, x):
    vae, turned = invariant(decoder), eqsets.transformation("rotation")
    angle = torch.linspace(-1, 1, 6, dtype=torch.float64)[:, None]
    images = turned.act(turned.element(angle), x[:6])
    truth = float(integrated(decoder, images).mean())
    rising = [means(vae, images, draws, 1000 // draws)[1] for draws in (1, 20)]
    rising.append(means(vae, images, 8000, 1)[1])
    assert rising == sorted(rising)
    assert rising[0] < truth - 0.5
    assert rising[-1] == pytest.approx(truth, abs=0.2)
    static = float(log_gauss(images, decoder.weight, decoder.offset).mean())
    assert truth > static + 1  # control: without the turn it is another density


@pytest.mark.parametrize("wrong", [0.0, 1.5])
def test_it_is_a_bound_for_all_proposals(decoder, x, wrong):
    vae, turned = invariant(decoder), eqsets.transformation("rotation")
    angle = torch.linspace(-1, 1, 6, dtype=torch.float64)[:, None]
    images = turned.act(turned.element(angle), x[:6])
    truth = float(integrated(decoder, images).mean())
    prototype, centre = vae.precompute(
        images.flip(0)
    )  # of other images, and turned by the wrong angle
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        logs = vae.log_weights(images, 8000, generator, (prototype, centre.flip(0) + wrong))
    few, many = (float(importance_bound(part).iwlb.mean()) for part in (logs[:20], logs))
    assert few < many < truth + 0.2
    assert many > truth - 1.5


def test_proposals_are_densities(decoder):
    vae = invariant(decoder)
    vae.log_spread.data.fill_(log(2.0))  # so wide that it wraps
    angle = torch.linspace(-pi, pi, 2001, dtype=torch.float64)[:-1, None]
    with torch.no_grad():
        total = vae.log_proposal(angle).exp().mean() * 2 * pi
    assert float(total) == pytest.approx(1, abs=1e-3)


def test_models_that_have_no_density_are_refused():
    with pytest.raises(OptionError, match="expected one that was fitted"):
        InvariantVAE(SymmetryModel("rotation", SHAPE))
    model = SymmetryModel("c4", SHAPE)
    model.density = Turned()
    with pytest.raises(OptionError, match="of circles and lines only"):
        InvariantVAE(model)
