"""What a layer asks of the layout of a batch of sets.

A layer is written once on rows ``(R, *element)``; a layout says which rows belong together. Padded
rows are set to zero on the way in and on the way out, so nothing in them (not even NaN) can leak.

A reduction of the input itself may be given the input before it became rows (``folded``): the
gradient of a sum over it stays expanded, where the reshape to rows would write it out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from eqsets.sets import SetBatch

__all__ = ["Layout"]


class Layout(ABC):
    """Which rows form a set. ``B`` sets, ``R`` rows, features of any shape behind.

    Attributes:
        folded: the input before it became rows, zero at absent rows; ``None`` where it is rows.
    """

    folded: Tensor | None = None

    @property
    def present(self) -> Tensor | None:
        """Which rows are real, ``(R,)`` bool, or ``None`` where all are."""
        return None

    @property
    def parts(self) -> Layout | None:
        """Which rows form an element, where rows are parts of elements; ``None``: rows are."""
        return None

    @property
    def context_parts(self) -> Layout | None:
        """Which contexts form that of a set, where rows are parts of elements."""
        return None

    @property
    def elements(self) -> Layout:
        """Which elements form a set, ``(E, features)``; by default those of the rows."""
        return self

    @property
    @abstractmethod
    def num_sets(self) -> int:
        """Number of sets ``B``."""

    @property
    @abstractmethod
    def num_rows(self) -> int:
        """Number of rows ``R``, absent ones included."""

    @abstractmethod
    def sum(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        """Return the sum over each set, ``(B, *element)``.

        Arguments:
            rows: ``(R, *element)``.
            folded: ``layout.folded``, where ``rows`` are those of the input.
        """

    @abstractmethod
    def mean(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        """Return the mean over each set, ``(B, *element)``; arguments as for :meth:`sum`."""

    @abstractmethod
    def max(self, rows: Tensor, *, folded: Tensor | None = None) -> Tensor:
        """Return the componentwise maximum over each set; arguments as for :meth:`sum`."""

    def branch(self, rows: Tensor) -> Tensor:
        """Return the rows of the input for one more use: the same values.

        Their gradient is a tensor of its own, to which autograd may add in place.
        """
        return rows

    @abstractmethod
    def spread(self, sets: Tensor) -> Tensor:
        """Return ``(B, *element)`` repeated to each row of its set, ``(R, *element)``."""

    @abstractmethod
    def add(self, rows: Tensor, sets: Tensor) -> Tensor | SetBatch:
        """Return rows plus what their set has, broadcasting inside the element, restored."""

    def added(self, rows: Tensor, sets: Tensor) -> Tensor:
        """Return :meth:`add` as rows ``(R, *element)``."""
        y = self.add(rows, sets)
        return y.values if isinstance(y, SetBatch) else y.reshape(rows.shape)

    @abstractmethod
    def restore(self, rows: Tensor) -> Tensor | SetBatch:
        """Return rows in the layout that the user gave."""

    def restore_contexts(self, sets: Tensor) -> Tensor | SetBatch:
        """Return one element a set, ``(B, *element)``, in the layout that the user gave."""
        return sets
