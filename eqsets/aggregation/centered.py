r"""The layer in the coordinates of its two parts: differences from the mean, and the mean.

.. math:: L(X)_i = A (x_i - m) + B m, \qquad m = \frac1n \sum_j x_j

Sets are a direct sum of two parts that reordering never mixes: the differences :math:`x_i - m` and
the mean :math:`m`. Here each has a weight of its own. The published form
:math:`L_1 x_i + L_2 \sum_j x_j` spans the same maps with as many weights, but :math:`A = L_1` acts
on both parts: :math:`B = L_1 + n L_2`.

With independent alignment elements share only what the group leaves invariant, so only that part of
the output is centred: :math:`A x_i - P \frac1n \sum_j A x_j + E \frac1n \sum_j u(x_j)`, with
:math:`P` the projection onto the invariant vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from eqsets.aggregation.aggregation import Aggregation, Mean
from eqsets.aggregation.combiners import AddCentered
from eqsets.aggregation.context import Context, require_equal_sizes
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.layout import Layout
from eqsets.rows import InvariantPart
from eqsets.structure import Structure
from eqsets.symmetry import ElementSymmetry

__all__ = ["Centered"]


@dataclass(frozen=True)
class Centered(Aggregation):
    """A weight for the differences from the mean and one for the mean; one element gives B x."""

    combiner = AddCentered()

    def build(
        self,
        symmetry: ElementSymmetry,
        in_type: FeatureType,
        out_type: FeatureType,
        *,
        alignment: str = "shared",
        bias: bool = False,
        **layer_options: Any,
    ) -> Context | None:
        """Return the context :math:`B m - A m`; see :meth:`eqsets.Aggregation.build`.

        With independent alignment, output types without an invariant vector have none: elements
        share nothing.
        """
        if alignment == "independent":
            offset = _offset(symmetry, out_type)
            if offset is None:
                return None
            invariant = symmetry.shared_invariant(in_type)
            embedding = symmetry.embed(invariant.features, out_type)  # type: ignore[arg-type]
            part = symmetry.invariant_part(out_type)
            return InvariantCenteredContext(invariant, embedding, part, offset if bias else None)
        linear = symmetry.linear(in_type, out_type, bias=bias, **layer_options)
        return MapCenteredContext(linear) if symmetry.structured else CenteredContext(linear)


def _offset(symmetry: ElementSymmetry, out_type: FeatureType) -> nn.Module | None:
    """Return the map of one invariant into a type, or ``None`` where it has no invariant vector."""
    try:
        return symmetry.embed(1, out_type)
    except FeatureTypeError:
        return None


class CenteredContext(Context):
    r"""The context :math:`B m - \frac1n \sum_j A x_j`, of the outputs: no further map.

    Arguments:
        linear: the map :math:`B`.
    """

    reads_local = True

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.aggregate = linear

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        if local is None:
            raise AssertionError("the centred context is called with the output of the local map")
        common: Tensor = self.aggregate(Mean().reduce_input(layout, rows), *structure.sets(layout))
        require_equal_sizes(common, local)
        return common - layout.mean(local)


class MapCenteredContext(Context):
    r"""The context :math:`B m - A m`, where elements may have side information of their own.

    Both maps see the side information of the set. Where all elements share theirs, this is the
    context of the outputs.
    """

    reads_map = True

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.aggregate = linear

    def forward(
        self,
        layout: Layout,
        rows: Tensor,
        structure: Structure,
        local: Tensor | None = None,
        *,
        local_map: nn.Module | None = None,
    ) -> Tensor:
        if local_map is None:
            raise AssertionError("the centred context is called with the local map")
        mean, side = Mean().reduce_input(layout, rows), structure.sets(layout)
        common: Tensor = self.aggregate(mean, *side)
        mapped: Tensor = local_map(mean, *side)
        require_equal_sizes(common, mapped)
        return common - mapped


class InvariantCenteredContext(Context):
    r"""The context :math:`E \bar u - P \frac1n \sum_j A x_j + b`, for elements that move alone.

    Arguments:
        invariant: the invariants :math:`u`.
        embedding: the map :math:`E`.
        part: the projection :math:`P` onto the invariant part of the output; ``None``: zero.
        offset: embedding of one invariant, the bias :math:`b`, or ``None``.
    """

    reads_local = True

    def __init__(
        self,
        invariant: nn.Module,
        embedding: nn.Module,
        part: InvariantPart | None,
        offset: nn.Module | None,
    ) -> None:
        super().__init__()
        self.invariant, self.aggregate = invariant, embedding
        self.part, self.offset = part, offset
        if offset is not None:
            for parameter in offset.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        if local is None:
            raise AssertionError("the centred context is called with the output of the local map")
        elements, side = structure.readout_layout(layout), structure.sets(layout)
        invariants = elements.mean(self.invariant(rows, *structure.rows(layout)))
        context: Tensor = self.aggregate(invariants, *side, like=local)
        if self.part is not None:
            if elements is layout:  # one row for each element: fewer are read after the mean
                shared = self.part.read(layout.mean(local), *side)
            else:
                shared = elements.mean(self.part.read(local, *structure.rows(layout)))
            context = context - self.part.write(shared, *side, like=local)
        if self.offset is None:
            return context
        offset: Tensor = self.offset(invariants.new_ones(len(invariants), 1), *side, like=local)
        return context + offset
