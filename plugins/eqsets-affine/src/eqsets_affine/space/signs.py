r"""Signs of axes by templates: which of a few mirror images of a canonical element is meant.

Axes by moments are known up to their signs. A third moment that is nearly zero gives a sign that
noise decides. So an element is compared with a few canonical elements of the data, in all signs,
by its moments of order 3 to 5,

.. math:: m_\alpha = \sum_p w_p \, (q_p / \sigma)^\alpha, \quad m_\alpha \mapsto s^\alpha m_\alpha ,

and takes the signs with the smallest distance from any of them. All elements of an orbit have the
same candidates, so the choice is invariant.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

__all__ = ["Signs"]

_ORDERS = (3, 4, 5)
_SPREAD = {3: 15**0.5, 4: 105**0.5, 5: 945**0.5}  # of powers of a normal variable
_TEMPLATES = 16


class Signs(nn.Module):
    """Choose signs ``(B, d)`` of the axes of weighted points.

    Arguments:
        dims: of the space.
        mirrors: whether an odd number of axes may change sign: all are free, or only pairs.
    """

    templates: Tensor
    powers: Tensor
    signs: Tensor
    parity: Tensor

    def __init__(self, dims: int, *, mirrors: bool) -> None:
        super().__init__()
        powers = [p for p in product(range(6), repeat=dims) if sum(p) in _ORDERS]
        powers = [p for p in powers if any(one % 2 for one in p)]
        signs = torch.tensor(list(product((1.0, -1.0), repeat=dims)))
        signs = signs if mirrors else signs[signs.prod(-1) > 0]
        self.register_buffer("powers", torch.tensor(powers), persistent=False)
        self.register_buffer("signs", signs, persistent=False)
        odd = (signs[:, None] ** torch.tensor(powers)).prod(-1)
        self.register_buffer("parity", odd, persistent=False)
        self.register_buffer("templates", torch.full((_TEMPLATES, len(powers)), torch.inf))

    def moments(self, weights: Tensor, points: Tensor) -> Tensor:
        """Return moments ``(B, F)`` of points ``(B, P, d)``, in units of their widths.

        Divided by their standard deviation for normal points, so that no order outweighs others.
        """
        width = (weights[..., None] * points.square()).sum(-2, keepdim=True).sqrt()
        points = points / width.clamp_min(1e-12)
        columns = [
            torch.stack([points[..., axis] ** k for k in range(6)], -1)
            for axis in range(points.shape[-1])
        ]
        terms = []
        for power in self.powers.tolist():
            term = weights
            for axis, k in enumerate(power):
                term = term * columns[axis][..., k] if k else term
            terms.append(term.sum(-1))
        spread = points.new_tensor([_SPREAD[int(order)] for order in self.powers.sum(-1)])
        return torch.stack(terms, -1) / spread

    def forward(self, moments: Tensor) -> tuple[Tensor, Tensor]:
        """Return signs ``(B, d)``, and the lead of the best over the next, in ``[0, 1]``."""
        candidates = moments[:, None] * self.parity.to(moments)
        away = torch.cdist(candidates, self.templates.to(moments)).nan_to_num(nan=torch.inf)
        best = away.amin(-1).topk(min(2, len(self.signs)), -1, largest=False)
        first, next_ = best.values[:, 0], best.values[:, -1]
        return self.signs.to(moments)[best.indices[:, 0]], (next_ - first) / next_.clamp_min(1e-12)

    @property
    def known(self) -> bool:
        """Whether there are templates."""
        return bool(self.templates[0].isfinite().all())

    def learn(self, moments: Tensor) -> None:
        """Take templates from the moments of a data set: each the farthest from those before.

        Each has the signs that are nearest to those before, so that no two contradict each other.
        """
        self.templates.fill_(torch.inf)
        candidates = moments[:, None] * self.parity.to(moments)
        middle = moments.abs().mean(0)
        chosen = (moments.abs() - middle).square().sum(-1).argmin()
        self.templates[0] = moments[chosen]
        nearest = (candidates - moments[chosen]).norm(dim=-1)
        for k in range(1, min(len(self.templates), len(moments))):
            chosen = nearest.amin(-1).argmax()
            self.templates[k] = candidates[chosen, nearest[chosen].argmin()]
            away = (candidates - self.templates[k].to(candidates)).norm(dim=-1)
            nearest = torch.minimum(nearest, away)
