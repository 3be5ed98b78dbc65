r"""Which finite subgroup of a circle predicts the poses of reference images best.

If poses occur at multiples of one ``k``-th of a circle, a reference image says the same of all
``k`` of them. So moves are counted modulo one ``k``-th, which makes references ``k`` times as
dense, and the kernel has its own widths:

.. math:: q_i^{(k)}(a) \propto \sum_{l < k} \sum_j K_k\bigl(y_i(a + l \, p / k), y_j(0)\bigr)

on the circle of period :math:`p / k`. The *gain* of ``k`` is the number of nats by which it
predicts references, each from the others, better than a uniform distribution over the whole circle:

.. math:: G_k = \log(A / k) + \frac1n \sum_i \log q_i^{(k)}(0) .

Where the data are not invariant under :math:`C_k`, counting modulo one ``k``-th loses up to
:math:`\log k` nats; where they are, it gains density. The choice is made among references alone, so
that a test of it on held-out images is a test of one hypothesis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

from torch import Tensor

from eqsets.families import Parameter

__all__ = ["ORDERS", "UNEQUAL", "Subgroup", "choose_order", "orders_of"]

ORDERS = (2, 3, 4, 5, 6, 8, 12)
"""Orders that are tried on a circle."""

UNEQUAL = 0.4
"""Nats that a subgroup of two elements may lose by unequal frequencies: about 90 to 10."""

_TIE = 0.15  # of the best gain: a larger group with nearly the same gain is preferred
_TIE_NATS = 0.1
_LOSS = 0.5  # nats for each factor of 2: more than may be lost, as references are few
_LOSS_SHARE = 0.15  # of the gain without a subgroup


@dataclass(frozen=True, eq=False)
class Subgroup:
    """A subgroup of a circle, and what held-out images say of it.

    Attributes:
        order: ``k``: how many poses; at multiples of one ``k``-th of the period.
        probabilities: of held-out images ``(m, A)``, with the kernel of this order.
        own: those that they assign to copies of themselves, ``(m, A)``.
        gains: of all orders that were tried, of 1 too, in nats among references.
    """

    order: int
    probabilities: Tensor
    own: Tensor
    gains: Mapping[int, float]


def orders_of(parameter: Parameter) -> tuple[int, ...]:
    """Return the orders of proper subgroups to try; none on a line.

    Example:
        >>> orders_of(Parameter.discrete("quarter_turns", "90 degrees", 4))
        (2,)
    """
    if parameter.period is None:
        return ()
    if parameter.levels is None:
        return ORDERS
    return tuple(k for k in range(2, parameter.levels) if parameter.levels % k == 0)


def choose_order(gains: Mapping[int, float]) -> int:
    """Return the order with the best gain, the largest of several; 1 where no subgroup is better.

    A subgroup may be up to half a nat for each factor of 2, and 15 %, worse than none: that is
    what counting modulo its poses loses if they are not equally frequent. Held-out images decide.

    Example:
        >>> choose_order({1: 0.04, 2: 0.18, 4: 0.26, 8: 0.01})
        4
        >>> choose_order({1: 1.03, 2: 0.72, 4: 0.23})
        1
    """
    finite = {order: gain for order, gain in gains.items() if order > 1}
    best = max(finite.values(), default=0.0)
    if best <= 0:
        return 1
    slack = min(_TIE_NATS, _TIE * best)
    order = max(order for order, gain in finite.items() if gain >= best - slack)
    none = gains[1]
    allowed = min(_LOSS * log2(order), _LOSS_SHARE * max(none, 0.0))
    return order if finite[order] >= none - allowed else 1
