"""What ``import eqsets`` costs over ``import torch``, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.report import Row

__all__ = ["startup"]

_PROGRAM = """
import time, torch
began = time.perf_counter()
import eqsets
print(time.perf_counter() - began)
"""


def startup(seconds: float) -> Iterator[Row]:
    """Yield the milliseconds of importing eqsets after torch."""
    times = [_once() for _ in range(max(5, int(2 * seconds)))]
    low, median, high = statistics.quantiles(times, n=4)
    yield Row(
        "import eqsets, over torch", "fresh process", median, "ms", low, high, goal=("<=", 50)
    )


def _once() -> float:
    found = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    return 1e3 * float(found.stdout)
