"""Time alternatives side by side: in one process, taking turns, so that noise hits all alike.

A ratio is the median over rounds of the paired ratios, with its quartiles; wall and CPU time are
kept apart, since other work on the machine stretches the first more than the second.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Race", "Ratio", "race"]


@dataclass(frozen=True)
class Ratio:
    """A paired ratio: median and quartiles over the rounds, and the same for CPU time."""

    median: float
    low: float
    high: float
    cpu: float

    def __truediv__(self, factor: float) -> Ratio:
        return Ratio(*(value / factor for value in (self.median, self.low, self.high, self.cpu)))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True)
class Race:
    """Seconds of each round, wall and CPU, by name."""

    wall: Mapping[str, list[float]]
    cpu: Mapping[str, list[float]]

    def ratio(self, name: str, reference: str) -> Ratio:
        """Return how many times as long ``name`` takes as ``reference``."""
        wall, cpu = (
            [a / b for a, b in zip(times[name], times[reference], strict=True)]
            for times in (self.wall, self.cpu)
        )
        low, median, high = statistics.quantiles(wall, n=4)
        return Ratio(median, low, high, statistics.median(cpu))

    def milliseconds(self, name: str) -> float:
        """Return the median wall time of one run."""
        return 1e3 * statistics.median(self.wall[name])


def race(
    entrants: Mapping[str, Callable[[], object]], *, seconds: float = 3.0, rounds: int = 60
) -> Race:
    """Run all entrants in turn for about ``seconds`` in all, at least five rounds of each.

    The order turns around from round to round, so that none always runs behind the same.
    """
    for run in entrants.values():
        run()
        run()
    wall: dict[str, list[float]] = {name: [] for name in entrants}
    cpu: dict[str, list[float]] = {name: [] for name in entrants}
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + seconds
        for turn in range(rounds):
            if turn >= 5 and time.perf_counter() > end:
                break
            for name in list(entrants)[:: 1 if turn % 2 else -1]:
                began, began_cpu = time.perf_counter(), time.process_time()
                entrants[name]()
                wall[name].append(time.perf_counter() - began)
                cpu[name].append(time.process_time() - began_cpu)
    finally:
        gc.enable()
    return Race(wall, cpu)
