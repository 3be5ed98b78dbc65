"""DSS layers against their floor, and their three layouts against each other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.report import Row
from benchmarks.timing import race
from benchmarks.work import images, on_ragged, step
from eqsets import DSS, SetBatch

__all__ = ["compiled", "eager", "layouts"]

ROWS, SIZE = 64, 32  # 64 images of 32 x 32, however many sets they make
WIDTHS = ((3, 32), (32, 32), (64, 64))
SETS = (2, 8, 32, 64)


def _layer(width: tuple[int, int]) -> DSS:
    torch.manual_seed(0)
    return DSS("translations", *width, kernel_size=3)


def _fold(rows: Tensor, n: int) -> Tensor:
    return rows.view(len(rows) // n, n, *rows.shape[1:])


def _setting(width: tuple[int, int], n: int) -> str:
    return f"{width[0]} to {width[1]} channels, n = {n}"


def eager(seconds: float) -> Iterator[Row]:
    """Yield the time of DSS over its floor, eager."""
    for width in WIDTHS:
        layer, rows = _layer(width), images(ROWS, width[0], SIZE)
        weights = list(layer.parameters())
        for n in SETS:
            found = race(
                {
                    "element": step(layer.siamese, rows, weights),
                    "dss": step(layer, _fold(rows, n), weights),
                },
                seconds=seconds,
            )
            ratio = found.ratio("dss", "element") / (1 + 1 / n)
            goal = ("<=", 1.10) if width[0] >= 32 else None
            yield Row.of("DSS over floor, eager", _setting(width, n), ratio, goal)


def compiled(seconds: float) -> Iterator[Row]:
    """Yield the time of compiled DSS over the floor of the compiled element layer.

    One compiled layer sees all set sizes in turn; how often it had to compile is counted too.
    """
    for width in WIDTHS:
        torch._dynamo.reset()
        layer, rows = _layer(width), images(ROWS, width[0], SIZE)
        weights = list(layer.parameters())
        fast = torch.compile(layer, fullgraph=True)
        fast_element = torch.compile(layer.siamese, fullgraph=True)
        counter = torch._dynamo.utils.counters["stats"]
        for n in SETS:  # all sizes first, as in training on sets of all sizes
            step(fast, _fold(rows, n), weights)()
        step(fast_element, rows, weights)()
        graphs = counter["unique_graphs"]
        for n in SETS:
            found = race(
                {
                    "element": step(fast_element, rows, weights),
                    "dss": step(fast, _fold(rows, n), weights),
                },
                seconds=seconds,
            )
            ratio = found.ratio("dss", "element") / (1 + 1 / n)
            goal = ("<=", 1.05) if width[0] >= 32 else None
            yield Row.of("DSS over floor, compiled", _setting(width, n), ratio, goal)
        again = counter["unique_graphs"] - graphs
        name = f"{width[0]} to {width[1]} channels, n = {', '.join(map(str, SETS))}, twice"
        yield Row("graphs compiled the second time round", name, again, "", goal=("<=", 0))


def layouts(seconds: float) -> Iterator[Row]:
    """Yield ragged and padded over dense, on the same elements in sets of equal and other sizes."""
    for width in WIDTHS:
        layer, rows = _layer(width), images(ROWS, width[0], SIZE)
        weights = list(layer.parameters())
        for n in (2, 8, 64):
            sets = ROWS // n
            batch = SetBatch(rows, torch.arange(sets).repeat_interleave(n), sets)
            mask = torch.ones(sets, n, dtype=torch.bool)
            found = race(
                {
                    "dense": step(layer, _fold(rows, n), weights),
                    "ragged": step(partial(on_ragged, layer, batch), rows, weights),
                    "padded": step(partial(layer, mask=mask), _fold(rows, n), weights),
                },
                seconds=seconds,
            )
            goal = ("<=", 1.20) if width[0] >= 32 else None
            setting = _setting(width, n)
            yield Row.of("ragged over dense", setting, found.ratio("ragged", "dense"), goal)
            yield Row.of(
                "padded, nothing absent, over dense", setting, found.ratio("padded", "dense")
            )
