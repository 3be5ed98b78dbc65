r"""Moments of the content of an image: where it is, how wide, and which way it points.

Requirements that shaped this module:

- positions are those of the affine families: corner pixels at :math:`\pm 1`, y points down;
- closed forms only, differentiable, finite for every image, blank ones included: what cannot be
  known comes with a flag, not with NaN.

With weights :math:`w_p \ge 0` that sum to one, and :math:`q = \Sigma^{-1/2} (p - c)`,

.. math:: c = \sum_p w_p \, p, \quad \Sigma = \sum_p w_p (p - c)(p - c)^T, \quad
          d = \sum_p w_p \lVert q_p \rVert^2 q_p .

An affine map :math:`p \mapsto L p + t` of the content takes :math:`c` to :math:`L c + t` and
:math:`\Sigma` to :math:`L \Sigma L^T`, and turns :math:`q` and :math:`d` by the rotation
:math:`Q = (L \Sigma L^T)^{-1/2} L \Sigma^{1/2}`.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["centroid", "covariance", "inverse_root", "root", "skew"]

_FLOOR = 1e-7  # of variances: far below that of one pixel


def centroid(weights: Tensor, positions: Tensor) -> Tensor:
    """Return ``c``: ``(*batch, 2)`` from weights ``(*batch, P)`` that sum to one."""
    return weights @ positions


def covariance(weights: Tensor, offsets: Tensor) -> Tensor:
    r"""Return :math:`\Sigma`: ``(*batch, 2, 2)`` from offsets ``(*batch, P, 2)``."""
    sigma = offsets.mT @ (weights[..., None] * offsets)
    return sigma + _FLOOR * torch.eye(2, dtype=sigma.dtype, device=sigma.device)


def skew(weights: Tensor, offsets: Tensor) -> Tensor:
    """Return the third moment ``d``: ``(*batch, 2)``."""
    cubed = weights * offsets.square().sum(-1)
    return (cubed[..., None, :] @ offsets).squeeze(-2)


def root(spd: Tensor) -> Tensor:
    r"""Return the symmetric square root of symmetric positive matrices ``(*batch, 2, 2)``.

    .. math:: \sqrt{S} = (S + s I) / \sqrt{\operatorname{tr} S + 2 s}, \qquad s = \sqrt{\det S}

    Example:
        >>> root(torch.tensor([[4.0, 0.0], [0.0, 9.0]]))
        tensor([[2., 0.],
                [0., 3.]])
    """
    s = _determinant(spd).clamp_min(_FLOOR**2).sqrt()[..., None, None]
    one = torch.eye(2, dtype=spd.dtype, device=spd.device)
    trace = (spd[..., 0, 0] + spd[..., 1, 1])[..., None, None]
    return (spd + s * one) / (trace + 2 * s).sqrt()


def inverse_root(spd: Tensor) -> Tensor:
    """Return the inverse of :func:`root`."""
    half = root(spd)
    a, b, c, d = half[..., 0, 0], half[..., 0, 1], half[..., 1, 0], half[..., 1, 1]
    adjugate = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    return adjugate / (a * d - b * c)[..., None, None]


def _determinant(m: Tensor) -> Tensor:
    return m[..., 0, 0] * m[..., 1, 1] - m[..., 0, 1] * m[..., 1, 0]
