"""The set layer of each plugin relative to its lower bound, and the scaling of graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.layers.work import bytes_of, peak_bytes, step
from benchmarks.report import Row
from benchmarks.timing import Effort, interleave
from eqsets import DSS, element_group
from eqsets.layout import Dense
from eqsets_permutations.edges import Edges

__all__ = ["graph_growth", "plugins"]

SETS = (4, 16)
NODES = 128
SIZES, GRAPHS = (16, 64, 256, 1024), (32, 128, 512, 2048)


@dataclass(frozen=True)
class Case:
    """A set layer of a plugin.

    Attributes:
        name: element group, types and options, as one reads them.
        build: makes the layer.
        element: shape of an element.
        structure: its side information for ``(1, N, *element)`` and any ``N``, or ``None``.
        rows: number of elements, however many sets they make.
    """

    name: str
    build: Callable[[], DSS]
    element: tuple[int, ...]
    structure: Any = None
    rows: int = 64


def ring(nodes: int) -> Tensor:
    """Return a graph in which every node has 6 neighbours."""
    node = torch.arange(nodes).repeat_interleave(6)
    steps = torch.tensor([1, 2, 3, -1, -2, -3]).repeat(nodes)
    return torch.stack([node, (node + steps) % nodes])


def cases() -> list[Case]:
    """Return the measured layers."""
    planar = element_group("planar", rotations=8)
    graph = Edges(ring(NODES))
    points = "points: 8x0e + 4x1o"
    return [
        Case(
            "translations, 32 to 32, 32 x 32",
            lambda: DSS("translations", 32, 32, aggregation="sum", kernel_size=3),
            (32, 32, 32),
        ),
        Case(
            f"permutations, gcn, 128 to 128, {NODES} nodes",
            lambda: DSS("permutations", 128, 128, aggregation="sum", conv="gcn"),
            (NODES, 128),
            graph,
        ),
        Case(
            f"permutations, gat, 128 to 128, {NODES} nodes",
            lambda: DSS("permutations", 128, 128, aggregation="sum", conv="gat"),
            (NODES, 128),
            graph,
        ),
        Case(
            f"permutations, points, 128 to 128, {NODES} nodes",
            lambda: DSS("permutations", 128, 128, aggregation="sum"),
            (NODES, 128),
        ),
        Case(
            "permutations, 16 pairs to 16 pairs, 32 nodes",
            lambda: DSS("permutations", "16 pairs", "16 pairs", aggregation="sum"),
            (32, 32, 16),
        ),
        Case(
            "planar, C_8, 8 regular to 8 regular, 33 x 33",
            lambda: DSS(planar, "8 regular", "8 regular", aggregation="sum", kernel_size=5),
            (64, 33, 33),
        ),
        Case(
            "spatial, vectors, 64x0e + 32x1o",
            lambda: DSS("spatial", "64x0e + 32x1o", "64x0e + 32x1o", aggregation="sum"),
            (160,),
            rows=8192,  # enough rows that arithmetic dominates the overhead
        ),
        Case(
            "spatial, points, 8x0e + 4x1o, 32 points, 8 neighbours",
            lambda: DSS("spatial", points, points, aggregation="sum", neighbors=8),
            (32, 20),
            torch.randn(32, 3),
        ),
    ]


def plugins(effort: Effort) -> Iterator[Row]:
    """Yield the time of each plugin's DSS over its lower bound, eager."""
    for case in cases():
        torch.manual_seed(0)
        layer, rows = case.build(), torch.randn(case.rows, *case.element)
        if len(case.element) == 3 and case.name.startswith(("planar", "translations")):
            rows = rows.to(memory_format=torch.channels_last)
        weights = list(layer.parameters())
        for n in SETS:
            sets = rows.reshape(-1, n, *case.element)
            timings = interleave(
                {
                    "element": step(_element(layer, case, n), rows, weights),
                    "dss": step(partial(layer, structure=case.structure), sets, weights),
                },
                effort,
            )
            ratio = timings.ratio("dss", "element") / (1 + 1 / n)
            yield Row.of("DSS over floor, eager", f"{case.name}, n = {n}", ratio, ("<=", 1.10))


def _element(layer: DSS, case: Case, n: int) -> Callable[[Tensor], Tensor]:
    """Return the element layer of a set layer alone, on rows."""
    if case.structure is None:
        return layer.siamese
    side, layout = layer.symmetry.structure(case.structure), Dense(case.rows // n, n)
    return lambda rows: layer.siamese(rows, *side.rows(layout))


def graph_growth(effort: Effort) -> Iterator[Row]:
    """Yield time and peak memory of a DSS-GCN per node, for growing sets and graphs."""
    torch.manual_seed(0)
    layer = DSS("permutations", 32, 32, aggregation="sum", conv="gcn")
    weights = list(layer.parameters())
    for what, sizes in (("n", SIZES), ("nodes", GRAPHS)):
        runs, peaks = {}, {}
        for size in sizes:
            n, nodes = (size, 32) if what == "n" else (8, size)
            x, edges = torch.randn(1, n, nodes, 32), Edges(ring(nodes))
            once = step(partial(layer, structure=edges), x, weights)
            # as many passes for small ones that all runs take about as long
            runs[size] = _repeat(once, max(sizes) // size)
            peaks[size] = peak_bytes(once) / bytes_of(x)
        timings = interleave({str(size): run for size, run in runs.items()}, effort.times(4))
        base = sizes[1]
        for size in sizes:
            setting = f"{what} = {size}, gcn, 32 to 32"
            goal = ("<=", 1.1) if size >= base else None
            ratio = timings.ratio(str(size), str(base))
            yield Row.of(f"time of a node, over {what} = {base}", setting, ratio, goal)
            peak = peaks[size] / peaks[base]
            yield Row(f"peak memory of a node, over {what} = {base}", setting, peak, goal=goal)


def _repeat(once: Callable[[], None], passes: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(passes):
            once()

    return run
