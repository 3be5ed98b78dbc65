r"""From evidence to claims: null hypotheses, p-values, intervals and a verdict.

For each component, with scores :math:`s_i = -\log q_i(0)` of ``m`` held-out images:

**H0 "uniform"** (circles and discrete components): moving each image on by a random amount changes
nothing. Then :math:`q_i(0)` and :math:`q_i(A_i)`, ``A_i`` uniform, are distributed alike, whatever
``q`` is, and the p-value is the rank of the mean score among those of 999 random moves: exact.

**H0 "absent"**: the spread is at most 1.5 times the noise floor, the spread that inference makes of
*the same image* seen anew, to a quarter pixel at the edge of the content. One sided t test of
:math:`s_i - \mathrm{floor}_i - \log 1.5`. Less than that is called absent.

Both families of p-values are corrected by Holm over the components of a report. The *extent* is the
half width of the uniform distribution of the same entropy (of a normal one: 2.07 standard
deviations, about the central 95 %), divided by the folds of self-symmetric pictures; the floor is
taken off in squares. Intervals are percentile bootstraps over held-out images. A kernel estimate is
too wide, by 0 to 17 % where the truth is known (examples/discover_known_truth.py), so the lower end
of the interval of an extent is another 12 % lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import torch
from torch import Tensor

from eqsets.families import Parameter
from eqsets.generative.analysis.evidence import Evidence
from eqsets.generative.analysis.units import quantity
from eqsets.optional import require

__all__ = ["ALPHA", "VISIBLE", "Claim", "claims_of", "holm", "one_sided_t_test"]

ALPHA = 0.01
"""Level of the tests, after correction."""

VISIBLE = 10.0
"""The contrast below which pictures look alike in all poses."""

_MOVES = 999
_RESAMPLES = 1000
_RESOLVED = 0.7  # nats that a picture must gain by being moved: else all poses look alike
_NEARLY = 0.05  # nats below uniform that count as nothing
_TIMES = 1.5  # the noise floor: less is called absent
_DISCRETE = 1.2
_TOO_WIDE = 0.12  # part of the extent
_WIDE = 0.9  # part of the searched range that counts as all of it


@dataclass(frozen=True)
class Claim:
    """What the data say about one component of ``eta``, given the prototype.

    Attributes:
        name: of the component.
        unit: of its numbers.
        verdict: ``"absent"``, ``"partial"``, ``"full"`` (uniform on the circle, on all levels, or
            as wide as was searched) or ``"unresolved"``.
        sentence: the verdict in words.
        extent: half width, in the unit; of the levels: the effective number of them.
        interval: 95 % bootstrap interval of the extent.
        searched: largest half width that could be found.
        floor: half width that inference makes of nothing.
        entropy: in nats, in the unit.
        below_uniform: nats below the uniform distribution on the searched range.
        below_uniform_interval: its 95 % bootstrap interval.
        p_absent: of H0 "absent"; small: the transformation occurs.
        p_uniform: of H0 "uniform"; small: not uniform. ``None`` on lines.
        folds: median number of rotations that leave a picture as it is.
        role: of the component, one of :data:`eqsets.families.ROLES`, if known.
        levels: how many values a discrete component has.
    """

    name: str
    unit: str
    verdict: str
    sentence: str
    extent: float
    interval: tuple[float, float]
    searched: float
    floor: float
    entropy: float
    below_uniform: float
    below_uniform_interval: tuple[float, float]
    p_absent: float
    p_uniform: float | None
    folds: float
    role: str | None = None
    levels: int | None = None


@dataclass(frozen=True)
class _Numbers:
    """Everything about a component before the verdict."""

    evidence: Evidence
    extent: float
    interval: tuple[float, float]
    searched: float
    floor: float
    below: float
    below_interval: tuple[float, float]
    p_absent: float
    p_uniform: float | None
    resolved: bool


def claims_of(evidence: Sequence[Evidence], *, generator: torch.Generator) -> tuple[Claim, ...]:
    """Return a claim for each component; the tests are corrected for their number."""
    found = [_numbers(one, generator) for one in evidence]
    present = holm([one.p_absent for one in found])
    tested = [place for place, one in enumerate(found) if one.p_uniform is not None]
    corrected = dict(zip(tested, holm([found[i].p_uniform or 0.0 for i in tested]), strict=True))
    return tuple(
        _claim(one, present[place], corrected.get(place)) for place, one in enumerate(found)
    )


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected by Holm's method.

    Example:
        >>> holm([0.01, 0.5, 0.02])
        [0.03, 0.5, 0.04]
    """
    corrected, highest = [0.0] * len(p), 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, (len(p) - rank) * p[place]))
        corrected[place] = highest
    return corrected


def _numbers(evidence: Evidence, generator: torch.Generator) -> _Numbers:
    parameter, count = evidence.parameter, len(evidence.steps)
    discrete = parameter.levels is not None
    scores, folds = evidence.scores.double(), evidence.folds.double()
    floor = evidence.floor.double() - folds.log()
    excess = scores - folds.log() - floor
    margin = log(_DISCRETE if discrete else _TIMES)
    m = len(scores)
    drawn = torch.randint(m, (_RESAMPLES, m), generator=generator)
    # A score is no entropy: that of a uniform distribution on the grid is the largest.
    below = (log(count) - scores)[drawn].mean(-1)
    searched = (parameter.high - parameter.low) / 2 if parameter.period is None else 0.0
    if parameter.period is not None:
        searched = parameter.period / 2 / exp(float(folds.log().mean()))
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)

    def extent(mean_score: Tensor, mean_floor: Tensor) -> Tensor:
        if discrete:
            return mean_score.exp().clamp(1.0, count)
        half = mean_score.exp() * evidence.spacing / 2
        none = mean_floor.exp() * evidence.spacing / 2
        return (half.square() - none.square()).clamp_min(0).sqrt().clamp(max=2 * searched)

    reduced = scores - folds.log()
    spread = extent(reduced[drawn].mean(-1), floor[drawn].mean(-1)).quantile(ends).tolist()
    around = below.quantile(ends).tolist()
    gain = log(count) - _longer(parameter) - float(evidence.floor.mean())
    resolved = gain > (0.5 * log(count) if discrete else _RESOLVED)
    largest = count if discrete else searched
    return _Numbers(
        evidence,
        min(float(extent(reduced.mean(), floor.mean())), largest),
        (min(spread[0] * (1.0 if discrete else 1 - _TOO_WIDE), largest), min(spread[1], largest)),
        largest,
        float(floor.mean().exp()) * (1.0 if discrete else evidence.spacing / 2),
        float(log(count) - scores.mean()),
        (around[0], around[1]),
        one_sided_t_test(excess - margin),
        None if parameter.period is None else _random_moves(evidence, generator),
        resolved,
    )


def _longer(parameter: Parameter) -> float:
    """Return how many nats longer than the searched range the grid is: on lines twice as long."""
    return log(2.0) if parameter.period is None else 0.0


def one_sided_t_test(values: Tensor) -> float:
    """Return the p-value of "the mean is at most 0", by Student's t."""
    stats = require("scipy.stats")
    error = float(values.std()) / sqrt(len(values))  # 0 where all are equal: hence not ttest_1samp
    return float(stats.t.sf(float(values.mean()) / max(error, 1e-9), len(values) - 1))


def _random_moves(evidence: Evidence, generator: torch.Generator) -> float:
    """Return the exact p-value of "a random move changes nothing"."""
    logs = evidence.odds.double().clamp_min(1e-30).log()
    seen = float(logs[:, evidence.zero].mean())
    moves = torch.randint(logs.shape[1], (_MOVES, len(logs)), generator=generator)
    moved = logs[torch.arange(len(logs)), moves].mean(-1)
    return (1 + int((moved >= seen - 1e-12).sum())) / (1 + _MOVES)


def _claim(numbers: _Numbers, p_absent: float, p_uniform: float | None) -> Claim:
    parameter = numbers.evidence.parameter
    verdict = _verdict(numbers, p_absent, p_uniform)
    unit_entropy = log(len(numbers.evidence.steps)) - numbers.below
    if parameter.levels is None:
        unit_entropy += log(numbers.evidence.spacing)
    low, high = numbers.below_interval
    longer = _longer(parameter)
    return Claim(
        parameter.name,
        parameter.unit,
        verdict,
        _sentence(numbers, verdict, p_uniform),
        numbers.extent,
        numbers.interval,
        numbers.searched,
        numbers.floor,
        unit_entropy,
        numbers.below - longer,
        (low - longer, high - longer),
        p_absent,
        p_uniform,
        float(numbers.evidence.folds.float().median()),
        parameter.role,
        parameter.levels,
    )


def _verdict(numbers: _Numbers, p_absent: float, p_uniform: float | None) -> str:
    if not numbers.resolved:
        return "unresolved"
    if p_absent >= ALPHA:
        discrete = numbers.evidence.parameter.levels is not None
        small = numbers.extent <= (1.5 if discrete else _TIMES * numbers.floor)
        return "absent" if small else "unresolved"
    if p_uniform is None:
        return "full" if numbers.extent >= _WIDE * numbers.searched else "partial"
    if p_uniform < ALPHA and numbers.below > _NEARLY:
        return "partial"
    # Not rejected is not proven: the interval must exclude what would be worth a word.
    return "full" if numbers.below_interval[1] < 0.35 else "unresolved"


def _sentence(numbers: _Numbers, verdict: str, p_uniform: float | None) -> str:
    parameter = numbers.evidence.parameter
    name = parameter.name.replace("_", " ")
    if verdict == "unresolved":
        if not numbers.resolved:
            if numbers.evidence.contrast < VISIBLE:
                return f"{name}: cannot be resolved, pictures look alike in all poses"
            return f"{name}: cannot be resolved, pictures differ among each other by more"
        return f"{name}: not resolved with {len(numbers.evidence.scores)} held-out images"
    if verdict == "absent":
        return f"{name}: absent"
    if verdict == "full":
        if p_uniform is None:
            searched = quantity(numbers.searched, parameter.unit)
            return f"{name}: as wide as searched (±{searched}) or wider"
        where = "over all levels" if parameter.levels else "over the circle"
        if p_uniform < ALPHA:
            trace = f"{numbers.below:.1g} nats below (p = {p_uniform:.1g})"
            return f"{name}: nearly uniform {where}, {trace}"
        return f"{name}: uniform {where}, p = {p_uniform:.2g}"
    if parameter.levels:
        return f"{name}: occurs, not uniformly ({numbers.extent:.1f} of {parameter.levels} levels)"
    return f"{name}: within ±{quantity(numbers.extent, parameter.unit)}"
