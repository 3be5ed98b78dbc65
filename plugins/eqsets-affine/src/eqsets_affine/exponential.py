r"""Exponential and logarithm of affine matrices of the plane, in closed form.

Requirements that shaped this module:

- entries are separate tensors of one shape: a handful of elementwise operations, no loop, no
  ``matrix_exp``, nothing that waits for a device;
- derivatives are finite everywhere, also at 0 and where eigenvalues coincide.

With :math:`M = m I + N`, :math:`\operatorname{tr} N = 0`, we have :math:`N^2 = \delta I`, so

.. math:: e^M = e^m (C(\delta) I + S(\delta) N), \qquad
          C(\delta) = \cosh\sqrt\delta, \; S(\delta) = \sinh\sqrt\delta / \sqrt\delta,

both entire in :math:`\delta`. The shift is :math:`V t` with
:math:`V = \int_0^1 e^{sM} ds = p I + q N`.
"""

from __future__ import annotations

from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Affine", "exponential", "logarithm"]


class Affine(NamedTuple):
    """The six entries ``[[a, b, x], [c, d, y]]`` of affine maps (or of their logarithms)."""

    a: Tensor
    b: Tensor
    c: Tensor
    d: Tensor
    x: Tensor
    y: Tensor


def exponential(tangent: Affine) -> Affine:
    """Return the exponential of each ``[[a, b, x], [c, d, y], [0, 0, 0]]``.

    Example:
        >>> zero, quarter = torch.zeros(()), torch.tensor(pi / 2)
        >>> turn = exponential(Affine(zero, -quarter, quarter, zero, zero, zero))
        >>> torch.stack(turn[:4]).abs().round(decimals=6)
        tensor([0., 1., 1., 0.])
    """
    a, b, c, d, x, y = tangent
    m, n = (a + d) / 2, (a - d) / 2
    delta = n * n + b * c
    C, S = _cosh_sinch(delta)
    grow = m.exp()
    C, S = grow * C, grow * S
    q = _slope(m, delta, C, S)
    p = S - m * q
    return Affine(
        C + S * n,
        S * b,
        S * c,
        C - S * n,
        p * x + q * (n * x + b * y),
        p * y + q * (c * x - n * y),
    )


def logarithm(element: Affine, tolerance: float) -> Affine:
    """Return the principal logarithm of each affine map; NaN where no real one exists.

    It exists where no eigenvalue is negative or zero, and for half turns times a number (to which
    ``tolerance`` decides what is near): the logarithm that turns counter-clockwise is given.
    """
    a, b, c, d, x, y = element
    half, n = (a + d) / 2, (a - d) / 2
    kappa = n * n + b * c
    determinant = half * half - kappa
    m = _safe(determinant, determinant > 0).log() / 2
    size = (n * n + b * b + c * c).sqrt()
    turned = (half < 0) & (size.detach() <= tolerance * half.abs())  # a half turn, near enough
    factor = _angle(half, kappa, ~turned)
    angle = torch.full_like(m, pi)
    nothing = torch.zeros_like(m)
    n, b, c = (
        torch.where(turned, other, factor * entry)
        for entry, other in ((n, nothing), (b, -angle), (c, angle))
    )
    delta = n * n + b * c
    C, S = _cosh_sinch(delta)
    grow = m.exp()
    q = _slope(m, delta, grow * C, grow * S)
    p = grow * S - m * q
    volume = p * p - q * q * delta  # determinant of V
    exists = (determinant > 0) & (turned | (half > 0) | (kappa < 0))
    back_x = ((p - q * n) * x - q * b * y) / volume
    back_y = ((p + q * n) * y - q * c * x) / volume
    result = (m + n, b, c, m - n, back_x, back_y)
    return Affine(*(torch.where(exists, entry, torch.nan) for entry in result))


_NEAR = 0.25


def _cosh_sinch(delta: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``cosh(sqrt(delta))`` and ``sinh(sqrt(delta)) / sqrt(delta)``, for any sign."""
    up, down = delta > _NEAR, delta < -_NEAR
    near = torch.where(up | down, 0.0, delta)
    cosine, sine = torch.ones_like(delta), torch.ones_like(delta)
    for k in range(8, 0, -1):  # Horner; the first term left out is 1e-18
        cosine = 1 + near / ((2 * k - 1) * 2 * k) * cosine
        sine = 1 + near / (2 * k * (2 * k + 1)) * sine
    root = torch.where(up, delta, 1.0).sqrt()
    angle = torch.where(down, -delta, 1.0).sqrt()
    cosine = torch.where(up, root.cosh(), torch.where(down, angle.cos(), cosine))
    sine = torch.where(up, root.sinh() / root, torch.where(down, angle.sin() / angle, sine))
    return cosine, sine


def _slope(m: Tensor, delta: Tensor, C: Tensor, S: Tensor) -> Tensor:
    r"""Return :math:`q = \int_0^1 s e^{sm} S(s^2 \delta) ds` (``C``, ``S`` come with ``e^m``).

    Where :math:`\det M = m^2 - \delta` is small, the closed form is 0/0 and the integral, of an
    entire function, is taken by 16 points of Gauss and Legendre: exact to rounding.
    """
    determinant = m * m - delta
    far = determinant.abs() > 0.5
    closed = (m * S - C + 1) / torch.where(far, determinant, 1.0)
    nodes, weights = m.new_tensor(_NODES), m.new_tensor(_WEIGHTS)
    inner, flat = torch.where(far, 0.0, m)[..., None], torch.where(far, 0.0, delta)[..., None]
    values = (nodes * inner).exp() * _cosh_sinch(nodes * nodes * flat)[1]
    return torch.where(far, closed, values @ (weights * nodes))


def _angle(half: Tensor, kappa: Tensor, required: Tensor) -> Tensor:
    """Return the factor from the traceless part of a matrix to that of its logarithm."""
    near = kappa.abs() < 1e-4 * half * half
    turning, boosting = required & ~near & (kappa < 0), required & ~near & (kappa > 0) & (half > 0)
    straight = required & near & (half > 0)
    root = _safe(-kappa, turning).sqrt()
    turn = torch.atan2(root, torch.where(turning, half, 1.0)) / root
    root = _safe(kappa, boosting).sqrt()
    ratio = (root / torch.where(boosting, half, 2.0 * root)).clamp(max=1.0)
    boost = ratio.atanh() / root
    scale = torch.where(straight, half, 1.0)
    z = torch.where(straight, kappa, 0.0) / (scale * scale)
    series = (1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z / 9)))) / scale
    near_half_turn = required & near & (half < 0) & (kappa < 0)
    root = _safe(-kappa, near_half_turn).sqrt()
    back = torch.atan2(root, torch.where(near_half_turn, half, 1.0)) / root
    result = torch.where(turning, turn, torch.where(boosting, boost, series))
    return torch.where(near_half_turn, back, result)


def _safe(value: Tensor, required: Tensor) -> Tensor:
    return torch.where(required, value, 1.0)


_HALF_NODES = (
    0.09501250983763744,
    0.2816035507792589,
    0.4580167776572274,
    0.6178762444026438,
    0.755404408355003,
    0.8656312023878318,
    0.9445750230732326,
    0.9894009349916499,
)
_HALF_WEIGHTS = (
    0.1894506104550685,
    0.18260341504492358,
    0.16915651939500254,
    0.14959598881657674,
    0.12462897125553388,
    0.09515851168249279,
    0.062253523938647894,
    0.027152459411754096,
)
# On [0, 1]; Abramowitz and Stegun, table 25.4.
_NODES = tuple((1 + sign * node) / 2 for sign in (-1, 1) for node in _HALF_NODES)
_WEIGHTS = tuple(weight / 2 for _ in range(2) for weight in _HALF_WEIGHTS)
