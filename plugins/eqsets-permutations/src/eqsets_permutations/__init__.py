"""Sets of graphs and point sets for eqsets: the element group permutes the nodes of an element.

Importing this package imports no torch_geometric: a name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eqsets_permutations.categories import (
        CategoryEmbedding,
        NodeCategories,
        category_sizes,
    )
    from eqsets_permutations.convolution.linear import GCN, GIN, SAGE, GraphConvolution
    from eqsets_permutations.edges import Edges
    from eqsets_permutations.features import NodeFeatures, PairFeatures
    from eqsets_permutations.graph_sets import join_edges, sets_of_graphs
    from eqsets_permutations.network import GraphNetwork
    from eqsets_permutations.subgraphs.bag_structure import BagStructure
    from eqsets_permutations.subgraphs.bags import BagData, OnBags, as_sets, bag
    from eqsets_permutations.subgraphs.esan import DSSGNN, vote
    from eqsets_permutations.subgraphs.policies import (
        EdgeDeleted,
        EgoNets,
        NodeDeleted,
        SubgraphPolicy,
    )
    from eqsets_permutations.subgraphs.processing import (
        SampledSubgraphs,
        SubgraphDataset,
        process_subgraphs,
    )
    from eqsets_permutations.symmetry import Permutations

__version__ = "0.2.0"

__all__ = [
    "DSSGNN",
    "GCN",
    "GIN",
    "SAGE",
    "BagData",
    "BagStructure",
    "CategoryEmbedding",
    "EdgeDeleted",
    "Edges",
    "EgoNets",
    "GraphConvolution",
    "GraphNetwork",
    "NodeCategories",
    "NodeDeleted",
    "NodeFeatures",
    "OnBags",
    "PairFeatures",
    "Permutations",
    "SampledSubgraphs",
    "SubgraphDataset",
    "SubgraphPolicy",
    "__version__",
    "as_sets",
    "bag",
    "category_sizes",
    "join_edges",
    "process_subgraphs",
    "sets_of_graphs",
    "vote",
]

_MODULES = {
    "categories": (
        "CategoryEmbedding",
        "NodeCategories",
        "category_sizes",
    ),
    "convolution.linear": ("GCN", "GIN", "SAGE", "GraphConvolution"),
    "edges": ("Edges",),
    "features": ("NodeFeatures", "PairFeatures"),
    "graph_sets": ("join_edges", "sets_of_graphs"),
    "network": ("GraphNetwork",),
    "subgraphs.bag_structure": ("BagStructure",),
    "subgraphs.bags": ("BagData", "OnBags", "as_sets", "bag"),
    "subgraphs.esan": ("DSSGNN", "vote"),
    "subgraphs.policies": ("EdgeDeleted", "EgoNets", "NodeDeleted", "SubgraphPolicy"),
    "subgraphs.processing": ("SampledSubgraphs", "SubgraphDataset", "process_subgraphs"),
    "symmetry": ("Permutations",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
