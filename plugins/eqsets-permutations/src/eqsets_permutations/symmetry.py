r"""The symmetry of graphs and point sets: permutations of the nodes of an element.

.. math:: L(X)_i = L_1(A_i, x_i) + L_2(\textstyle\sum_j A_j, \sum_j x_j)

with :math:`L_1, L_2` any convolutions on graphs, or, on point sets, all equivariant linear maps.
The group is a family, one symmetric group for each node count: layers take elements of any size,
and ``group`` is the member that moves random samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from eqsets import ElementSymmetry, FeatureType, FeatureTypeError
from eqsets.errors import choices
from eqsets.groups import SymmetricGroup
from eqsets.layout import Layout
from eqsets.structure import Structure
from eqsets.symmetry import Conversion, SetCall
from eqsets_permutations.conversion import GraphCall, NodeConversion, call_graph_network
from eqsets_permutations.convolution.batching import disjoint_union
from eqsets_permutations.convolution.linear import GCN, GIN, SAGE, GraphConvolution
from eqsets_permutations.convolution.pyg import no_categories, pyg_convolution
from eqsets_permutations.edges import Edges, as_edges
from eqsets_permutations.features import SAMPLE_NODES, NodeFeatures, PairFeatures, parse
from eqsets_permutations.layers.basis import NodeLinear, SecondOrderLinear
from eqsets_permutations.layers.norm import NodeNorm
from eqsets_permutations.layers.readout import (
    READOUTS,
    Embedding,
    NodePart,
    NodeReadout,
    PairPart,
    PairReadout,
)
from eqsets_permutations.structure import GraphStructure
from eqsets_permutations.subgraphs.bag_structure import BagStructure, NodeBatch

__all__ = ["Permutations"]

_OWN: dict[str, Callable[..., nn.Module]] = {
    "gcn": GCN,
    "gin": GIN,
    "graph": GraphConvolution,
    "sage": SAGE,
}


class Permutations(ElementSymmetry):
    r"""Graphs and point sets ``(P, C)``, up to the order of their nodes.

    ``structure=`` says what the edges are: an ``edge_index`` or a PyG ``Data`` that all elements
    share, or an :class:`~eqsets_permutations.edges.Edges` with one graph for each set or element.

    Arguments:
        nodes: node count of random samples and of the group that moves them, for tests; layers
            take any.
        readout: what invariants are over the nodes: ``"mean"``, ``"sum"`` or ``"max"``.

    Raises:
        FeatureTypeError: an argument is not of the kind that is expected.

    Example:
        >>> import torch
        >>> from eqsets import DSS
        >>> ring = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
        >>> layer = DSS(Permutations(), 3, 16, conv="gcn")
        >>> layer(torch.randn(2, 7, 4, 3), structure=ring).shape
        torch.Size([2, 7, 4, 16])
    """

    structured = True

    def __init__(self, nodes: int = SAMPLE_NODES, readout: str = "mean") -> None:
        if isinstance(nodes, bool) or not isinstance(nodes, int) or nodes < 1:
            raise FeatureTypeError(
                f"element group 'permutations' got nodes={nodes!r}, expected a whole number of at "
                "least 1. It is the node count of random samples only."
            )
        if readout not in READOUTS:
            raise FeatureTypeError(f"unknown readout {readout!r}: {choices(readout, READOUTS)}")
        self.nodes, self.readout = nodes, readout

    @property
    def group(self) -> SymmetricGroup:
        return SymmetricGroup(self.nodes)

    def feature_type(self, spec: Any) -> NodeFeatures | PairFeatures:
        """Return the type that ``spec`` names: ``16``, ``"16 nodes"``, ``"4 pairs"``, or a type.

        Raises:
            FeatureTypeError: the specification is not understood.
        """
        return parse(spec, self.nodes)

    def linear(
        self, in_type: FeatureType, out_type: FeatureType, *, bias: bool = True, **options: Any
    ) -> nn.Module:
        """Return a convolution, or without ``conv`` the complete linear map.

        Arguments:
            in_type: type of the input.
            out_type: type of the output.
            bias: whether to add one.
            options: ``conv``: ``"gcn"``, ``"gin"``, ``"graph"``, ``"sage"``, the short name of
                any other convolution of PyG, or a callable ``(in_channels, out_channels,
                **options) -> nn.Module``; ``edge_categories``: for a convolution of PyG that takes
                ``edge_attr``, number of categories of each of its columns, which each layer embeds;
                all others go to the convolution.

        Raises:
            FeatureTypeError: types or options do not fit.
            PluginError: there is no such convolution.
        """
        source, target = self.feature_type(in_type), self.feature_type(out_type)
        conv = options.pop("conv", None)
        categories = options.pop("edge_categories", None)
        if categories is not None and (
            conv is None or conv == "linear" or (isinstance(conv, str) and conv in _OWN)
        ):
            raise FeatureTypeError(no_categories(conv))
        if conv is None or conv == "linear":
            self._no_options(options)
            if isinstance(source, NodeFeatures) and isinstance(target, NodeFeatures):
                return NodeLinear(source, target, bias=bias)
            return SecondOrderLinear(source, target, bias=bias)
        if isinstance(source, PairFeatures) or isinstance(target, PairFeatures):
            raise FeatureTypeError(
                f"convolution {conv!r} maps {source!r} to {target!r}, expected features of nodes. "
                "Leave conv out: pairs have the complete linear map."
            )
        if not isinstance(conv, str) or conv not in _OWN:
            if not isinstance(conv, str) and not callable(conv):
                raise FeatureTypeError(
                    f"got conv={conv!r}, expected a name or a callable that builds a module. "
                    "Write for example conv='gcn'."
                )
            return pyg_convolution(conv, source.count, target.count, bias, options, categories)
        try:
            return _OWN[conv](source.count, target.count, bias=bias, **options)
        except TypeError as error:
            raise FeatureTypeError(
                f"convolution {conv!r} got the options {sorted(options)}: {error}. Expected those "
                "of its class in eqsets_permutations; leave the others out."
            ) from error

    def invariant(self, in_type: FeatureType) -> nn.Module:
        """Return the mean (or sum, maximum) over nodes; of pairs, on and off the diagonal."""
        return self._read(in_type, self.readout)

    def maximum(self, in_type: FeatureType) -> nn.Module:
        """Return the maximum over nodes; of pairs, on and off the diagonal."""
        return self._read(in_type, "max")

    def _read(self, in_type: FeatureType, kind: str) -> nn.Module:
        source = self.feature_type(in_type)
        if isinstance(source, PairFeatures):
            return PairReadout(source, kind)
        return NodeReadout(source, kind)

    def embed(self, features: int, out_type: FeatureType) -> nn.Module:
        """Return the map that writes invariants to every node (or pair)."""
        return Embedding(features, self.feature_type(out_type))

    def invariant_part(self, out_type: FeatureType) -> NodePart | PairPart | None:
        """Return the mean over the nodes, or over the pairs on and off the diagonal.

        Where invariants are maxima, elements share nothing that is linear: ``None``.
        """
        target = self.feature_type(out_type)
        if self.readout == "max":
            return None
        return PairPart() if isinstance(target, PairFeatures) else NodePart()

    def norm(self, in_type: FeatureType, kind: str = "element") -> nn.Module:
        """Return a normalisation: ``"element"`` of each node by itself, ``"batch"`` over all.

        Nodes are normalised one by one so that the size of a graph does not matter, nor whether it
        comes padded or ragged.
        """
        if kind == "element":
            return NodeNorm(self.feature_type(in_type))
        return super().norm(in_type, kind)

    def structure(self, given: Any) -> Structure:
        """Return a snapshot of the edges, which stores the matrices that layers build from it.

        Raises:
            ShapeError: ``given`` has no edges.
        """
        if isinstance(given, BagStructure):
            return given.prepared()
        if given is None or isinstance(given, Structure):
            return super().structure(given)
        return GraphStructure(as_edges(given).prepared())

    def conversions(self) -> Sequence[Conversion]:
        """Return the convolutions of PyG, and linear maps of channels."""
        return (
            NodeConversion(
                "torch_geometric.nn.conv.message_passing.MessagePassing",
                "torch_geometric.nn.dense.linear.Linear",
                "torch.nn.modules.linear.Linear",
            ),
            *super().conversions(),
        )

    def set_call(self, layout: Layout, rows: Tensor, structure: Any) -> SetCall:
        """Return the sets as batches of graphs, where there are edges.

        Raises:
            FeatureTypeError: the elements are graphs of different sizes.
        """
        call = super().set_call(layout, rows, structure)
        if structure is None:
            return call
        if not isinstance(call.structure, GraphStructure):
            raise FeatureTypeError(
                f"set_aware got structure of {type(call.structure).__name__}, expected edges of "
                "graphs with equally many nodes. Pass an edge_index, or Edges."
            )
        points = rows.shape[1]
        unions = (
            disjoint_union(_sized(part, points), count, points)
            for part, count in (
                (call.structure.rows(layout)[0], layout.num_rows),
                (call.structure.sets(layout)[0], layout.num_sets),
            )
        )
        return GraphCall(layout, call.structure, points, *unions)

    def call_model(self, model: nn.Module, rows: Tensor, call: SetCall) -> Any:
        """Call a network as PyG does where there are edges, else ``model(rows)``."""
        if isinstance(call, GraphCall):
            return call_graph_network(model, rows, call)
        return model(rows)


def _sized(edges: Edges | NodeBatch, points: int) -> Edges:
    """Return edges whose graphs have a number of nodes that is known."""
    if isinstance(edges, NodeBatch):
        raise AssertionError("set_aware refuses elements of unequal sizes")
    if edges.nodes is None:
        edges.check(points)
        return replace(edges, nodes=points)
    return edges
