"""A verdict in words."""

from __future__ import annotations

from eqsets.generative.analysis.discrete import Discrete
from eqsets.generative.analysis.hypotheses import Statistics
from eqsets.generative.analysis.joint.mirror import MIRROR
from eqsets.generative.analysis.units import quantity

__all__ = ["ALPHA", "VISIBLE", "sentence_of"]

ALPHA = 0.01
"""Level of the tests, after correction."""

VISIBLE = 10.0
"""The contrast below which the poses of an image cannot be distinguished."""


def sentence_of(
    numbers: Statistics, verdict: str, p_uniform: float | None, discrete: Discrete | None
) -> str:
    """Return the verdict about a component in words, after its name.

    Args:
        numbers: of the component.
        verdict: about it.
        p_uniform: of H0 "uniform", corrected; ``None`` on lines.
        discrete: what is said of discrete poses, if anything.
    """
    parameter = numbers.evidence.parameter
    if verdict == "absent":
        words = "absent"
    elif verdict == "unresolved":
        words = _unresolved(numbers, p_uniform)
    elif verdict == "full":
        words = _full(numbers, p_uniform)
    elif verdict == "discrete" and discrete is not None:
        words = discrete.words(parameter)
    elif parameter.levels:
        words = f"occurs, not uniformly ({numbers.extent:.1f} of {parameter.levels} levels)"
    else:
        words = f"within ±{quantity(numbers.extent, parameter.unit)}"
    return f"{parameter.name.replace('_', ' ')}: {words}"


def _full(numbers: Statistics, p_uniform: float | None) -> str:
    parameter = numbers.evidence.parameter
    if p_uniform is None:
        return f"as wide as searched (±{quantity(numbers.searched, parameter.unit)}) or wider"
    if parameter == MIRROR:
        return f"mirror images occur as often as not, p = {p_uniform:.2g}"
    where = "over all levels" if parameter.levels else "over the circle"
    if p_uniform < ALPHA:
        trace = f"{numbers.below:.1g} nats below (p = {p_uniform:.1g})"
        return f"nearly uniform {where}, {trace}"
    return f"uniform {where}, p = {p_uniform:.2g}"


def _unresolved(numbers: Statistics, p_uniform: float | None) -> str:
    evidence, noun = numbers.evidence, numbers.evidence.noun
    mirrored = evidence.parameter == MIRROR
    if not numbers.resolved:
        if mirrored:
            return f"cannot be resolved, {noun} are similar to their mirror images"
        if evidence.contrast < VISIBLE:
            return f"cannot be resolved, {noun} are similar in all poses"
        return f"cannot be resolved, {noun} differ from each other by more"
    if mirrored and p_uniform is not None and p_uniform < ALPHA:
        return (
            f"not as frequent as {noun} themselves (p = {p_uniform:.1g}); whether some occur is "
            "not resolved, as some resemble the mirror images of others"
        )
    return f"not resolved with {len(evidence.scores)} held-out {noun}"
