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

import torch
from torch import Tensor, nn

from eqsets.aggregation.aggregation import Aggregation, Mean
from eqsets.aggregation.combiners import AddCentered
from eqsets.aggregation.context import Context
from eqsets.constants import Constants, on_cpu
from eqsets.errors import FeatureTypeError, ShapeError
from eqsets.features import FeatureType
from eqsets.layout import Layout
from eqsets.products.fixed import fixed_points
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
    ) -> Context:
        """Return the context :math:`B m - A m`; see :meth:`eqsets.Aggregation.build`.

        Raises:
            FeatureTypeError: independent alignment of a type whose invariant part is not known.
        """
        if alignment == "independent":
            invariant = symmetry.shared_invariant(in_type)
            embedding = symmetry.embed(invariant.features, out_type)  # type: ignore[arg-type]
            projection = InvariantPart(symmetry, out_type)
            offset = symmetry.embed(1, out_type) if bias else None
            return InvariantCenteredContext(invariant, embedding, projection, offset)
        linear = symmetry.linear(in_type, out_type, bias=bias, **layer_options)
        return MapCenteredContext(linear) if symmetry.structured else CenteredContext(linear)


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
        mean = Mean().reduce_input(layout, rows)
        common: Tensor = self.aggregate(mean, *structure.sets(layout))
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
        return common - mapped


class InvariantCenteredContext(Context):
    r"""The context :math:`E \bar u - P \frac1n \sum_j A x_j + b`, for elements that move alone.

    Arguments:
        invariant: the invariants :math:`u`.
        embedding: the map :math:`E`.
        projection: the projection :math:`P` onto the invariant part of the output.
        offset: embedding of one invariant, the bias :math:`b`, or ``None``.
    """

    reads_local = True

    def __init__(
        self,
        invariant: nn.Module,
        embedding: nn.Module,
        projection: InvariantPart,
        offset: nn.Module | None,
    ) -> None:
        super().__init__()
        self.invariant, self.aggregate = invariant, embedding
        self.projection, self.offset = projection, offset
        if offset is not None:
            for parameter in offset.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        if local is None:
            raise AssertionError("the centred context is called with the output of the local map")
        if structure.readout_layout(layout) is not layout:
            raise ShapeError(
                "aggregation 'centered' with alignment='independent' got elements of different "
                "sizes as rows of their parts, expected one row for each element. Group elements "
                "by size, or use aggregation 'mean'."
            )
        read = layout.mean(self.invariant(rows, *structure.rows(layout)))
        side = structure.sets(layout)
        context: Tensor = self.aggregate(read, *side, like=local)
        context = context - self.projection(layout.mean(local))
        if self.offset is None:
            return context
        offset: Tensor = self.offset(read.new_ones(len(read), 1), *side, like=local)
        return context + offset


class InvariantPart(nn.Module):
    """Project features onto the vectors that the group leaves invariant, channel by channel.

    Raises:
        FeatureTypeError: the invariant vectors are not known for all sizes, there are none, or
            projecting on them does not commute with the group.
    """

    def __init__(self, symmetry: ElementSymmetry, feature_type: FeatureType) -> None:
        super().__init__()
        axis = feature_type.channel_axis
        pooled = type(symmetry).shared_invariant is ElementSymmetry.shared_invariant
        if axis is None or not pooled:
            raise FeatureTypeError(
                f"aggregation 'centered' got {feature_type!r} with alignment='independent', "
                "expected a type with a channel axis whose invariants are of the whole element: "
                "which part of it the elements share is not known. Use aggregation 'mean', or "
                "alignment='shared'."
            )
        self.axis = axis
        one = feature_type.with_channels(1)
        fixed = fixed_points(symmetry, one)
        self.constant = fixed[0].numel() == 1
        if self.constant and not feature_type.pointwise:
            raise FeatureTypeError(
                f"aggregation 'centered' got {feature_type!r} with alignment='independent', "
                "expected a pointwise type. Use aggregation 'mean', or alignment='shared'."
            )
        with on_cpu():
            orthonormal = torch.linalg.qr(fixed.reshape(len(fixed), -1).mT)[0].mT.contiguous()
            self.constants = Constants(vectors=None if self.constant else orthonormal)
            if not self.constant:
                self._require_invariant(symmetry, one)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (B, *element)`` to its invariant part, which broadcasts to the same shape."""
        if self.constant:
            axes = [axis for axis in range(1, x.dim()) if axis != x.dim() + self.axis]
            return x.mean(axes, True) if axes else x
        last = x.movedim(self.axis, -1)
        vectors = self.constants.get("vectors", x)
        flat = last.reshape(len(x), -1, last.shape[-1])
        return (vectors.mT @ (vectors @ flat)).reshape(last.shape).movedim(-1, self.axis)

    def _require_invariant(self, symmetry: ElementSymmetry, one: FeatureType) -> None:
        generator = torch.Generator().manual_seed(0)
        x = one.sample(4, generator=generator, dtype=torch.float64)
        moved = one.transform(symmetry.group.sample(4, generator=generator), x)
        if not torch.allclose(self(moved), self(x), atol=1e-8):
            raise FeatureTypeError(
                f"aggregation 'centered' got {one!r}, whose group changes lengths, with "
                "alignment='independent', expected an orthogonal action. Use aggregation 'mean'."
            )
