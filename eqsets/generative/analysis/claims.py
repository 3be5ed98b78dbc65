"""From tested hypotheses to claims: a verdict for each component, and a sentence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import torch

from eqsets.generative.analysis.discrete import Discrete, discrete_of
from eqsets.generative.analysis.evidence import Evidence
from eqsets.generative.analysis.hypotheses import (
    TIMES,
    Statistics,
    extra_length,
    holm,
    statistics_of,
)
from eqsets.generative.analysis.joint.mirror import MIRROR
from eqsets.generative.analysis.sentences import ALPHA, VISIBLE, sentence_of

__all__ = ["ALPHA", "VISIBLE", "Claim", "claims_of"]

_NEARLY = 0.05  # nats below uniform that count as nothing
_RARE = 0.15  # nats; rarer mirror images cannot be distinguished from others that resemble them
_WIDE = 0.9  # fraction of the searched range that counts as all of it


@dataclass(frozen=True)
class Claim:
    """What the data say about one component of ``eta``, given the prototype.

    Attributes:
        name: of the component.
        unit: of its numbers.
        verdict: ``"absent"``, ``"partial"``, ``"full"`` (uniform on the circle, on all levels, or
            as wide as was searched), ``"discrete"`` (at multiples of a part of the circle) or
            ``"unresolved"``.
        sentence: the verdict in words.
        extent: half width, in the unit; of the levels: the effective number of them.
        interval: 95 % bootstrap interval of the extent.
        searched: largest half width that could be estimated.
        floor: half width that inference assigns to views of one image.
        entropy: in nats, in the unit.
        below_uniform: nats below the uniform distribution on the searched range.
        below_uniform_interval: its 95 % bootstrap interval.
        p_absent: of H0 "absent"; small: the transformation occurs.
        p_uniform: of H0 "uniform"; small: not uniform. ``None`` on lines.
        symmetry_order: median number of rotations that an image is invariant under.
        role: of the component, one of :data:`eqsets.families.ROLES`, if known.
        levels: how many values a discrete component has.
        discrete: the multiples of a part of the circle that predict references best, if they are
            better than none; claimed only if the verdict is ``"discrete"``.
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
    symmetry_order: float
    role: str | None = None
    levels: int | None = None
    discrete: Discrete | None = None

    @property
    def folds(self) -> float:
        """The old name of ``symmetry_order``."""
        warnings.warn(
            "Claim.folds is deprecated: it is now symmetry_order.", DeprecationWarning, stacklevel=2
        )
        return self.symmetry_order


def claims_of(evidence: Sequence[Evidence], *, generator: torch.Generator) -> tuple[Claim, ...]:
    """Return a claim for each component; the tests are corrected for their number."""
    statistics = [statistics_of(one, generator) for one in evidence]
    present = holm([one.p_absent for one in statistics])
    uniform = _corrected([one.p_uniform for one in statistics])
    peaked = _corrected([None if one.peaks is None else one.peaks.p_discrete for one in statistics])
    return tuple(_claim(*one) for one in zip(statistics, present, uniform, peaked, strict=True))


def _corrected(p: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected for their number; ``None`` where there is no test."""
    known = iter(holm([one for one in p if one is not None]))
    return [None if one is None else next(known) for one in p]


def _claim(
    numbers: Statistics, p_absent: float, p_uniform: float | None, p_discrete: float | None
) -> Claim:
    evidence, parameter = numbers.evidence, numbers.evidence.parameter
    discrete = None
    if numbers.peaks is not None and p_discrete is not None:
        discrete = discrete_of(
            parameter,
            numbers.peaks,
            p=p_discrete,
            spacing=evidence.spacing,
            floor=numbers.floor,
            alpha=ALPHA,
        )
    verdict = _verdict(numbers, p_absent, p_uniform, p_discrete)
    unit_entropy = log(len(evidence.steps)) - numbers.below
    if parameter.levels is None:
        unit_entropy += log(evidence.spacing)
    low, high = numbers.below_interval
    longer = extra_length(parameter)
    return Claim(
        parameter.name,
        parameter.unit,
        verdict,
        sentence_of(numbers, verdict, p_uniform, discrete),
        numbers.extent,
        numbers.interval,
        numbers.searched,
        numbers.floor,
        unit_entropy,
        numbers.below - longer,
        (low - longer, high - longer),
        p_absent,
        p_uniform,
        float(evidence.symmetry_order.float().median()),
        parameter.role,
        parameter.levels,
        discrete,
    )


def _verdict(
    numbers: Statistics, p_absent: float, p_uniform: float | None, p_discrete: float | None
) -> str:
    peaks = numbers.peaks
    peaked = p_discrete is not None and p_discrete < ALPHA
    if peaked and peaks is not None and peaks.nearly_equal and peaks.narrow:
        return "discrete"
    if not numbers.resolved:
        return "unresolved"
    if p_absent >= ALPHA:
        discrete = numbers.evidence.parameter.levels is not None
        small = numbers.extent <= (1.5 if discrete else TIMES * numbers.floor)
        # Few images say neither: what they do not exclude is not called absent.
        excluded = p_uniform is None or max(p_uniform, numbers.p_present) < ALPHA
        return "absent" if small and excluded else "unresolved"
    if p_uniform is None:
        return "full" if numbers.extent >= _WIDE * numbers.searched else "partial"
    if p_uniform < ALPHA and numbers.below > _NEARLY:
        mirrored = numbers.evidence.parameter == MIRROR
        rare = mirrored and numbers.below_interval[1] > _RARE
        return "unresolved" if rare else "partial"
    # Not rejected is not proven: the interval must exclude what would be worth a word.
    return "full" if numbers.below_interval[1] < 0.35 else "unresolved"
