"""VAEs of all kinds learn by one loop, from images that stay images."""

from __future__ import annotations

from math import log, pi

import pytest
import torch

from eqsets import OptionError, ShapeError
from eqsets.generative import StagePlan, SymmetryModel
from eqsets.generative.vae import VAE, InvariantVAE, Resampling, resampled, standard
from eqsets.generative.vae.base import LatentModel
from eqsets.generative.vae.fitting import ELBO
from eqsets.generative.vae.networks import ConvDecoder
from eqsets.generative.vae.plain import log_normal
from eqsets.training import Step

SHAPE = (1, 16, 16)
PLAN = StagePlan(30, batch=16, check_every=15, learning_rate=5e-3)


@pytest.fixture
def fitted(rotated_images, tiny):
    model = SymmetryModel("rotation", SHAPE, backbone="analytic")
    model.fit(rotated_images(64, 1.0), preset=tiny, quiet=True)
    return model


def state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_a_fit_raises_the_bound_and_the_seed_decides(rotated_images):
    x, built = rotated_images(64, 1.0), []
    for seed in (0, 0, 1):
        torch.manual_seed(0)
        vae = VAE(SHAPE, 4)
        before = vae.bound(x, 5)
        vae.fit(x, plan=PLAN, seed=seed, quiet=True)
        built.append(vae.bound(x, 5).iwlb)
        assert float(built[-1].mean()) > float(before.iwlb.mean()) + 20
    assert torch.equal(built[0], built[1])
    assert not torch.equal(built[0], built[2])
    assert vae.sample(3).shape == (3, *SHAPE)


def test_the_symmetry_model_is_not_trained(fitted, rotated_images):
    x = rotated_images(64, 1.0)
    torch.manual_seed(0)
    vae = InvariantVAE(fitted, 4)
    before, stored = float(vae.bound(x, 5).iwlb.mean()), state(fitted)
    spread = vae.log_spread.detach().clone()
    vae.fit(x, plan=PLAN, quiet=True)
    assert float(vae.bound(x, 5).iwlb.mean()) > before + 20
    assert all(torch.equal(stored[name], tensor) for name, tensor in state(fitted).items())
    assert not torch.equal(spread, vae.log_spread)  # control: the proposals did learn
    assert vae.sample(3).shape == (3, *SHAPE)


def test_resampling_has_no_dropout_and_no_gradient(fitted, rotated_images):
    x, augment = rotated_images(8, 1.0), resampled(fitted)
    fitted.train()
    first, again = (augment(x, torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(first, again)
    assert not first.requires_grad
    assert not fitted.training
    other = augment(x, torch.Generator().manual_seed(1))
    assert not torch.equal(first, other)
    assert (first >= -1).all()
    assert (first <= 1).all()


def test_a_fit_infers_once_with_the_same_draws(fitted, rotated_images):
    x, augment = rotated_images(8, 1.0), Resampling(fitted)
    seeded = torch.Generator().manual_seed
    known = augment.precompute(x)
    assert torch.equal(augment.draw(x, known, seeded(0)), augment(x, seeded(0)))
    other = tuple(part.flip(0) for part in known)  # control: it is used
    assert not torch.equal(augment.draw(x, other, seeded(0)), augment(x, seeded(0)))


def test_resampling_needs_a_density():
    with pytest.raises(OptionError, match="no density yet, expected one that was fitted"):
        resampled(SymmetryModel("rotation", SHAPE))


def test_invariant_vaes_infer_once(fitted, rotated_images):
    x = rotated_images(8, 1.0)
    torch.manual_seed(0)
    vae = InvariantVAE(fitted, 4)
    seeded = torch.Generator().manual_seed
    first = vae.log_weights(x, 3, seeded(0))
    assert torch.equal(first, vae.log_weights(x, 3, seeded(0), vae.precompute(x)))
    assert not torch.equal(first, vae.log_weights(x, 3, seeded(0), vae.precompute(x.flip(0))))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 30, 21), (2, 8, 5), (1, 65, 9)])
def test_decoders_of_any_size_reach_every_pixel(shape):
    torch.manual_seed(0)
    decoder = ConvDecoder(4, shape, width=4, hidden=16)
    z = torch.randn(6, 4)
    built = decoder(z)
    assert built.shape == (6, *shape)
    assert (built.std(0) > 1e-6).all(), "no pixel is constant"
    built.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in decoder.parameters())


def test_standard_augmentation_stays_in_its_range(rotated_images, generator):
    x = rotated_images(8, 1.0)
    assert not torch.equal(standard()(x, generator), x)
    static = standard(degrees=0, scale=0, pixels=0)(x, generator)
    assert (static - x).abs().max() < 1e-5
    point = torch.full((200, 1, 17, 17), -1.0)
    point[..., 8, 8] = 1.0
    shifted = standard(degrees=0, scale=0, pixels=2)(point, generator)
    rows, columns = (shifted[:, 0].amax(axis).argmax(-1) - 8 for axis in (2, 1))
    assert sorted(set(rows.tolist())) == sorted(set(columns.tolist())) == [-2, -1, 0, 1, 2]


def test_a_noise_for_each_pixel_is_paid_by_the_background(rotated_images):
    """D16: with a noise per pixel and a floor, shrinking content is worth nats; with one it is not.

    The best constant model of images, with noise per pixel floored at 0.01, gets 3.69 nats for
    each pixel that is background everywhere.
    """
    x = rotated_images(64, 0.3)[:, 0]
    more = torch.nn.functional.pad(x, (4, 4, 4, 4), value=-1.0)

    def nats(images, scale):
        logs = log_normal(images, images.mean(0), scale.log().expand_as(images[0]))
        return float(logs.sum((1, 2)).mean())

    new = more[0].numel() - x[0].numel()
    per_pixel = [nats(one, one.std(0).clamp_min(0.01)) for one in (x, more)]
    gain = (per_pixel[1] - per_pixel[0]) / new
    assert gain == pytest.approx(-log(0.01) - log(2 * pi) / 2, abs=0.02)  # 3.69
    shared = [nats(one, (one - one.mean(0)).std()) for one in (x, more)]
    assert (shared[1] - shared[0]) / new < gain - 1


class Recorded(LatentModel):
    """Remembers which images it was given, and what was known of them."""

    def __init__(self):
        super().__init__()
        self.given = []

    def precompute(self, x):
        return (x.mean((1, 2, 3)),)

    def log_weights(self, x, draws, generator=None, known=()):
        self.given.append((x, *known))
        return torch.zeros(draws, len(x))


@pytest.mark.parametrize("augmented", [False, True])
def test_proposals_know_the_images_that_are_learned_from(augmented):
    x = torch.rand(12, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    network = Recorded()
    augment = (lambda images, generator: images + 1) if augmented else None
    objective = ELBO(network, x, x[:2], augment, 0.0)
    objective.loss(Step(0, 1, 5, torch.Generator().manual_seed(0)))
    objective.check()
    for images, known in network.given:
        assert torch.allclose(known, images.mean((1, 2, 3)), atol=1e-6)
    learned, held_out = (float(images.mean()) for images, _ in network.given)
    assert (learned > 1) is augmented
    assert held_out < 1


def test_a_fit_is_resumed_from_its_folder_and_no_other_is(rotated_images, tmp_path):
    x, plan, curves = rotated_images(20, 1.0), StagePlan(4, batch=4, check_every=2), []
    for start in range(2):  # different initial weights: only the checkpoint makes them equal
        torch.manual_seed(start)
        curves.append(VAE(SHAPE, 2).fit(x, plan=plan, folder=tmp_path, quiet=True))
    assert curves[0] == curves[1]
    with pytest.raises(OptionError, match="is of another fit"):
        VAE(SHAPE, 2).fit(x, plan=plan, seed=1, folder=tmp_path, quiet=True)
    with pytest.raises(OptionError, match="is of another fit"):
        VAE(SHAPE, 2).fit(x, plan=plan, augment=standard(), folder=tmp_path, quiet=True)


def test_what_is_not_trained_decides_a_fit_as_well(fitted, rotated_images, tmp_path):
    x, plan = rotated_images(20, 1.0), StagePlan(2, batch=4, check_every=2)
    options = {"plan": plan, "folder": tmp_path, "quiet": True}
    InvariantVAE(fitted, 2).fit(x, **options)
    InvariantVAE(fitted, 2).fit(x, **options)  # control: the same model resumes
    with pytest.raises(OptionError, match="is of another fit"):
        InvariantVAE(fitted, 2).fit(x, validation=x[:4], **options)
    with torch.no_grad():
        next(fitted.density.parameters()).add_(0.01)
    with pytest.raises(OptionError, match="is of another fit"):
        InvariantVAE(fitted, 2).fit(x, **options)


def test_images_are_checked():
    with pytest.raises(ShapeError, match="as the model was made for"):
        VAE(SHAPE).bound(torch.zeros(2, 1, 8, 8) - 1)


class FirstPixel(torch.nn.Module):
    """Stands for a VAE whose bound is the first pixel of each image."""

    def precompute(self, x):
        return ()

    def log_weights(self, x, samples, generator, known):
        return x.flatten(1)[:, :1].expand(-1, samples)


def test_the_loss_of_held_out_images_is_a_mean_over_all_images():
    held_out = torch.zeros(300, 1, 2, 2)  # more than one piece of 256
    held_out[256:] = 1.0
    objective = ELBO(FirstPixel(), torch.zeros(4, 1, 2, 2), held_out, None, 0.0)
    assert objective.check()["loss"] == pytest.approx(-44 / 300)
