"""DSS layers relative to a lower bound of their cost, and the three layouts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.layers.work import images, on_ragged, step
from benchmarks.report import Row
from benchmarks.timing import Effort, interleave
from eqsets import DSS, SetBatch, SetNetwork

__all__ = ["any_size", "compiled", "eager", "layouts"]

ROWS, SIZE = 64, 32  # 64 images of 32 x 32, in any number of sets
WIDTHS = ((3, 32), (32, 32), (64, 64))
SETS = (2, 8, 32, 64)


def _layer(width: tuple[int, int]) -> DSS:
    torch.manual_seed(0)
    return DSS("translations", *width, aggregation="sum", kernel_size=3)


def _fold(rows: Tensor, n: int) -> Tensor:
    return rows.view(len(rows) // n, n, *rows.shape[1:])


def _setting(width: tuple[int, int], n: int) -> str:
    return f"{width[0]} to {width[1]} channels, n = {n}"


def eager(effort: Effort) -> Iterator[Row]:
    """Yield the time of DSS over its lower bound, eager."""
    for width in WIDTHS:
        layer, rows = _layer(width), images(ROWS, width[0], SIZE)
        weights = list(layer.parameters())
        for n in SETS:
            timings = interleave(
                {
                    "element": step(layer.siamese, rows, weights),
                    "dss": step(layer, _fold(rows, n), weights),
                },
                effort,
            )
            ratio = timings.ratio("dss", "element") / (1 + 1 / n)
            goal = ("<=", 1.10) if width[0] >= 32 else None
            yield Row.of("DSS over floor, eager", _setting(width, n), ratio, goal)


def compiled(effort: Effort) -> Iterator[Row]:
    """Yield the time of compiled DSS over the lower bound by the compiled element layer.

    Compiled for one set size each, as torch does first.
    """
    for width in WIDTHS:
        layer, rows = _layer(width), images(ROWS, width[0], SIZE)
        weights = list(layer.parameters())
        element = torch.compile(layer.siamese, fullgraph=True, dynamic=False)
        for n in (2, 8, 64):
            torch._dynamo.reset()
            fast = torch.compile(layer, fullgraph=True, dynamic=False)
            timings = interleave(
                {
                    "element": step(element, rows, weights),
                    "dss": step(fast, _fold(rows, n), weights),
                },
                effort,
            )
            ratio = timings.ratio("dss", "element") / (1 + 1 / n)
            goal = ("<=", 1.05) if width[0] >= 32 else None
            yield Row.of("DSS over floor, compiled", _setting(width, n), ratio, goal)


def any_size(effort: Effort) -> Iterator[Row]:
    """Yield the cost of one compiled network for sets of all sizes, and its number of graphs."""
    torch.manual_seed(0)
    torch._dynamo.reset()
    torch._dynamo.config.recompile_limit = 32
    network = SetNetwork(
        "translations",
        [3, 32, 32, 3],
        aggregation="sum",
        normalization="batch",
        activation="elu",
        kernel_size=3,
    )
    weights, rows = list(network.parameters()), images(ROWS, 3, SIZE)
    free = torch.compile(network, fullgraph=True)
    stats = torch._dynamo.utils.counters["stats"]
    seen = (*SETS, 4, 16, *SETS)
    for n in seen:
        step(free, _fold(rows, n), weights)()
    # one for the first size, one for any size, one or two where a batch of one set is special
    setting, graphs = "network 3-32-32-3", stats["unique_graphs"]
    at = f"{setting}, n = {', '.join(map(str, seen))}"
    yield Row("compiled graphs", at, graphs, "", goal=("<=", 4))
    for n in (8, 32):
        fixed = torch.compile(network, fullgraph=True, dynamic=False)
        runs = {
            "eager": step(network, _fold(rows, n), weights),
            "any": step(free, _fold(rows, n), weights),
            "fixed": step(fixed, _fold(rows, n), weights),
        }
        timings = interleave(runs, effort)
        at = f"{setting}, n = {n}"
        yield Row.of("compiled for any size over for one size", at, timings.ratio("any", "fixed"))
        yield Row.of("compiled for any size over eager", at, timings.ratio("any", "eager"))


def layouts(effort: Effort) -> Iterator[Row]:
    """Yield ragged and padded over dense, on the same elements in sets of equal and other sizes."""
    for width in WIDTHS:
        layer, rows = _layer(width), images(ROWS, width[0], SIZE)
        weights = list(layer.parameters())
        for n in (2, 8, 64):
            sets = ROWS // n
            batch = SetBatch(rows, torch.arange(sets).repeat_interleave(n), sets)
            mask = torch.ones(sets, n, dtype=torch.bool)
            timings = interleave(
                {
                    "dense": step(layer, _fold(rows, n), weights),
                    "ragged": step(partial(on_ragged, layer, batch), rows, weights),
                    "padded": step(partial(layer, mask=mask), _fold(rows, n), weights),
                },
                effort,
            )
            goal = ("<=", 1.20) if width[0] >= 32 else None
            setting = _setting(width, n)
            yield Row.of("ragged over dense", setting, timings.ratio("ragged", "dense"), goal)
            yield Row.of(
                "padded, nothing absent, over dense", setting, timings.ratio("padded", "dense")
            )
