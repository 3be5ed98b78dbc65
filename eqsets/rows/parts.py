"""Modules for the parts of a direct sum."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from eqsets.features.direct_sum import DirectSum

__all__ = ["EachPart", "EachPartNorm"]


class EachPart(nn.Module):
    """Apply a module of its own to each part of a direct sum; types are preserved.

    Arguments:
        in_type: type of the features.
        modules: one for each part, ``(E, *part) -> (E, *part)``.
    """

    def __init__(self, in_type: DirectSum, modules: Iterable[nn.Module]) -> None:
        super().__init__()
        self.in_type, self.parts = in_type, nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, dim)``."""
        split = self.in_type.split(x)
        return self.in_type.join([m(part) for m, part in zip(self.parts, split, strict=True)])


class EachPartNorm(nn.Module):
    """Apply a norm of its own to each part of a direct sum."""

    def __init__(self, in_type: DirectSum, norms: Iterable[nn.Module]) -> None:
        super().__init__()
        self.in_type, self.parts = in_type, nn.ModuleList(norms)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Normalise ``x: (E, dim)``; ``present: (E,)`` as for any norm."""
        split = self.in_type.split(x)
        parts = [norm(part, present) for norm, part in zip(self.parts, split, strict=True)]
        return self.in_type.join(parts)
