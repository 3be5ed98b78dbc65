"""The graph block of the DSS paper and two implementations with PyG alone.

All have the same weights and give the same numbers. The dense maps alone, without any edge, are the
floor that all share: no way to treat the graph can be faster than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GCNConv, GraphConv

from benchmarks.layers.plugins import ring
from benchmarks.layers.work import step
from benchmarks.report import Row
from benchmarks.timing import Effort, interleave
from eqsets import SetNetwork

__all__ = ["graphs"]

SETS, SIZE, NODES = 4, 7, 128
WIDTHS = (3, 64, 256, 128)
THEIRS = {"gcn": GCNConv, "graph": GraphConv}
GOALS = {"lists of Data": (">=", 8.0), "static graphs of PyG": (">=", 6.0)}


class Static(nn.Module):
    """DSS with PyG's convolutions on ``(E, P, C)`` and one edge_index."""

    def __init__(self, conv: str, ours: SetNetwork) -> None:
        super().__init__()
        build = THEIRS[conv]
        self.own = nn.ModuleList(build(a, b) for a, b in pairwise(WIDTHS))
        self.shared = nn.ModuleList(build(a, b, bias=False) for a, b in pairwise(WIDTHS))
        layers = [layer for layer in ours.blocks.layers if hasattr(layer, "siamese")]
        for layer, own, shared in zip(layers, self.own, self.shared, strict=True):
            own.load_state_dict(layer.siamese.state_dict())
            shared.load_state_dict(layer.aggregate.state_dict())

    def convolve(self, conv: nn.Module, elements: Tensor, edges: Tensor) -> Tensor:
        y: Tensor = conv(elements, edges)
        return y

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        for number, (own, shared) in enumerate(zip(self.own, self.shared, strict=True)):
            x = x if number == 0 else x.relu()
            y = self.convolve(own, x.flatten(0, 1), edges).reshape(SETS, SIZE, NODES, -1)
            x = y + self.convolve(shared, x.sum(1), edges)[:, None]
        return x


class Lists(Static):
    """A list of Data, batched for each map of each layer, as in the paper's code."""

    def convolve(self, conv: nn.Module, elements: Tensor, edges: Tensor) -> Tensor:
        batch = Batch.from_data_list([Data(x=x, edge_index=edges) for x in elements])
        y: Tensor = conv(batch.x, batch.edge_index)
        return y.reshape(len(elements), NODES, -1)


class Dense(Static):
    """The linear maps of the same block on points: the cost without edges."""

    def convolve(self, conv: nn.Module, elements: Tensor, edges: Tensor) -> Tensor:
        maps = [map for map in conv.modules() if hasattr(map, "weight")]
        y: Tensor = sum(nn.functional.linear(elements, map.weight) for map in maps)  # type: ignore[assignment]
        return y


def graphs(effort: Effort) -> Iterator[Row]:
    """Yield the time of the others relative to ours, and of ours relative to the dense maps."""
    edges = ring(NODES)
    size = f"{SETS} sets of {SIZE} graphs, {NODES} nodes, {'-'.join(map(str, WIDTHS))}"
    for conv in THEIRS:
        torch.manual_seed(0)
        x = torch.randn(SETS, SIZE, NODES, WIDTHS[0])
        ours = SetNetwork("permutations", WIDTHS, aggregation="sum", conv=conv)
        models: dict[str, nn.Module] = {
            "ours": _Sides(ours),
            "static graphs of PyG": Static(conv, ours),
            "lists of Data": Lists(conv, ours),
        }
        _require_equal(models, x, edges)
        models["dense maps alone"] = Dense(conv, ours)
        timings = interleave(
            {
                name: step(lambda x, model=model: model(x, edges), x, list(model.parameters()))
                for name, model in models.items()
            },
            effort.times(2),
        )
        setting = f"{conv}, {size}"
        for name, goal in GOALS.items():
            yield Row.of(f"{name} over ours", setting, timings.ratio(name, "ours"), goal)
        yield Row.of(
            "ours over its dense maps alone", setting, timings.ratio("ours", "dense maps alone")
        )
        ms = timings.milliseconds("ours")
        yield Row("graph block, forward and backward", setting, ms, "ms")


class _Sides(nn.Module):
    """A network with the edges as second argument."""

    def __init__(self, network: SetNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        y: Tensor = self.network(x, structure=edges)
        return y


def _require_equal(models: dict[str, nn.Module], x: Tensor, edges: Tensor) -> None:
    with torch.no_grad():
        expected = models["ours"](x, edges)
        for name, model in models.items():
            error = float((model(x, edges) - expected).norm() / expected.norm())
            if error > 1e-5:
                raise ArithmeticError(f"{name} differs by {error:.0e}, expected rounding errors.")
