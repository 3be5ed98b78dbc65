"""Interleaved timing of alternatives in one process, so that noise affects all equally.

A ratio is the median over rounds of the paired ratios, with its quartiles. Rounds with load by
other programs are excluded: with two threads on two CPUs, waiting for the other thread would
measure the other load.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Effort", "Ratio", "Timings", "interleave"]


@dataclass(frozen=True)
class Ratio:
    """A paired ratio: median and quartiles over the rounds, and the same for CPU time.

    Attributes:
        foreign: share of the CPUs that other programs used at the same time.
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
class Timings:
    """Seconds of each round, wall and CPU, by name.

    Attributes:
        foreign: share of the CPUs that other programs used in the selected rounds.
    """

    wall: Mapping[str, list[float]]
    cpu: Mapping[str, list[float]]
    foreign: float

    def ratio(self, name: str, reference: str) -> Ratio:
        """Return the time of ``name`` relative to ``reference``."""
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
    """The duration of a measurement.

    Attributes:
        seconds: for each comparison, in rounds without other load.
        patience: maximum waiting time of a comparison for an idle machine, in seconds.
    """

    seconds: float = 3.0
    patience: float = 0.0

    def times(self, factor: float) -> Effort:
        """Return a multiple of the effort."""
        return Effort(factor * self.seconds, factor * self.patience)


def interleave(runs: Mapping[str, Callable[[], object]], effort: Effort) -> Timings:
    """Run all runs in turn until rounds without other load have taken the required time.

    The order is reversed in every second round. A round in which other programs used more than a
    twentieth of the CPUs is excluded; if there are too few, the five rounds with the least load are
    used.
    """
    for run in runs.values():
        run()
        run()
    rounds: list[tuple[float, dict[str, tuple[float, float]]]] = []
    gc.collect()
    gc.disable()
    try:
        end, idle = time.perf_counter() + 4 * effort.seconds + effort.patience, 0.0
        while len(rounds) < _MIN_ROUNDS or (time.perf_counter() < end and idle < effort.seconds):
            if effort.patience:
                _wait_until_idle(end)
            before, round_start = _foreign_seconds(), time.perf_counter()
            times = {}
            for name in list(runs)[:: -1 if len(rounds) % 2 else 1]:
                start, start_cpu = time.perf_counter(), time.process_time()
                runs[name]()
                stop_cpu = time.process_time()
                times[name] = (time.perf_counter() - start, stop_cpu - start_cpu)
            took = time.perf_counter() - round_start
            share = max(0.0, _foreign_seconds() - before) / (took * (os.cpu_count() or 1))
            idle += took if share <= _IDLE_SHARE else 0
            rounds.append((share, times))
    finally:
        gc.enable()
    rounds.sort(key=lambda one: one[0])
    selected = max(_MIN_ROUNDS, sum(share <= _IDLE_SHARE for share, _ in rounds))
    wall, cpu = (
        {name: [times[name][kind] for _, times in rounds[:selected]] for name in runs}
        for kind in (0, 1)
    )
    return Timings(wall, cpu, statistics.fmean(share for share, _ in rounds[:selected]))


_MIN_ROUNDS, _IDLE_SHARE, _MOMENT = 5, 0.05, 0.3


def _wait_until_idle(end: float) -> None:
    """Wait until the machine is idle for a moment, at most until ``end``."""
    while time.perf_counter() < end:
        before = _foreign_seconds()
        time.sleep(_MOMENT)
        if _foreign_seconds() - before <= _IDLE_SHARE * _MOMENT * (os.cpu_count() or 1):
            return


def _foreign_seconds() -> float:
    """Return the CPU seconds of all other programs since boot; 0 if unknown."""
    try:
        numbers = Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, soft, steal = map(int, numbers)
    busy = (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
    return busy - time.process_time()
