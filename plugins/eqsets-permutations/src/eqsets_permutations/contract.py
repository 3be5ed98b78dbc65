"""The contract spec of ``"permutations"`` for ``eqsets.testing``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from eqsets import DSS, SetNetwork
from eqsets.testing import Capabilities, CollatedCase, ContractSpec, PartCase, SetCase
from eqsets_permutations.edges import Edges
from eqsets_permutations.graph_sets import join_edges
from eqsets_permutations.network import GraphNetwork
from eqsets_permutations.oracle import convolved_by_loop
from eqsets_permutations.symmetry import Permutations

__all__ = ["subject"]

_NODES = 3  # small enough for the maps between pairs to be solved by brute force
_CLAIMS = Capabilities(forward_mode=False)  # sparse products have derivatives backwards only
_CONVOLUTIONS = ("gcn", "gin", "graph", "sage")


def _random_edges(generator: torch.Generator) -> Tensor:
    """Return a graph that all elements share, with a loop, a double edge and an isolated node."""
    drawn = torch.randint(_NODES, (2, 2), generator=generator)
    loop = torch.zeros(2, 1, dtype=torch.int64)
    return torch.cat([drawn, drawn[:, :1], loop], 1)


def _weighted_edges(generator: torch.Generator) -> Edges:
    index = _random_edges(generator)
    weight = torch.rand(index.shape[1], generator=generator, dtype=torch.float64)
    return Edges(index, weight, nodes=_NODES)


def _featured_edges(generator: torch.Generator) -> Edges:
    index = _random_edges(generator)
    attr = torch.randn(index.shape[1], 2, generator=generator, dtype=torch.float64)
    return Edges(index, None, attr, nodes=_NODES)


def _stack(graphs: Sequence[Any], sets: int, size: int) -> Edges:
    return Edges.stack(graphs, nodes=_NODES)


class _Rows(nn.Module):
    """A module on bags as a function that returns the features of all nodes."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Any) -> Tensor:
        from eqsets_permutations.subgraphs.bags import (
            OnBags,  # with torch_geometric, only where it is needed
        )

        y = OnBags(self.module)(batch)
        rows: Tensor = y if isinstance(y, Tensor) else y.x
        return rows


def _bags(generator: torch.Generator) -> list[Any]:
    """Return sets of graphs of unequal sizes, with isolated nodes and a graph of one node."""
    from torch_geometric.data import Data

    from eqsets_permutations.subgraphs.bags import bag

    bags = []
    for nodes, size in ((4, 3), (1, 2), (3, 1)):
        index = torch.randint(nodes, (2, max(0, 2 * nodes - 3)), generator=generator)
        graphs = [
            Data(
                x=torch.randn(nodes, 2, generator=generator, dtype=torch.float64),
                edge_index=index[:, skipped:],
            )
            for skipped in range(size)
        ]
        bags.append(bag(graphs))
    return bags


def _batched(bags: list[Any]) -> Any:
    from torch_geometric.data import Batch

    return Batch.from_data_list(bags)


def _on_bags(label: str, build: Callable[[], nn.Module]) -> CollatedCase:
    return CollatedCase(label, lambda: _Rows(build()), _bags, _batched)


def _graph(nodes: int, generator: torch.Generator) -> Edges:
    index = torch.randint(nodes, (2, 2 * nodes - 1), generator=generator)
    weight = torch.rand(index.shape[1], generator=generator, dtype=torch.float64)
    return Edges(index, weight, nodes=nodes)


def _joined(sides: list[list[Edges]], sizes: list[list[int]]) -> Edges:
    flat = [[each for one in both for each in one] for both in (sides, sizes)]
    return join_edges(flat[0], flat[1])  # type: ignore[arg-type]


def _stacked(sides: list[list[Edges]], sizes: Any, shape: tuple[int, int, int]) -> Edges:
    none = Edges(torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0, dtype=torch.float64))
    graphs = [
        Edges(graph.index, graph.weight)
        for one in sides
        for graph in [*one, *[none] * (shape[1] - len(one))]
    ]
    return Edges.stack(graphs, nodes=shape[2])


def unequal_graphs(symmetry: Permutations) -> tuple[PartCase, ...]:
    """Return modules on graphs of unequal numbers of nodes: on shared nodes, and different ones."""
    kind, shared, different = symmetry.feature_type(2), ((4, 4), (3, 3, 3)), ((2, 5, 3), (4, 1))
    each: dict[str, Any] = {"alignment": "independent"}
    cases: dict[str, tuple[Any, ...]] = {
        "gcn": (partial(DSS, symmetry, kind, kind, conv="gcn"), shared, "shared", kind),
        "network": (
            partial(SetNetwork, symmetry, [kind, kind, kind], conv="graph", readout=3),
            shared,
            "shared",
            None,
        ),
        "points": (
            partial(DSS, symmetry, kind, kind, aggregation="max", **each),
            different,
            "independent",
            kind,
        ),
        "different graphs": (
            partial(
                SetNetwork,
                symmetry,
                [kind, kind, kind],
                conv="gcn",
                normalization="element-parts",
                readout=3,
                readout_aggregation="mean",
                readout_element="attention",
                **each,
            ),
            different,
            "independent",
            None,
        ),
    }
    return tuple(
        PartCase(
            f"unequal graphs, {name}",
            build,
            kind,
            sizes,
            lambda nodes, generator: torch.randperm(nodes, generator=generator),
            out_type,
            alignment,
            _graph,
            lambda g, edges: edges.relabel(g),
            _joined,
            _stacked,
            lambda sides: Edges.stack(sides, nodes=sides[0].nodes),
        )
        for name, (build, sizes, alignment, out_type) in cases.items()
    )


def _by_loop(layer: nn.Module, elements: list[Tensor]) -> list[Tensor]:
    """Return what the layer makes of one set of points, element by element."""
    if not isinstance(layer, DSS) or layer.aggregate is None:
        raise AssertionError(f"the oracle knows DSS layers that sum, got {layer!r}")
    context = layer.aggregate(torch.stack(elements).sum(0)[None])
    return [(layer.siamese(element[None]) + context)[0] for element in elements]


def subject() -> ContractSpec:
    """Return the spec: points and pairs with complete maps, and every convolution on a graph."""
    symmetry = Permutations(nodes=_NODES)
    source, target = symmetry.feature_type(2), symmetry.feature_type(3)
    pairs = symmetry.feature_type("1 pairs")
    common = {
        "in_type": source,
        "out_type": target,
        "group": symmetry.group,
        "symmetry": symmetry,
        "capabilities": _CLAIMS,
    }
    sets = [
        SetCase(
            f"DSS, conv={conv}, aggregation={aggregation}",
            partial(DSS, symmetry, source, target, conv=conv, aggregation=aggregation),
            structure=_weighted_edges if conv in ("gcn", "graph") else _random_edges,
            stack=_stack,
            principal=aggregation == "sum",
            oracle=convolved_by_loop,
            **common,  # type: ignore[arg-type]
        )
        for conv in _CONVOLUTIONS
        for aggregation in ("sum", "max")
    ]
    featured = partial(DSS, symmetry, source, target, conv="gine", edge_dim=2)
    sets.append(
        SetCase(
            "DSS, conv=gine, edge features",
            featured,
            structure=_featured_edges,
            stack=_stack,
            principal=False,
            **common,  # type: ignore[arg-type]
        )
    )
    points = partial(DSS, symmetry, source, target, aggregation="sum")
    sets.append(SetCase("DSS on points", points, oracle=_by_loop, principal=False, **common))  # type: ignore[arg-type]
    network = partial(SetNetwork, symmetry, [source, target, target], conv="gcn")
    sets.append(SetCase("graph network", network, structure=_random_edges, **common))  # type: ignore[arg-type]
    jumping = partial(
        GraphNetwork,
        symmetry,
        [source, target, target],
        conv="graph",
        virtual_node="set",
        residual=True,
        jumping_knowledge="cat",
    )
    sets.append(SetCase("graph network with jumps", jumping, structure=_random_edges, **common))  # type: ignore[arg-type]
    return ContractSpec(
        "permutations",
        plugin=True,
        symmetry=symmetry,
        types=(source, target, pairs),
        sets=tuple(sets),
        collated=(
            _on_bags("bags, conv=gcn", partial(DSS, Permutations(), 2, 3, conv="gcn")),
            _on_bags(
                "bags, conv=gin, aggregation=max",
                partial(DSS, Permutations(), 2, 3, conv="gin", aggregation="max"),
            ),
            _on_bags(
                "network on bags",
                partial(SetNetwork, Permutations(), [2, 4, 4], conv="graph", readout=3),
            ),
            _on_bags(
                "network with virtual nodes on bags",
                partial(
                    GraphNetwork,
                    Permutations(),
                    [2, 4, 4],
                    conv="graph",
                    readout=3,
                    virtual_node="element",
                    jumping_knowledge="max",
                ),
            ),
        ),
        parted=unequal_graphs(symmetry),
        capabilities=_CLAIMS,
    )
