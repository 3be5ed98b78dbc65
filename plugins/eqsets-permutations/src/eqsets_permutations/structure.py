"""The edges of a batch as side information: of its rows, and of one graph a set."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from eqsets.layout import Layout
from eqsets.structure import Structure
from eqsets_permutations.convolution.batching import edges_of_rows, edges_of_sets
from eqsets_permutations.edges import Edges

__all__ = ["GraphStructure"]


@dataclass(frozen=True, eq=False)
class GraphStructure(Structure):
    """Edges of one graph for all elements, of one for each set, or of one for each element.

    Arguments:
        edges: as given.
    """

    edges: Edges

    @property
    def given(self) -> Edges:
        return self.edges

    def rows(self, layout: Layout) -> tuple[Edges]:
        return (edges_of_rows(self.edges, layout),)

    def sets(self, layout: Layout) -> tuple[Edges]:
        """Return the edges of the context, or the sum of those of the elements of each set."""
        return (edges_of_sets(self.edges, layout),)

    def transform(self, g: Tensor) -> GraphStructure:
        """Relabel the nodes: ``g`` is one permutation ``(P,)``, or one of each graph."""
        return GraphStructure(self.edges.relabel(g))
