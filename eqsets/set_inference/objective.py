r"""What inference of shared transformations minimises: halves of a set must agree about it.

A set whose images share :math:`g` is divided at random into :math:`X_1` and :math:`X_2`, and each
half is transformed by an :math:`r_i` of its own. What is found, :math:`\hat g_1` and
:math:`\hat g_2`, is right if

.. math:: h = r_1^{-1} \hat g_1 \, \hat g_2^{-1} r_2, \qquad
          \mathrm{loss} = \operatorname{mean}_i \, (x_i - \mathrm{act}(h, x_i))^2

vanishes. Two views of the *same* images would not do: any inference that moves with the images
agrees with itself, noise included. Halves have noise of their own, so agreement means less of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.families import TransformationFamily
from eqsets.generative import LossWeights, StagePlan
from eqsets.generative.canonicalization.views import random_elements
from eqsets.generative.fitting.losses import two_view_terms
from eqsets.training import Objective, Step

__all__ = ["SetObjective"]


class SetObjective(Objective):
    """Two random halves of a set must lead to one transformation.

    Arguments:
        network: maps sets ``(B, N, C, H, W)`` to group elements ``(B, *element_shape)``.
        family: of the transformations.
        sets: to learn from, ``(S, N, C, H, W)``.
        held_out: to measure with.
        plan: ``samples`` is the most images in either half.
        bounds: of the random transformations, ``(k, 2)``.
        weights: ``lost`` is that of content that prototypes cannot hold.
    """

    def __init__(
        self,
        network: nn.Module,
        family: TransformationFamily,
        sets: Tensor,
        held_out: Tensor,
        plan: StagePlan,
        bounds: Tensor,
        weights: LossWeights,
    ) -> None:
        self.network, self.family = network, family
        self.sets, self.held_out = sets, held_out
        self.plan, self.bounds, self.weights = plan, bounds, weights

    def to(self, device: torch.device) -> None:
        self.sets, self.held_out = self.sets.to(device), self.held_out.to(device)

    def loss(self, step: Step) -> dict[str, Tensor]:
        return self._terms(self.sets[step.choose(len(self.sets))], step.generator)

    @torch.no_grad()
    def check(self) -> dict[str, float]:
        self.network.eval()
        terms = self._terms(self.held_out, torch.Generator().manual_seed(0))
        self.network.train()
        return {name: float(value) for name, value in terms.items()}

    def _terms(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        family, sets, n = self.family, x.shape[0], x.shape[1]
        size = min(n // 2, self.plan.samples)
        order = torch.rand(sets, n, generator=generator).argsort(1).to(x.device)
        shuffled = x[torch.arange(sets, device=x.device)[:, None], order]
        halves = shuffled[:, : 2 * size].chunk(2, 1)
        first, second = (
            random_elements(family, x, bounds=self.bounds, generator=generator)[:, None]
            for _ in halves
        )
        views = [family.act(r, half) for r, half in zip((first, second), halves, strict=True)]
        both = torch.cat(views)
        g = self.network(both)[:, None]
        terms = two_view_terms(family, torch.cat(halves, 1), both, (first, second), g)
        return {"loss": terms["image"] + self.weights.lost * terms["lost"], **terms}
