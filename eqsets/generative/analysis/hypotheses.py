r"""Null hypotheses about one component: p-values, extents and bootstrap intervals.

With scores :math:`s_i = -\log q_i(0)` of ``m`` held-out images:

**H0 "uniform"** (circles and discrete components): moving each image by a random amount changes
nothing. Then :math:`q_i(0)` and :math:`q_i(A_i)`, ``A_i`` uniform, have the same distribution,
whatever ``q`` is, and the p-value is the rank of the mean score among those of 9,999 random
moves: exact.

**H0 "absent"**: the spread is at most 1.5 times the noise floor, the spread that inference assigns
to other views of *the same image*, to a quarter pixel at the edge of the content. One-sided t test
of :math:`s_i - \mathrm{floor}_i - \log 1.5`. On circles and levels what is not rejected is called
absent only if the opposite is rejected at the same level, that the spread is at least 1.2 times the
floor (of levels 1.1): a fifth of the images half a turn away adds 0.3 nats, and few images say
neither.

Both families of p-values are corrected by Holm over the components of a report. The *extent* is the
half width of the uniform distribution of the same entropy (of a normal one: 2.07 standard
deviations, about the central 95 %), divided by the symmetry order of self-symmetric images; the
floor is subtracted in squares. Intervals are percentile bootstraps over held-out images. A kernel
estimate is too wide, by 0 to 17 % where the truth is known (examples/discover_known_truth.py), so
the lower end of the interval of an extent is another 12 % lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import torch
from torch import Tensor

from eqsets.families import Parameter
from eqsets.generative.analysis.evidence import Evidence
from eqsets.generative.analysis.peaks import Peaks, peaks_of, rank_of_moves
from eqsets.optional import require

__all__ = ["TIMES", "Statistics", "extra_length", "holm", "one_sided_t_test", "statistics_of"]

_RESAMPLES = 1000
_RESOLVED = 0.7  # nats that an image must gain by being moved: else all poses are similar
TIMES = 1.5
"""The multiple of the noise floor below which a component is called absent."""
_DISCRETE = 1.2
_FEW = 0.5  # of the margin: a fifth of the elements half a turn away adds little
_TOO_WIDE = 0.12  # fraction of the extent


@dataclass(frozen=True)
class Statistics:
    """What is known of a component before the verdict.

    Attributes:
        evidence: of the component.
        extent: half width, in the unit; of levels: the effective number of them.
        interval: 95 % bootstrap interval of the extent.
        searched: largest extent that could be found.
        floor: extent that inference assigns to views of one image.
        below: nats below the uniform distribution on the grid.
        below_interval: its 95 % bootstrap interval.
        p_absent: of H0 "absent".
        p_present: of H0 "present": that the spread is at least 1.2 times the floor.
        p_uniform: of H0 "uniform"; ``None`` on lines.
        resolved: whether the poses of an image can be distinguished.
        peaks: what is known of poses at multiples of a part of a circle, if that was chosen.
    """

    evidence: Evidence
    extent: float
    interval: tuple[float, float]
    searched: float
    floor: float
    below: float
    below_interval: tuple[float, float]
    p_absent: float
    p_present: float
    p_uniform: float | None
    resolved: bool
    peaks: Peaks | None = None


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected by Holm's method.

    Example:
        >>> holm([0.01, 0.5, 0.02])
        [0.03, 0.5, 0.04]
    """
    corrected, highest = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        corrected[index] = highest
    return corrected


def statistics_of(evidence: Evidence, generator: torch.Generator) -> Statistics:
    """Return extent, intervals and p-values of a component."""
    parameter, count = evidence.parameter, len(evidence.steps)
    discrete = parameter.levels is not None
    scores, order = evidence.scores.double(), evidence.symmetry_order.double()
    floor = evidence.floor.double() - order.log()
    excess = scores - order.log() - floor
    margin = log(_DISCRETE if discrete else TIMES)
    m = len(scores)
    drawn = torch.randint(m, (_RESAMPLES, m), generator=generator)
    # A score is no entropy: that of a uniform distribution on the grid is the largest.
    below = (log(count) - scores)[drawn].mean(-1)
    searched = (parameter.high - parameter.low) / 2 if parameter.period is None else 0.0
    if parameter.period is not None:
        searched = parameter.period / 2 / exp(float(order.log().mean()))
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)

    def extent(mean_score: Tensor, mean_floor: Tensor) -> Tensor:
        if discrete:
            return mean_score.exp().clamp(1.0, count)
        half = mean_score.exp() * evidence.spacing / 2
        none = mean_floor.exp() * evidence.spacing / 2
        return (half.square() - none.square()).clamp_min(0).sqrt().clamp(max=2 * searched)

    reduced = scores - order.log()
    spread = extent(reduced[drawn].mean(-1), floor[drawn].mean(-1)).quantile(ends).tolist()
    around = below.quantile(ends).tolist()
    gain = log(count) - extra_length(parameter) - float(evidence.floor.mean())
    resolved = gain > (0.5 * log(count) if discrete else _RESOLVED)
    largest = count if discrete else searched
    group = evidence.subgroup
    return Statistics(
        evidence,
        min(float(extent(reduced.mean(), floor.mean())), largest),
        (min(spread[0] * (1.0 if discrete else 1 - _TOO_WIDE), largest), min(spread[1], largest)),
        largest,
        float(floor.mean().exp()) * (1.0 if discrete else evidence.spacing / 2),
        float(log(count) - scores.mean()),
        (around[0], around[1]),
        one_sided_t_test(excess - margin),
        one_sided_t_test(_FEW * margin - excess),
        None if parameter.period is None else _p_uniform(evidence, generator),
        resolved,
        None if group is None else peaks_of(group, evidence.zero, generator),
    )


def extra_length(parameter: Parameter) -> float:
    """Return how many nats longer than the searched range the grid is: on lines twice as long."""
    return log(2.0) if parameter.period is None else 0.0


def one_sided_t_test(values: Tensor) -> float:
    """Return the p-value of "the mean is at most 0", by Student's t."""
    stats = require("scipy.stats")
    error = float(values.std()) / sqrt(len(values))  # 0 where all are equal: hence not ttest_1samp
    return float(stats.t.sf(float(values.mean()) / max(error, 1e-9), len(values) - 1))


def _p_uniform(evidence: Evidence, generator: torch.Generator) -> float:
    """Return the exact p-value of "a random move changes nothing"."""
    logs = evidence.probabilities.double().roll(-evidence.zero, 1).clamp_min(1e-30).log()
    return rank_of_moves(logs, logs.shape[1], generator)
