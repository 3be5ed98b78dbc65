"""Cost of imports relative to ``import torch``, in new processes, and of a planar model."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.report import Row
from benchmarks.timing import Effort

__all__ = ["startup"]

BACKENDS = ("e3nn", "escnn", "torch_geometric")

_CLOCK = """
import time, torch
def lap(since=[]):
    now = time.perf_counter(), time.process_time()
    if since:
        print(*(a - b for a, b in zip(now, since)))
    since[:] = now
lap()
"""

_IMPORT = """
import sys
import eqsets
lap()
eqsets.plugins()
lap()
print(sum(name in sys.modules for name in {backends}), 0)
"""

_PLANAR = """
import warnings
import eqsets
warnings.simplefilter("ignore")
lap()
import escnn
lap()
for _ in range(2):
    group = eqsets.element_group("planar", rotations=8)
    types = ["3 trivial", "16 regular", "16 regular", "16 regular"]
    eqsets.SetNetwork(group, types, kernel_size=5, readout=10)
    lap()
"""


def startup(effort: Effort) -> Iterator[Row]:
    """Yield the cost of importing eqsets after torch, of listing plugins, and of a first model."""
    timings = [_run(_IMPORT.format(backends=BACKENDS)) for _ in range(_times(effort))]
    yield _row("import eqsets, over torch", [one[0] for one in timings], 1e3, "ms", ("<=", 50))
    yield _row("eqsets.plugins(), the first time", [one[1] for one in timings], 1e3, "ms")
    loaded = max(one[2][0] for one in timings)
    names = ", ".join(BACKENDS)
    yield Row("backends imported by then", f"of {names}", loaded, "", goal=("<=", 0))
    built = [_run(_PLANAR) for _ in range(3)]
    yield _row("import escnn", [one[1] for one in built], 1, "s")
    for what, index in (("the first", 2), ("the next", 3)):
        yield _row(f"build a planar model, {what}", [one[index] for one in built], 1, "s")


def _times(effort: Effort) -> int:
    return max(5, int(2 * effort.seconds))


def _row(
    what: str,
    laps: list[tuple[float, float]],
    scale: float,
    unit: str,
    goal: tuple[str, float] | None = None,
) -> Row:
    low, median, high = statistics.quantiles([scale * wall for wall, _ in laps], n=4)
    cpu = statistics.median(scale * cpu for _, cpu in laps)
    return Row(what, "fresh process", median, unit, low, high, cpu, goal=goal)


def _run(program: str) -> list[tuple[float, float]]:
    """Return wall and CPU time of each lap."""
    timings = subprocess.run(
        [sys.executable, "-c", _CLOCK + program], capture_output=True, text=True, check=True
    )
    pairs = [line.split() for line in timings.stdout.splitlines()]
    return [(float(wall), float(cpu)) for wall, cpu in pairs]
