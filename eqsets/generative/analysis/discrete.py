"""What is said of poses at multiples of a part of a circle."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from eqsets.families import Parameter
from eqsets.generative.analysis.peaks import Peaks
from eqsets.generative.analysis.units import quantity

__all__ = ["Discrete", "discrete_of"]


@dataclass(frozen=True)
class Discrete:
    """Poses at multiples of one ``order``-th of a circle.

    Attributes:
        order: how many there are: the data have the symmetry :math:`C_k`.
        step: between two of them, in the unit of the component.
        equal: whether it is not rejected that they are equally frequent.
        frequent: share of the more frequent of two poses that are not; else ``None``.
        fraction: of poses that are within a peak, at least.
        fraction_interval: its 95 % bootstrap interval.
        within: half width of each peak, in the unit, at most.
        within_interval: its 95 % bootstrap interval.
        p_discrete: of H0 "uniform, or a range"; small: the poses are discrete.
        p_equal: of H0 "equally frequent"; small: they are not.
        symmetric_objects: whether most images are the same in these poses: then this is a statement
            about each image, and nothing is known of the data.
        rose: density of the difference of two poses, relative to the uniform one, on a grid of the
            whole circle that begins at 0.
    """

    order: int
    step: float
    equal: bool
    frequent: float | None
    fraction: float
    fraction_interval: tuple[float, float]
    within: float
    within_interval: tuple[float, float]
    p_discrete: float
    p_equal: float
    symmetric_objects: bool
    rose: tuple[float, ...] = ()

    def words(self, parameter: Parameter) -> str:
        """Return the poses in words.

        Example:
            >>> from math import pi
            >>> one = Discrete(4, pi / 2, True, None, 0.9, (0.8, 1), 0.2, (0.1, 0.3), 0, 0.5, False)
            >>> one.words(Parameter("rotation", "radians", -pi, pi, 2 * pi))
            'multiples of 90° (C4), each within ±11° at most'
        """
        if parameter.levels is not None:
            return f"{self.order} of {parameter.levels} levels (C{self.order}){self._shares}"
        period, within = parameter.period or 1.0, quantity(self.within, parameter.unit)
        whole = parameter.unit == "turns" and period == 1.0
        step = f"1/{self.order} turn" if whole else quantity(self.step, parameter.unit)
        return f"multiples of {step} (C{self.order}){self._shares}, each within ±{within} at most"

    @property
    def _shares(self) -> str:
        if self.equal:
            return ""
        if self.frequent is None:
            return ", not equally frequent"
        return f", about {self.frequent:.0%} and {1 - self.frequent:.0%}"


def discrete_of(
    parameter: Parameter, peaks: Peaks, *, p: float, spacing: float, floor: float, alpha: float
) -> Discrete:
    """Return what is said of the poses of a component.

    Args:
        parameter: the component.
        peaks: the statistics of its subgroup.
        p: of H0 "uniform, or a range", corrected.
        spacing: of the grid, in the unit.
        floor: half width that inference assigns to views of one image, in the unit.
        alpha: level of the tests.
    """
    period = parameter.period or 1.0
    step = period / peaks.order

    def half_width(steps: float) -> float:
        return min(sqrt(max(0.0, (steps * spacing) ** 2 - floor**2)), step / 2)

    low, high = peaks.within_interval
    equal = peaks.p_equal >= alpha
    return Discrete(
        peaks.order,
        step,
        equal,
        None if equal else peaks.frequent,
        peaks.fraction,
        peaks.fraction_interval,
        half_width(peaks.within),
        (half_width(low), half_width(high)),
        p,
        peaks.p_equal,
        peaks.symmetric_objects,
        peaks.profile,
    )
