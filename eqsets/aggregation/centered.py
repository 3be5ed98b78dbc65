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
from eqsets.aggregation.context import Context, require_equal_sizes
from eqsets.errors import FeatureTypeError, OptionError
from eqsets.features import FeatureType
from eqsets.layout import Layout
from eqsets.rows import InvariantPart
from eqsets.structure import Structure
from eqsets.symmetry import ElementSymmetry

__all__ = ["Centered"]


@dataclass(frozen=True)
class Centered(Aggregation):
    r"""A weight for the differences from the mean and one for the mean; one element gives B x.

    Arguments:
        start: how far B is from A at first, in [0, 1]: :math:`B = (1 - s) A + s R`, where R has the
            initial weights of a map by itself. With 1, both are independent: best where elements
            are compared. Near 0 the layer is nearly Siamese at first, and elements learn to see
            each other: best where few sets are given and one element decides. For shared
            alignment.

    Raises:
        OptionError: ``start`` is no number in [0, 1].

    Example:
        >>> from eqsets import DSS
        >>> layer = DSS("trivial", 3, 4, aggregation=Centered(start=0.0))
        >>> torch.equal(layer.aggregate.weight, layer.siamese.weight)
        True
    """

    start: float = 1.0

    combiner = AddCentered()

    def __post_init__(self) -> None:
        if isinstance(self.start, bool) or not isinstance(self.start, int | float):
            raise _bad_start(self.start)
        if not 0 <= self.start <= 1:
            raise _bad_start(self.start)

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
        on_mean = symmetry.structured or hasattr(linear, "can_subtract")
        context = MapCenteredContext if on_mean else CenteredContext
        return context(linear, self.start)


def _bad_start(given: object) -> OptionError:
    return OptionError(
        f"aggregation 'centered' got start={given!r}, expected a number from 0 (both maps are "
        "equal at first) to 1 (independent). Write for example start=0.1."
    )


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
        start: how far its weights are from those of :math:`A` at first.
    """

    reads_local = True

    def __init__(self, linear: nn.Module, start: float = 1.0) -> None:
        super().__init__()
        self.aggregate, self._start = linear, start

    def initialize(self, local: nn.Module) -> None:
        start_near(self.aggregate, local, self._start)

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        if local is None:
            raise AssertionError("the centred context is called with the output of the local map")
        common: Tensor = self.aggregate(Mean().reduce_input(layout, rows), *structure.sets(layout))
        require_equal_sizes(common, local)
        return common - layout.mean(local)

    def parts(
        self, layout: Layout, rows: Tensor, structure: Structure, local_map: nn.Module
    ) -> tuple[Tensor, Tensor]:
        return _differences_and_mean(layout, rows, structure, local_map, self.aggregate)


class MapCenteredContext(Context):
    r"""The context :math:`B m - A m = (B - A) m`.

    Layers with ``can_subtract(other)`` take the keyword ``minus=`` and apply the difference of the
    weights: one map a set. Others are called both, which is also right where elements have side
    information of their own: both maps see that of the set.
    """

    reads_map = True

    def __init__(self, linear: nn.Module, start: float = 1.0) -> None:
        super().__init__()
        self.aggregate, self._start = linear, start

    def initialize(self, local: nn.Module) -> None:
        start_near(self.aggregate, local, self._start)

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
        if _subtractable(self.aggregate, local_map):
            difference: Tensor = self.aggregate(mean, *side, minus=local_map)
            return difference
        common: Tensor = self.aggregate(mean, *side)
        mapped: Tensor = local_map(mean, *side)
        require_equal_sizes(common, mapped)
        return common - mapped

    def parts(
        self, layout: Layout, rows: Tensor, structure: Structure, local_map: nn.Module
    ) -> tuple[Tensor, Tensor]:
        return _differences_and_mean(layout, rows, structure, local_map, self.aggregate)


def _differences_and_mean(
    layout: Layout, rows: Tensor, structure: Structure, local: nn.Module, common: nn.Module
) -> tuple[Tensor, Tensor]:
    """Return A (x_i - m) and B m, the first as differences of the outputs of A."""
    mean: Tensor = common(Mean().reduce_input(layout, rows), *structure.sets(layout))
    mapped: Tensor = local(layout.branch(rows), *structure.rows(layout))
    require_equal_sizes(mean, mapped)
    return layout.added(mapped, -layout.mean(mapped)), mean


def start_near(common: nn.Module, local: nn.Module, start: float) -> None:
    r"""Move the weights of B to :math:`(1 - s) A + s B`, where both are the same kind of map.

    With unrelated weights, the layer :math:`A x_i + (B - A) m` adds a random map of the whole set
    to every element, which the layers behind must learn to ignore.
    """
    own, other = (dict(each.named_parameters()) for each in (common, local))
    shapes = {name: weight.shape for name, weight in own.items() if name in other}
    if start == 1 or shapes != {name: weight.shape for name, weight in other.items()}:
        return
    with torch.no_grad():
        for name, weight in other.items():
            own[name].lerp_(weight, 1 - start)


def _subtractable(common: nn.Module, local: nn.Module) -> bool:
    """Return whether the weights of one map can be subtracted from those of the other."""
    can_subtract = getattr(common, "can_subtract", None)
    if can_subtract is None or not can_subtract(local):
        return False
    # Not where FSDP2 shards a map by itself: its weights are whole inside its own call only.
    return not any(hasattr(weight, "device_mesh") for weight in local.parameters())


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
        common = self._common(layout, rows, structure, local)
        mean = self._mean_of_local(layout, structure, local)
        return common if mean is None else common - mean

    def parts(
        self, layout: Layout, rows: Tensor, structure: Structure, local_map: nn.Module
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs without the mean of their invariant part, and what is shared."""
        local: Tensor = local_map(rows, *structure.rows(layout))
        common = self._common(layout, rows, structure, local)
        mean = self._mean_of_local(layout, structure, local)
        return (local if mean is None else layout.added(local, -mean)), common

    def _common(self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor) -> Tensor:
        """Return the mean of the invariants of the input as features, and the bias."""
        side, read = structure.sets(layout), self.invariant(rows, *structure.rows(layout))
        invariants = structure.invariant_layout(layout, read).mean(read)
        common: Tensor = self.aggregate(invariants, *side, like=local)
        if self.offset is None:
            return common
        by_part = layout.parts is not None and invariants.dim() > 2
        ones = invariants.new_ones(*invariants.shape[: -1 if by_part else 1], 1)
        offset: Tensor = self.offset(ones, *side, like=local)
        return common + offset

    def _mean_of_local(self, layout: Layout, structure: Structure, local: Tensor) -> Tensor | None:
        """Return the mean of the invariant part of the outputs, which is exchanged."""
        if self.part is None:
            return None
        elements, side = structure.readout_layout(layout), structure.sets(layout)
        if elements is layout:  # one row for each element: fewer are read after the mean
            shared = self.part.read(layout.mean(local), *side)
        else:
            read = self.part.read(local, *structure.rows(layout))
            shared = structure.invariant_layout(layout, read).mean(read)
        return self.part.write(shared, *side, like=local)
