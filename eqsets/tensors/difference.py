"""The difference of two biases, of which the second may be missing."""

from __future__ import annotations

from torch import Tensor

__all__ = ["bias_difference"]


def bias_difference(own: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Return the bias of the difference of two maps, where the first has one if the second has."""
    return own if own is None or other is None else own - other
