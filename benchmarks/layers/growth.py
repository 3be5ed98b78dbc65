"""Time and memory per element for growing sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch

from benchmarks.layers.work import bytes_of, images, on_ragged, peak_bytes, step
from benchmarks.report import Row
from benchmarks.timing import Effort, interleave
from eqsets import DSS, SetBatch

__all__ = ["growth"]

SIZES = (4, 16, 64, 256, 1024)
CHANNELS, SIZE = 32, 16


def growth(effort: Effort) -> Iterator[Row]:
    """Yield time and peak memory of one element in sets of n, over those in sets of 16.

    Each set is measured alone: one batch of one set, dense and ragged.
    """
    torch.manual_seed(0)
    layer = DSS("translations", CHANNELS, CHANNELS, aggregation="sum", kernel_size=3)
    weights = list(layer.parameters())

    runs, peaks = {}, {}
    for n in SIZES:
        rows = images(n, CHANNELS, SIZE)
        # more passes for small sets, so that all runs have a similar duration
        passes = max(1, 256 // n)
        batch = SetBatch(rows, torch.zeros(n, dtype=torch.int64), 1)
        once = step(layer, rows[None], weights)
        once_ragged = step(partial(on_ragged, layer, batch), rows, weights)
        runs[f"n = {n}"] = _repeat(once, passes)
        runs[f"n = {n}, ragged"] = _repeat(once_ragged, passes)
        peaks[f"n = {n}"] = peak_bytes(once) / bytes_of(rows)
        peaks[f"n = {n}, ragged"] = peak_bytes(once_ragged) / bytes_of(rows)
    timings = interleave(runs, effort.times(10))
    for name in runs:
        n = int(name.split(",")[0].removeprefix("n = "))
        elements = max(1, 256 // n) * n / 256
        ratio = timings.ratio(name, "n = 16") / elements
        goal = ("<=", 1.1) if n >= 16 and "ragged" not in name else None
        yield Row.of("time of an element, over n = 16", name, ratio, goal)
    for name, peak in peaks.items():
        goal = ("<=", 1.1) if "ragged" not in name and name not in ("n = 4",) else None
        yield Row("peak memory of an element, over n = 16", name, peak / peaks["n = 16"], goal=goal)
    yield Row("peak memory", "n = 1024, forward and backward", peaks["n = 1024"], "inputs")


def _repeat(once: Callable[[], None], passes: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(passes):
            once()

    return run
