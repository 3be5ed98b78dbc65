"""The contract spec of ``"permutations"`` for ``eqsets.testing``."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from eqsets import DSS, SetNetwork
from eqsets.testing import Capabilities, ContractSpec, SetCase
from eqsets_permutations.edges import Edges
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
            principal=aggregation == "sum",
            **common,  # type: ignore[arg-type]
        )
        for conv in _CONVOLUTIONS
        for aggregation in ("sum", "max")
    ]
    points = partial(DSS, symmetry, source, target, aggregation="sum")
    sets.append(SetCase("DSS on points", points, oracle=_by_loop, principal=False, **common))  # type: ignore[arg-type]
    network = partial(SetNetwork, symmetry, [source, target, target], conv="gcn")
    sets.append(SetCase("graph network", network, structure=_random_edges, **common))  # type: ignore[arg-type]
    return ContractSpec(
        "permutations",
        plugin=True,
        symmetry=symmetry,
        types=(source, target, pairs),
        sets=tuple(sets),
        capabilities=_CLAIMS,
    )
