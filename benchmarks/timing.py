"""Time alternatives side by side: in one process, taking turns, so that noise hits all alike.

A ratio is the median over rounds of the paired ratios, with its quartiles. Rounds during which
other programs were busy do not count: with two threads on two CPUs, one that waits for the other
measures the machine's other work.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Effort", "Race", "Ratio", "race"]


@dataclass(frozen=True)
class Ratio:
    """A paired ratio: median and quartiles over the rounds, and the same for CPU time.

    Attributes:
        foreign: share of the machine that other programs took meanwhile.
    """

    median: float
    low: float
    high: float
    cpu: float
    foreign: float

    def __truediv__(self, factor: float) -> Ratio:
        low, high, cpu = self.low / factor, self.high / factor, self.cpu / factor
        return Ratio(self.median / factor, low, high, cpu, self.foreign)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True)
class Race:
    """Seconds of each round, wall and CPU, by name.

    Attributes:
        foreign: share of the machine that other programs took during the rounds that count.
    """

    wall: Mapping[str, list[float]]
    cpu: Mapping[str, list[float]]
    foreign: float

    def ratio(self, name: str, reference: str) -> Ratio:
        """Return how many times as long ``name`` takes as ``reference``."""
        wall, cpu = (
            [a / b for a, b in zip(times[name], times[reference], strict=True)]
            for times in (self.wall, self.cpu)
        )
        low, median, high = statistics.quantiles(wall, n=4)
        return Ratio(median, low, high, statistics.median(cpu), self.foreign)

    def milliseconds(self, name: str) -> float:
        """Return the median wall time of one run."""
        return 1e3 * statistics.median(self.wall[name])


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        seconds: for each comparison, in undisturbed rounds.
        patience: how many seconds a comparison may wait for other programs to pause.
    """

    seconds: float = 3.0
    patience: float = 0.0

    def times(self, factor: float) -> Effort:
        """Return a multiple of the effort."""
        return Effort(factor * self.seconds, factor * self.patience)


def race(entrants: Mapping[str, Callable[[], object]], effort: Effort) -> Race:
    """Run all entrants in turn until undisturbed rounds have taken long enough in all.

    The order turns around from round to round, so that none always runs behind the same. A round in
    which other programs took more than a twentieth of the machine does not count; where quiet is
    rare, the five quietest rounds do.
    """
    for run in entrants.values():
        run()
        run()
    rounds: list[tuple[float, dict[str, tuple[float, float]]]] = []
    gc.collect()
    gc.disable()
    try:
        end, quiet = time.perf_counter() + 4 * effort.seconds + effort.patience, 0.0
        while len(rounds) < _FEWEST or (time.perf_counter() < end and quiet < effort.seconds):
            if effort.patience:
                _wait_for_quiet(end)
            before, began = _foreign_seconds(), time.perf_counter()
            times = {}
            for name in list(entrants)[:: -1 if len(rounds) % 2 else 1]:
                start, start_cpu = time.perf_counter(), time.process_time()
                entrants[name]()
                stop_cpu = time.process_time()
                times[name] = (time.perf_counter() - start, stop_cpu - start_cpu)
            took = time.perf_counter() - began
            share = max(0.0, _foreign_seconds() - before) / (took * (os.cpu_count() or 1))
            quiet += took if share <= _QUIET else 0
            rounds.append((share, times))
    finally:
        gc.enable()
    rounds.sort(key=lambda one: one[0])
    kept = max(_FEWEST, sum(share <= _QUIET for share, _ in rounds))
    wall, cpu = (
        {name: [times[name][kind] for _, times in rounds[:kept]] for name in entrants}
        for kind in (0, 1)
    )
    return Race(wall, cpu, statistics.fmean(share for share, _ in rounds[:kept]))


_FEWEST, _QUIET, _MOMENT = 5, 0.05, 0.3


def _wait_for_quiet(end: float) -> None:
    """Wait until other programs have paused for a moment, at most until ``end``."""
    while time.perf_counter() < end:
        before = _foreign_seconds()
        time.sleep(_MOMENT)
        if _foreign_seconds() - before <= _QUIET * _MOMENT * (os.cpu_count() or 1):
            return


def _foreign_seconds() -> float:
    """Return the CPU seconds of all programs but this one since the start; 0 where unknown."""
    try:
        numbers = Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, soft, steal = map(int, numbers)
    busy = (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
    return busy - time.process_time()
