"""The loss vanishes where inference is right, and an empty frame is no way out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import eqsets
from eqsets.generative import Inference, LossWeights
from eqsets.generative.data.blur import blur
from eqsets.generative.fitting.losses import inference_loss, lost_content


def views(family, n, generator, part=1.0):
    bounds = family.bounds * part
    return tuple(
        family.element(family.sample(n, generator=generator, bounds=bounds)) for _ in range(2)
    )


def test_a_right_inference_costs_nothing_and_a_wrong_one_does(draw, generator):
    family = eqsets.transformation("similarity")
    x = draw(torch.eye(3).expand(8, 3, 3))
    inference = Inference(family, (1, 32, 32), "analytic")
    both = views(family, 8, generator, 0.4)
    right = inference_loss(inference, x, both, LossWeights())
    static = Inference(family, (1, 32, 32), "cnn")  # begins as the identity
    wrong = inference_loss(static, x, both, LossWeights())
    assert float(right["image"]) < 0.02 * float(wrong["image"].detach())


def test_pushing_everything_out_of_the_frame_is_paid_for(draw, generator):
    family = eqsets.transformation("translation")
    x = draw(torch.eye(3).expand(4, 3, 3))

    class Away(Inference):
        """Is equivariant, and its prototypes are blank."""

        def forward(self, x):
            result = super().forward(x)
            far = self.chart.element(torch.tensor([3.0, 0.0])).expand_as(result.g)
            return result._replace(g=self.family.group.compose(result.g, far))

    away = Away(family, (1, 32, 32), "analytic")
    terms = inference_loss(away, x, views(family, 4, generator, 0.5), LossWeights(lost=1.0))
    assert float(terms["image"]) < 1e-3  # the error in image space does not see it
    assert float(terms["lost"]) > 0.9
    assert float(terms["loss"]) > 0.9
    stored = Inference(family, (1, 32, 32), "analytic")
    assert float(lost_content(family, stored(x).g, x).max()) < 0.01


def test_drift_holds_back_what_all_corrections_share(draw, generator):
    family = eqsets.transformation("similarity")
    inference = Inference(family, (1, 32, 32), "canonical")
    x = draw(torch.eye(3).expand(4, 3, 3))
    last = [m for m in inference.encoder.modules() if isinstance(m, nn.Linear)][-1]
    both = views(family, 4, generator, 0.4)

    def drift():
        return float(inference_loss(inference, x, both, LossWeights())["drift"].detach())

    assert drift() == 0
    nn.init.ones_(last.bias)
    assert drift() > 1e-2
    terms = inference_loss(inference, x, both, LossWeights(lost=0.5, rings=0.2, drift=0.1))
    weighted = {"image": 1.0, "lost": 0.5, "rings": 0.2, "drift": 0.1}
    parts = {name: float(term.detach()) for name, term in terms.items()}
    total = sum(weight * parts.get(name, 0.0) for name, weight in weighted.items())
    assert parts["loss"] == pytest.approx(total)


def test_gradients_reach_every_weight(draw, generator):
    family = eqsets.transformation("affine")
    inference = Inference(family, (1, 32, 32), "canonical", passes=2)
    for parameter in inference.parameters():
        nn.init.normal_(parameter, std=0.02, generator=generator)
    x = draw(torch.eye(3).expand(4, 3, 3))
    inference_loss(inference, x, views(family, 4, generator), LossWeights())["loss"].backward()
    for name, parameter in inference.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


def test_blur_keeps_what_is_even_and_spreads_a_point():
    even = torch.full((1, 3, 7, 7), 0.25)
    assert torch.allclose(blur(even, 1.0, fill=0.25), even)
    point = torch.full((1, 1, 7, 7), -1.0)
    point[0, 0, 3, 3] = 1.0
    spread = blur(point, 1.0)
    assert float((spread + 1).sum()) == pytest.approx(2.0, rel=1e-5)
    assert float(spread.max()) < 0
    assert blur(point, 0.0) is point
