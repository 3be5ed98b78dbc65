r"""Context modules: what a set contributes to the output at each of its elements.

A layer is :math:`y_i = \mathrm{combine}(L_1 x_i, c_i)`: a local map, a context and a combiner. A
context module may have weights of its own; :meth:`eqsets.Aggregation.build` builds it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from torch import Tensor, nn

from eqsets.errors import FeatureTypeError, ShapeError
from eqsets.layout import Layout
from eqsets.sets import SetBatch
from eqsets.structure import Structure

__all__ = [
    "Context",
    "InvariantContext",
    "MappedContext",
    "ReducedContext",
    "require_equal_sizes",
]


class Reduction(Protocol):
    """What a context needs of an aggregation: a set becomes one element."""

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor: ...

    def reduce_input(self, layout: Layout, rows: Tensor) -> Tensor: ...


class Context(nn.Module, ABC):
    """Map a batch of sets to their contexts.

    Attributes:
        reads_local: whether the module is given the output of the local map. If not, the layer
            computes the context first.
        reads_map: whether the module is given the local map itself, as ``local_map``.
        per_element: whether each element has a context of its own, ``(R, *element)``; otherwise
            there is one a set, ``(B, *element)``.
    """

    reads_local: bool = False
    reads_map: bool = False
    per_element: bool = False

    @abstractmethod
    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        """Return ``(B, *element)``, or ``(R, *element)`` if ``per_element``.

        Axes of size 1 inside an element stand for equal values along them.

        Arguments:
            layout: which rows form a set; reductions and broadcasts over sets are its methods.
            rows: ``(R, *element)``, the input. Absent rows of a padded input are zero.
            structure: side information; row modules take ``structure.rows(layout)``, modules on
                one element a set ``structure.sets(layout)``.
            local: ``(R, *element)``, the output of the local map if ``reads_local``, else ``None``.
        """

    def local_and_context(
        self, layout: Layout, rows: Tensor, structure: Structure, local_map: nn.Module
    ) -> tuple[Tensor, Tensor]:
        """Return the output of the local map, ``(R, *element)``, and the context.

        Arguments:
            layout: which rows form a set.
            rows: ``(R, *element)``, the input.
            structure: side information.
            local_map: the local map of the layer.
        """
        if self.reads_local:
            local: Tensor = local_map(rows, *structure.rows(layout))
            return local, self(layout, rows, structure, local)
        # First the context: backward runs the other way around, and can then add the small
        # gradient of the context to that of the rows in place.
        given = {"local_map": local_map} if self.reads_map else {}
        context: Tensor = self(layout, rows, structure, **given)
        return local_map(layout.branch(rows), *structure.rows(layout)), context

    def parts(
        self, layout: Layout, rows: Tensor, structure: Structure, local_map: nn.Module
    ) -> tuple[Tensor, Tensor]:
        """Return what elements have of their own, ``(R, *element)``, and what they share.

        They add up to the same output; arguments as for :meth:`local_and_context`, whose result
        they are by default.
        """
        return self.local_and_context(layout, rows, structure, local_map)

    def initialize(self, local: nn.Module) -> None:
        """Choose initial weights that depend on the local map of the layer; by default they stay.

        Called once, when the layer has built both maps.
        """

    def weights(self, layout: Layout, rows: Tensor, structure: Structure) -> Tensor | SetBatch:
        """Return the weights of the elements, in the layout of the input; arguments as above.

        Raises:
            FeatureTypeError: the context does not weigh elements.
        """
        raise FeatureTypeError(
            f"return_weights=True needs a context that weighs elements, got {type(self).__name__}, "
            "expected aggregation 'attention' or 'gated-attention'. Leave return_weights=False."
        )


class MappedContext(Context):
    r"""Reduce the input, then map it: :math:`c = L_2 \, \mathrm{agg}_j \, x_j`, one map a set.

    Arguments:
        reduction: reduces a set to one element.
        linear: the map :math:`L_2`.
    """

    def __init__(self, reduction: Reduction, linear: nn.Module) -> None:
        super().__init__()
        self.reduction, self.aggregate = reduction, linear

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        reduced = self.reduction.reduce_input(layout, rows)
        context: Tensor = self.aggregate(reduced, *structure.sets(layout))
        return context


def require_equal_sizes(context: Tensor, local: Tensor) -> None:
    """Raise :class:`~eqsets.ShapeError` where both maps of a layer give elements of other sizes."""
    if context.shape[1:] != local.shape[1:]:
        raise ShapeError(
            f"a layer got elements of shape {tuple(local.shape[1:])} from its local map and "
            f"{tuple(context.shape[1:])} from the map of its context, expected equal shapes. Give "
            "both the options that change sizes, such as padding: DSS(..., padding=0, "
            "context={'kernel_size': 3, 'padding': 0}), or leave them out."
        )


class ReducedContext(Context):
    r"""Reduce the local output: :math:`c = \mathrm{agg}_j \, L_1 x_j`, without a second map."""

    reads_local = True

    def __init__(self, reduction: Reduction) -> None:
        super().__init__()
        self.reduction = reduction

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        return self.reduction.reduce(layout, _given(local))


class InvariantContext(Context):
    r"""Reduce invariants, then write them into features: :math:`c = E \, \mathrm{agg}_j \, u(x_j)`.

    For elements that each have a group element of their own. The local output gives the sizes of
    the features that are written, and is what invariants are read of if ``of_local``.

    Arguments:
        reduction: reduces a set to one element.
        invariant: the invariants :math:`u`.
        embedding: the map :math:`E`.
        of_local: whether invariants are those of the local output instead of the input.
    """

    reads_local = True

    def __init__(
        self, reduction: Reduction, invariant: nn.Module, embedding: nn.Module, *, of_local: bool
    ) -> None:
        super().__init__()
        self.reduction, self.of_local = reduction, of_local
        self.invariant, self.aggregate = invariant, embedding

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        local = _given(local)
        read = self.invariant(local if self.of_local else rows, *structure.rows(layout))
        reduced = self.reduction.reduce(structure.invariant_layout(layout, read), read)
        context: Tensor = self.aggregate(reduced, *structure.sets(layout), like=local)
        return context


def _given(local: Tensor | None) -> Tensor:
    if local is None:
        raise AssertionError("a context that reads the local output is called with it")
    return local
