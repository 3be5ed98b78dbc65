"""What modules on rows do where a row is a part of an element instead of an element.

The layout of a batch says which rows form an element; modules that compute something of an element
as a whole (norms, dropout) take it as ``parts=``.
"""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

__all__ = ["PartLayout", "part_arguments"]


class PartLayout(Protocol):
    """Which rows ``(T, 1, *part)`` form an element; :class:`eqsets.layout.Members` is one."""

    @property
    def num_sets(self) -> int:
        """Number of elements ``E``."""

    def sum(self, rows: Tensor) -> Tensor:
        """Return the sum over the parts of each element, ``(E, 1, *part)``."""

    def mean(self, rows: Tensor) -> Tensor:
        """Return the mean over the parts of each element."""

    def max(self, rows: Tensor) -> Tensor:
        """Return the maximum over the parts of each element."""

    def spread(self, sets: Tensor) -> Tensor:
        """Return ``(E, ...)`` for each part, ``(T, ...)``."""


def part_arguments(module: nn.Module, parts: PartLayout | None) -> dict[str, Any]:
    """Return what a module is given of the parts of elements, by name."""
    takes = parts is not None and getattr(module, "takes_parts", False)
    return {"parts": parts} if takes else {}
