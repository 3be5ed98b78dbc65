"""Time the graph block of the DSS paper three ways, forward and backward.

    python -m benchmarks.graphs

4 sets of 7 graphs of 128 nodes with 6 neighbours, channels 3-64-256-128, DSS with GCN. The three
ways have the same weights and give the same numbers; they take turns, so that noise hits all alike.
Goals: 6 times faster than static graphs of PyG, 8 times than a list of Data built in every layer.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GCNConv

from eqsets import DSS

SETS, SIZE, NODES = 4, 7, 128
WIDTHS = (3, 64, 256, 128)
ROUNDS = 15


class Ours(nn.Module):
    """One sparse product a branch, for the whole set."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DSS("permutations", a, b, conv="gcn") for a, b in pairwise(WIDTHS)
        )

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, structure=edges).relu()
        return x


class Static(nn.Module):
    """PyG's convolutions on ``(E, P, C)`` with one edge_index."""

    def __init__(self, ours: Ours) -> None:
        super().__init__()
        self.own = nn.ModuleList(GCNConv(a, b) for a, b in pairwise(WIDTHS))
        self.shared = nn.ModuleList(GCNConv(a, b, bias=False) for a, b in pairwise(WIDTHS))
        for layer, own, shared in zip(ours.layers, self.own, self.shared, strict=True):
            own.load_state_dict(layer.siamese.state_dict())
            shared.load_state_dict(layer.aggregate.state_dict())

    def convolve(self, conv: nn.Module, rows: Tensor, edges: Tensor) -> Tensor:
        y: Tensor = conv(rows, edges)
        return y

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        for own, shared in zip(self.own, self.shared, strict=True):
            y = self.convolve(own, x.flatten(0, 1), edges).reshape(SETS, SIZE, NODES, -1)
            x = (y + self.convolve(shared, x.sum(1), edges)[:, None]).relu()
        return x


class Lists(Static):
    """A list of Data, made into a batch for each branch of each layer, as the paper's code does."""

    def convolve(self, conv: nn.Module, rows: Tensor, edges: Tensor) -> Tensor:
        batch = Batch.from_data_list([Data(x=row, edge_index=edges) for row in rows])
        y: Tensor = conv(batch.x, batch.edge_index)
        return y.reshape(len(rows), NODES, -1)


def entrants() -> dict[str, Callable[[], None]]:
    """Return the three ways, each as one step forward and backward."""
    torch.manual_seed(0)
    node = torch.arange(NODES).repeat_interleave(6)
    step = torch.tensor([1, 2, 3, -1, -2, -3]).repeat(NODES)
    edges, x = torch.stack([node, (node + step) % NODES]), torch.randn(SETS, SIZE, NODES, 3)
    ours = Ours()
    models = {"eqsets": ours, "static graphs": Static(ours), "lists of Data": Lists(ours)}
    expected = ours(x, edges)
    for name, model in models.items():
        error = float((model(x, edges) - expected).norm() / expected.norm())
        if error > 1e-5:
            raise ArithmeticError(f"{name} differs by {error:.0e}, expected rounding errors.")

    def run(model: nn.Module) -> None:
        model.zero_grad()
        model(x, edges).square().mean().backward()

    return {name: lambda model=model: run(model) for name, model in models.items()}


def main() -> None:
    """Print medians, and how many times as long as ours the others take."""
    steps = entrants()
    wall: dict[str, list[float]] = {name: [] for name in steps}
    cpu: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(ROUNDS + 2):
        for name, step in steps.items():
            before, used = time.perf_counter(), time.process_time()
            step()
            if number > 1:
                wall[name].append(time.perf_counter() - before)
                cpu[name].append(time.process_time() - used)
    for name in steps:
        ratio, used = (
            statistics.median(a / b for a, b in zip(times[name], times["eqsets"], strict=True))
            for times in (wall, cpu)
        )
        ms = 1e3 * statistics.median(wall[name])
        print(f"{name:14} {ms:7.1f} ms  {ratio:5.2f} x  (CPU time {used:5.2f} x)")


if __name__ == "__main__":
    main()
