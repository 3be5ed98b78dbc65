"""Interpolation artifacts are removed: blur and size are not informative, shapes are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from eqsets.families import Images
from eqsets.generative import SymmetryModel
from eqsets.generative.data.artifacts import as_view, hide_artifacts
from eqsets.generative.data.blur import soften
from eqsets.generative.fitting.pairs import prototype_pairs

IMAGES = Images()


@pytest.fixture
def bells() -> Tensor:
    """Return Gaussians of variance 4, 6 and 9 pixels, long ago."""
    positions = torch.arange(25.0) - 12
    line = torch.exp(-positions.square() / (2 * torch.tensor([4.0, 6.0, 9.0])[:, None]))
    return (2 * line[:, :, None] * line[:, None] - 1)[:, None]


def variances(x: Tensor) -> Tensor:
    """Return the variances ``(B)`` of the light along a line."""
    light, positions = (x + 1).sum((1, 2)), torch.arange(25.0) - 12
    mean = (light * positions).sum(-1) / light.sum(-1)
    return (light * positions.square()).sum(-1) / light.sum(-1) - mean.square()


def test_softening_adds_its_variance_and_keeps_the_light(bells):
    added = torch.tensor([0.5, 1.0, 3.0])
    soft = soften(bells, added)
    assert torch.allclose(variances(soft), variances(bells) + added, atol=0.06)
    assert torch.allclose((soft + 1).sum((1, 2, 3)), (bells + 1).sum((1, 2, 3)), rtol=1e-3)
    assert torch.allclose(soften(-torch.ones(1, 3, 5, 7), torch.ones(1)), -torch.ones(1, 3, 5, 7))
    assert not torch.allclose(soft, bells, atol=0.1)  # negative control


def test_softening_commutes_with_quarter_turns_and_transposition(bells):
    x = bells + 0.3 * torch.rand(bells.shape, generator=torch.Generator().manual_seed(0))
    added = torch.tensor([0.5, 1.0, 3.0])
    for move in (lambda x: x.rot90(1, (-2, -1)), lambda x: x.mT):
        assert torch.allclose(soften(move(x), added), move(soften(x, added)), atol=1e-5)


def test_what_is_shown_is_the_same_every_time_and_random_only_to_learn(bells):
    assert torch.equal(
        hide_artifacts(bells, IMAGES, random=False), hide_artifacts(bells, IMAGES, random=False)
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = (hide_artifacts(bells, IMAGES, random=True) for _ in range(2))
        torch.manual_seed(0)
        again = hide_artifacts(bells, IMAGES, random=True)
    assert torch.equal(first, again)
    assert not torch.allclose(first, second, atol=0.01)


def test_blurs_cannot_be_distinguished_any_more(bells):
    """Two softnesses are as one within the draws; twice the size is still seen."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        crisp, soft, large = (
            variances(hide_artifacts(one.expand(2000, 1, -1, -1), IMAGES, random=True))
            for one in (bells[:1], soften(bells[:1], torch.tensor([0.3])), bells[2:])
        )

    def overlap(first: Tensor, second: Tensor) -> float:
        counts = [torch.histc(one, 24, 2.0, 18.0) / len(one) for one in (first, second)]
        return float(torch.minimum(*counts).sum())

    assert overlap(crisp, soft) > 0.8
    assert overlap(crisp, large) < 0.2  # negative control


@pytest.mark.parametrize("name", ["similarity", "affine"])
def test_poses_of_images_are_those_of_their_views(name, draw):
    """Drawn, not warped, and small: softness would make their scale one or two percent larger."""
    positions = 0.5 * torch.eye(3).repeat(60, 1, 1)
    positions[:, 2, 2] = 1.0
    x = draw(positions, 24)
    model = SymmetryModel(name, (1, 24, 24), backbone="analytic")
    model.inference.frame.calibrate(x)
    scale = model.names.index("scale" if name == "similarity" else "scale_x")
    bounds = model.family.bounds.clone()
    bounds[scale:] = bounds[:2] = torch.tensor([-0.1, 0.1])
    eta, _ = prototype_pairs(
        model.inference, x, views=8, bounds=bounds, order=1,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    of_views = float(eta[..., scale].mean())
    assert float(model.transformation(x)[:, scale].mean()) == pytest.approx(of_views, abs=0.005)
    plain = model.chart.coordinates(model.inference(x).g)[:, scale]
    assert abs(float(plain.mean()) - of_views) > 0.01  # negative control
    assert not torch.equal(as_view(x, IMAGES), x)


def test_pairs_belong_together_and_differ_in_size(draw):
    """Images come back from prototypes of all sizes."""
    x = draw(0.8 * torch.eye(3).repeat(2, 1, 1) + torch.diag(torch.tensor([0.0, 0.0, 0.2])), 32)
    model = SymmetryModel("similarity", (1, 32, 32), backbone="analytic")
    model.inference.frame.calibrate(x)
    eta, built = prototype_pairs(
        model.inference, x, views=16, bounds=model.family.bounds, order=3,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    scales = eta[..., model.names.index("scale")]
    assert float(scales.std()) > 0.02
    right, wrong = (
        float((model.family.act(model.chart.element(z), built, order=3) - x[:, None]).abs().mean())
        for z in (eta, eta.roll(1, 1))
    )
    assert right < 1e-3
    assert wrong > 4 * right  # negative control


def test_the_middle_of_what_was_learned_is_shown(bells):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = variances(hide_artifacts(bells[1:2].expand(2000, 1, -1, -1), IMAGES, random=True))
    shown = variances(hide_artifacts(bells[1:2], IMAGES, random=False))
    assert float(drawn.median()) == pytest.approx(float(shown), rel=0.05)
