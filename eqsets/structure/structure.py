"""Side information of elements, such as edges or positions, as one object.

Requirements that shaped this module:

- a layer asks one object for the side information of its rows and of its sets, and never asks
  whether there is any: :data:`NO_STRUCTURE` gives no arguments;
- what is costly to compute from the side information is computed once, when the object is made, and
  is shared by all layers that are given the object;
- how the side information moves with a group element is a method of the same object.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor

from eqsets.layout import Layout

__all__ = ["NO_STRUCTURE", "NoStructure", "SharedStructure", "Structure"]


class Structure(ABC):
    """Side information of the elements of a batch of sets.

    A symmetry makes it from what users pass as ``structure=``
    (:meth:`~eqsets.ElementSymmetry.structure`). Row modules take ``(x, *arguments)``; the arguments
    are a tuple, empty where there is nothing to pass.
    """

    @property
    def given(self) -> Any:
        """What users pass as ``structure=`` to obtain this object; by default the object."""
        return self

    @abstractmethod
    def rows(self, layout: Layout) -> tuple[Any, ...]:
        """Return the further arguments of modules on the rows ``(R, *element)``."""

    def sets(self, layout: Layout) -> tuple[Any, ...]:
        """Return the further arguments of modules on one element a set, ``(B, *element)``.

        By default those of the rows: side information that all elements share.
        """
        return self.rows(layout)

    def readout_layout(self, layout: Layout) -> Layout:
        """Return the layout of invariants ``(E, features)``; by default that of the rows.

        Another one only where a row is a part of an element, such as a node of a graph in a batch
        of graphs of different sizes: then there is one row of invariants for each element.
        """
        return layout.elements

    def invariant_layout(self, layout: Layout, invariants: Tensor) -> Layout:
        """Return the layout of what a symmetry's ``shared_invariant`` returned.

        That of the rows, where rows are parts of elements and each part has its own.
        """
        by_part = layout.parts is not None and invariants.dim() > 2
        return layout if by_part else self.readout_layout(layout)

    def spread_to_rows(self, layout: Layout, elements: Tensor) -> Tensor:
        """Return numbers of elements ``(E, ...)`` for each row of a layout, ``(R, ...)``."""
        spread = self.spread(elements)
        return spread if layout.parts is None else layout.parts.spread(spread)

    def spread(self, elements: Tensor) -> Tensor:
        """Return numbers of elements ``(E, ...)`` for each row, ``(R, ...)``; by default the same.

        Another result only where :meth:`readout_layout` is another one: each part of an element
        gets the numbers of its element.
        """
        return elements

    @abstractmethod
    def transform(self, g: Tensor) -> Structure:
        """Return the side information of elements that ``g`` has acted on."""


class NoStructure(Structure):
    """No side information: modules take rows only."""

    @property
    def given(self) -> None:
        return None

    def rows(self, layout: Layout) -> tuple[Any, ...]:
        """Return no argument; where rows are parts of elements, which rows form an element."""
        return () if layout.parts is None else (layout.parts,)

    def sets(self, layout: Layout) -> tuple[Any, ...]:
        return () if layout.context_parts is None else (layout.context_parts,)

    def transform(self, g: Tensor) -> NoStructure:
        return self


class SharedStructure(Structure):
    """Side information that all elements share, and that modules take as users give it.

    Arguments:
        given: what users pass.
        move: returns it moved by a group element; ``None`` where it is invariant.
    """

    def __init__(self, given: Any, move: Callable[[Tensor, Any], Any] | None = None) -> None:
        self._given, self.move = given, move

    @property
    def given(self) -> Any:
        return self._given

    def rows(self, layout: Layout) -> tuple[Any, ...]:
        return (self._given,)

    def transform(self, g: Tensor) -> SharedStructure:
        return self if self.move is None else SharedStructure(self.move(g, self._given), self.move)


NO_STRUCTURE = NoStructure()
"""What symmetries without side information, and calls without ``structure=``, use."""
