r"""Poses at multiples of a part of a circle: tests on held-out images.

Of the subgroup :math:`C_k` that was chosen among references
(:mod:`~eqsets.generative.analysis.subgroup`), with :math:`q_i(a)` its probabilities of held-out
image ``i``, and only images that are not invariant under its generators themselves:

**H0 "uniform"**: poses are uniform modulo one ``k``-th. Then moving each image by a random amount
changes nothing, and the rank of the mean of :math:`\log \sum_l q_i(l p / k)` among 9,999 random
moves is an exact p-value.

**H0 "a range"**: a pose at a generator of :math:`C_k` is no more probable than one half a step
nearer to that of the image. With :math:`t` the density at the generator and :math:`v` that half a
step nearer, both relative to the uniform one, the statistic is the mean of
:math:`(t - v) / (t + v + 0.2)`: small numbers, which say that neither pose occurs, count little.
Its rank among random moves is exact if poses are uniform, and too large if they are unimodal, as
in a range. Both must be rejected: the larger p-value counts.

**H0 "equally frequent"**: moving each image by a random multiple of one ``k``-th changes nothing:
the rank of the mean of :math:`\log q_i(0)` among such moves, exact.

The loss by unequal frequencies is :math:`\log k + \log q_i(0) - \log \sum_l q_i(l p / k)`, in nats.
The fraction of poses in the peaks is at least :math:`\sqrt{1 - u}`, ``u`` the density in the middle
fifth between two peaks relative to the uniform one: a pair of images is at the same distance modulo
one ``k``-th if both are in peaks. The kernel fills the valleys, so this is a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, gcd, log, log2, sqrt

import torch
from torch import Tensor

from eqsets.generative.analysis.comparison.kernel import multiples
from eqsets.generative.analysis.subgroup import UNEQUAL, Subgroup

__all__ = ["FEWEST_DISTINCT", "Peaks", "peaks_of", "rank_of_moves"]

FEWEST_DISTINCT = 8
"""Fewer images that are not invariant themselves say nothing of a subgroup."""

_SHARE = 0.25  # of images that must not be invariant themselves
_SAME = 0.2  # of the probability of an image: a copy with so much of it is the image itself
_NARROW = 0.9
_LEVEL = 0.2  # of the uniform density
_MOVES = 9999
_STOP = 100
_RESAMPLES = 1000
_ENDS = torch.tensor([0.025, 0.975], dtype=torch.float64)


@dataclass(frozen=True)
class Peaks:
    """What held-out images say of a subgroup.

    Attributes:
        order: of the subgroup.
        distinct: share of the images that are not invariant under its generators themselves.
        images: how many they are.
        p_discrete: the larger p-value of H0 "uniform" and H0 "a range".
        p_equal: of H0 "equally frequent"; small: they are not.
        loss: by unequal frequencies, in nats.
        loss_interval: its 95 % bootstrap interval.
        fraction: of poses in the peaks, at least.
        fraction_interval: its 95 % bootstrap interval.
        within: half width of a peak, in steps of the grid, before the noise floor is subtracted.
        within_interval: its 95 % bootstrap interval.
        frequent: share of the more frequent of two poses; ``None`` of other orders.
        profile: mean density over the steps of the grid, relative to the uniform one.
    """

    order: int
    distinct: float
    images: int
    p_discrete: float
    p_equal: float
    loss: float
    loss_interval: tuple[float, float]
    fraction: float
    fraction_interval: tuple[float, float]
    within: float
    within_interval: tuple[float, float]
    frequent: float | None
    profile: tuple[float, ...]

    @property
    def symmetric_objects(self) -> bool:
        """Whether most images are the same in these poses, so that nothing is known of the data."""
        return self.distinct < _SHARE or self.images < FEWEST_DISTINCT

    @property
    def narrow(self) -> bool:
        """Whether peaks are narrower than 90 % of what is uniform: less would not matter."""
        return self.within <= _NARROW * len(self.profile) / self.order / 2

    @property
    def nearly_equal(self) -> bool:
        """Whether frequencies are known to be no more unequal than 90 to 10 of two."""
        return self.loss_interval[1] <= UNEQUAL * log2(self.order)


def peaks_of(subgroup: Subgroup, zero: int, generator: torch.Generator) -> Peaks:
    """Return the statistics of a subgroup.

    Args:
        subgroup: with the probabilities of held-out images.
        zero: index of 0 in its grid.
        generator: source of randomness.
    """
    k, steps = subgroup.order, subgroup.probabilities.shape[1]
    distinct = _distinct(subgroup, zero)
    share, count = float(distinct.double().mean()), int(distinct.sum())
    if share < _SHARE or count < FEWEST_DISTINCT:
        none = (0.0, 1.0)
        return Peaks(k, share, count, 1.0, 1.0, 0.0, (0.0, log(k)), 0.0, none, 0.0, none, None, ())
    q = subgroup.probabilities[distinct].double().roll(-zero, 1).clamp_min(1e-30)
    folded = q.unflatten(1, (k, steps // k)).sum(1)
    poses = q[:, multiples(0, k, steps)]
    p_uniform = rank_of_moves(folded.log(), steps // k, generator)
    p_range = rank_of_moves(_contrast(q, k), steps, generator)
    drawn = torch.randint(count, (_RESAMPLES, count), generator=generator)

    def interval(values: Tensor, of: Callable[[Tensor], Tensor]) -> tuple[float, float]:
        low, high = of(values[drawn].mean(1)).quantile(_ENDS).tolist()
        return low, high

    loss = log(k) + poses[:, 0].log() - poses.sum(1).log()
    between = _between(folded)
    scores = -folded[:, 0].log()
    same = poses[:, 0] / poses.sum(1)
    return Peaks(
        k,
        share,
        count,
        max(p_uniform, p_range),
        rank_of_moves(poses.log(), k, generator),
        float(loss.mean()),
        interval(loss, lambda mean: mean),
        float(_fraction(between.mean())),
        interval(between, _fraction),
        exp(float(scores.mean())) / 2,
        interval(scores, lambda mean: mean.exp() / 2),
        None if k > 2 else (1 + sqrt(max(0.0, 2 * float(same.mean()) - 1))) / 2,
        tuple((q.mean(0) * steps).tolist()),
    )


def rank_of_moves(values: Tensor, moves: int, generator: torch.Generator) -> float:
    """Return the p-value of "moving each image by a random amount changes nothing".

    Sampling stops early where a hundred of the random moves, or more, are as good as none: the
    p-value is not small then (Besag and Clifford, *Sequential Monte Carlo p-values*, 1991).

    Args:
        values: of each image after each move, ``(m, moves)``; the first is no move.
        moves: how many there are.
        generator: source of randomness.
    """
    rows = torch.arange(len(values))
    seen, above, tried = float(values[:, 0].mean()) - 1e-12, 0, 0
    while tried < _MOVES and above < _STOP:
        some = min(999 if not tried else 1000, _MOVES - tried)
        drawn = torch.randint(moves, (some, len(values)), generator=generator)
        above += int((values[rows, drawn].mean(-1) >= seen).sum())
        tried += some
    return (1 + above) / (1 + tried)


def _distinct(subgroup: Subgroup, zero: int) -> Tensor:
    """Return which images are not invariant under the generators of a subgroup, ``(m)``."""
    k, steps = subgroup.order, subgroup.own.shape[1]
    copies = subgroup.own[:, multiples(zero, k, steps)[_generators(k)]].amax(1)
    return copies < _SAME * subgroup.own[:, zero]


def _generators(order: int) -> list[int]:
    return [j for j in range(1, order) if gcd(j, order) == 1]


def _contrast(q: Tensor, order: int) -> Tensor:
    """Return how far poses at generators exceed those half a step nearer, ``(m, A)``.

    Of probabilities ``(m, A)`` whose first step is no move; column ``a`` is of moves by ``a`` more.
    """
    steps = q.shape[1]
    density, size = q * steps, steps // order
    total = torch.zeros_like(q)
    generators = _generators(order)
    for j in generators:
        at = j * size if 2 * j <= order else j * size - steps
        top = density.roll(-at, 1)
        valley = _half_step(density, at, -1 if at > 0 else 1, size)
        if 2 * j == order:  # half of the circle: both sides are as near
            valley = (valley + _half_step(density, at, 1, size)) / 2
        total = total + (top - valley) / (top + valley + _LEVEL)
    return total / len(generators)


def _half_step(density: Tensor, at: int, side: int, size: int) -> Tensor:
    """Return the density half a step from ``at``: the mean of two if the step is odd."""
    near, far = size // 2, (size + 1) // 2
    return (density.roll(-(at + side * near), 1) + density.roll(-(at + side * far), 1)) / 2


def _between(folded: Tensor) -> Tensor:
    """Return the density in the middle fifth between peaks, relative to uniform, ``(m)``."""
    size = folded.shape[1]
    half, reach = size // 2, max(size // 10, 0)
    return folded[:, half - reach : half + reach + 1].mean(1) * size


def _fraction(between: Tensor) -> Tensor:
    return (1 - between).clamp(0, 1).sqrt()
