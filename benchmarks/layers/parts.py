"""Clouds and graphs of 5 to 49 points in one batch, against as many in clouds of one size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.layers.plugins import ring
from benchmarks.layers.work import step
from benchmarks.report import Row
from benchmarks.timing import Effort, interleave
from eqsets import PartBatch, SetNetwork, element_group
from eqsets_permutations import Edges, join_edges

__all__ = ["parts"]

SETS, SIZE, MEAN = 16, 4, 27
SIZES = torch.linspace(5, 49, SETS).round().long().tolist()
POINTS = "points: 16x0e + 8x1o"


def parts(effort: Effort) -> Iterator[Row]:
    """Yield the time of a network on elements of unequal sizes over that on elements of one size.

    Three layers with norms, and the index of the batch, which is computed once for them.
    """
    space = element_group("spatial")
    unequal = [[n] * SIZE for n in SIZES]
    # of one density, as atoms are: a radius has as many neighbours in large clouds as in small ones
    positions = PartBatch.from_list(
        [[(n / MEAN) ** (1 / 3) * torch.randn(n, 3) for n in one] for one in unequal]
    )
    even = torch.randn(SETS, SIZE, MEAN, 3)
    for reach in ({"neighbors": 8}, {"radius": 1.5}):
        torch.manual_seed(0)
        network = SetNetwork(space, ["points: 8", POINTS, POINTS, POINTS], readout=1, **reach)
        name = ", ".join(f"{key}={value}" for key, value in reach.items())
        yield _row(effort, f"spatial, {name}", network, 8, even, positions)
    torch.manual_seed(0)
    network = SetNetwork("permutations", [64, 64, 64, 64], conv="gcn", readout=1)
    dense = Edges.stack([ring(MEAN)] * (SETS * SIZE), nodes=MEAN)
    flat = [n for one in unequal for n in one]
    joined = join_edges([ring(n) for n in flat], flat)
    yield _row(effort, "permutations, gcn, a graph for each", network, 64, dense, joined)


def _row(
    effort: Effort, name: str, network: SetNetwork, channels: int, dense: Any, unequal: Any
) -> Row:
    batch = PartBatch.from_list([[torch.randn(n, channels)] * SIZE for n in SIZES])

    def run(values: Tensor) -> Tensor:
        again = PartBatch(values, batch.index, batch.num_sets, batch.element)
        output: Tensor = network(again, structure=unequal)
        return output

    weights = list(network.parameters())
    even = torch.randn(SETS, SIZE, MEAN, channels)
    timings = interleave(
        {
            "dense": step(partial(network, structure=dense), even, weights),
            "parts": step(run, batch.values, weights),
        },
        effort,
    )
    setting = f"{name}: {SETS} sets of {SIZE}, 5 to 49 points instead of {MEAN}"
    ratio = timings.ratio("parts", "dense")
    return Row.of("elements of unequal sizes / of one size", setting, ratio, ("<=", 1.2))
