r"""The importance-weighted lower bound of the log density, and how far to trust it.

.. math:: \log \frac1K \sum_k w_k \le \log p(x) \text{ in expectation}, \qquad
          w_k = \frac{p(x, u_k)}{q(u_k \mid x)}, \quad u_k \sim q

It rises with ``K``, to :math:`\log p(x)`; ``K = 1`` is the ELBO. Bounds can be compared only if all
``p`` are densities of the same variable in the same units: here pixels in ``[-1, 1]``.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

from torch import Tensor

__all__ = ["Bound", "importance_bound"]


class Bound(NamedTuple):
    """Lower bounds of log densities of images.

    Attributes:
        elbo: the bound of ``K = 1``, averaged over the draws, ``(B)`` in nats.
        iwlb: the importance-weighted bound, ``(B)`` in nats.
        ess: effective number of draws, between 1 and ``K``, ``(B)``: near 1, the bound is loose.
    """

    elbo: Tensor
    iwlb: Tensor
    ess: Tensor


def importance_bound(log_weights: Tensor) -> Bound:
    """Return the bounds from log weights ``(K, B)``.

    Example:
        >>> import torch
        >>> importance_bound(torch.tensor([[0.0], [0.0]]))
        Bound(elbo=tensor([0.]), iwlb=tensor([0.]), ess=tensor([2.]))
    """
    total = log_weights.logsumexp(0)
    ess = (2 * total - (2 * log_weights).logsumexp(0)).exp()
    return Bound(log_weights.mean(0), total - log(len(log_weights)), ess)
